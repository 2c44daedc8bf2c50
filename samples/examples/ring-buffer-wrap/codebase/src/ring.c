#include "ring.h"

#include <stdlib.h>
#include <string.h>

int ring_new(struct ring *ring, size_t capacity) {
  if (capacity == 0) return -1;
  ring->bytes = malloc(capacity);
  if (ring->bytes == NULL) return -1;
  ring->capacity = capacity;
  ring->head = 0;
  ring->tail = 0;
  return 0;
}

void ring_free_memory(struct ring *ring) {
  free(ring->bytes);
  ring->bytes = NULL;
}

size_t ring_used(const struct ring *ring) {
  return (ring->head + ring->capacity - ring->tail) % ring->capacity;
}

size_t ring_free(const struct ring *ring) {
  return ring->capacity - ring_used(ring);
}

size_t ring_write(struct ring *ring, const void *data, size_t length) {
  if (length > ring_free(ring)) length = ring_free(ring);
  memcpy(ring->bytes + ring->head, data, length);
  ring->head = (ring->head + length) % ring->capacity;
  return length;
}

size_t ring_read(struct ring *ring, void *data, size_t length) {
  length = ring_peek(ring, data, length);
  ring->tail = (ring->tail + length) % ring->capacity;
  return length;
}

size_t ring_peek(const struct ring *ring, void *data, size_t length) {
  if (length > ring_used(ring)) length = ring_used(ring);
  memcpy(data, ring->bytes + ring->tail, length);
  return length;
}

size_t ring_line(const struct ring *ring) {
  size_t used = ring_used(ring);
  for (size_t i = 0; i < used; i++) {
    if (ring->bytes[(ring->tail + i) % ring->capacity] == '\n') return i + 1;
  }
  return 0;
}

int ring_grow(struct ring *ring, size_t capacity) {
  if (capacity < ring_used(ring)) return -1;
  unsigned char *bytes = realloc(ring->bytes, capacity);
  if (bytes == NULL) return -1;
  ring->bytes = bytes;
  ring->capacity = capacity;
  return 0;
}
