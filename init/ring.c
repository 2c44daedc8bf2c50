#define _GNU_SOURCE
#include "init.h"

#include <string.h>
#include <sys/mman.h>

uint32_t ring_room(const struct ring *ring) { return ring->size - (uint32_t)(ring->end - ring->start); }

/* Only pages that are written cost memory, and a forked child does not copy them. */
bool ring_map(struct ring *ring) {
  if (ring->data != NULL) return true;
  void *data = mmap(NULL, ring->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return false;
  madvise(data, ring->size, MADV_DONTFORK);
  ring->data = data;
  return true;
}

void ring_unmap(struct ring *ring) {
  if (ring->data != NULL) munmap(ring->data, ring->size);
  ring->data = NULL;
}

static int parts_at(const struct ring *ring, uint64_t from, uint32_t length, struct iovec parts[2]) {
  uint32_t at = (uint32_t)(from % ring->size);
  uint32_t first = length < ring->size - at ? length : ring->size - at;
  parts[0].iov_base = ring->data + at;
  parts[0].iov_len = first;
  if (first == length) return 1;
  parts[1].iov_base = ring->data;
  parts[1].iov_len = length - first;
  return 2;
}

int ring_free_parts(const struct ring *ring, struct iovec parts[2]) {
  return parts_at(ring, ring->end, ring_room(ring), parts);
}

int ring_used_parts(const struct ring *ring, uint64_t from, uint32_t length, struct iovec parts[2]) {
  return parts_at(ring, from, length, parts);
}

/* The caller has checked that there is room. */
void ring_put(struct ring *ring, const uint8_t *data, uint32_t length) {
  struct iovec parts[2];
  int count = parts_at(ring, ring->end, length, parts);
  memcpy(parts[0].iov_base, data, parts[0].iov_len);
  if (count == 2) memcpy(parts[1].iov_base, data + parts[0].iov_len, parts[1].iov_len);
  ring->end += length;
}

void ring_drop(struct ring *ring, uint64_t upto) {
  if (upto > ring->start) ring->start = upto < ring->end ? upto : ring->end;
}
