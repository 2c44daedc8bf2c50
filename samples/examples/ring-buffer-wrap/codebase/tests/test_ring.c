#include "ring.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  struct ring ring;
  char out[16] = {0};
  assert(ring_new(&ring, 8) == 0);
  assert(ring_write(&ring, "abc", 3) == 3);
  assert(ring_used(&ring) == 3);
  assert(ring_read(&ring, out, sizeof out) == 3);
  assert(memcmp(out, "abc", 3) == 0);
  assert(ring_used(&ring) == 0);
  ring_free_memory(&ring);
  puts("ok");
  return 0;
}
