#ifndef RING_H
#define RING_H

#include <stddef.h>

/* A first-in, first-out buffer of bytes. Its fields are private. */
struct ring {
  unsigned char *bytes;
  size_t capacity;
  size_t head; /* where the next byte is written */
  size_t tail; /* where the next byte is read */
};

/* Makes a ring for capacity bytes. Returns 0, or -1 when capacity is 0 or memory is short. */
int ring_new(struct ring *ring, size_t capacity);
void ring_free_memory(struct ring *ring);

/* Bytes that can be read, and bytes that can be written. */
size_t ring_used(const struct ring *ring);
size_t ring_free(const struct ring *ring);

/* Writes as much of data as fits; returns how much that was. */
size_t ring_write(struct ring *ring, const void *data, size_t length);

/* Reads at most length bytes; returns how many. */
size_t ring_read(struct ring *ring, void *data, size_t length);

/* As ring_read, and leaves the bytes in the ring. */
size_t ring_peek(const struct ring *ring, void *data, size_t length);

/* Length of the first line with its '\n', or 0 when there is no whole line. */
size_t ring_line(const struct ring *ring);

/* Makes room for capacity bytes and keeps the content. Returns 0, or -1 when that is less than what is in it or
   memory is short; the ring is as it was then. */
int ring_grow(struct ring *ring, size_t capacity);

#endif
