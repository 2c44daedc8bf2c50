/* tailer [BYTES]: prints the last bytes of its input, from a line's beginning on. */
#include "ring.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  size_t keep = argc > 1 ? strtoul(argv[1], NULL, 10) : 4096;
  struct ring ring;
  if (ring_new(&ring, keep) != 0) {
    fprintf(stderr, "tailer: can't keep %zu bytes\n", keep);
    return 2;
  }
  char block[512];
  size_t got;
  while ((got = fread(block, 1, sizeof block, stdin)) > 0) {
    for (size_t done = 0; done < got;) {
      if (ring_free(&ring) == 0) {
        char skipped[512];
        size_t line = ring_line(&ring);
        size_t drop = line > 0 && line < sizeof skipped ? line : 1;
        ring_read(&ring, skipped, drop);
      }
      done += ring_write(&ring, block + done, got - done);
    }
  }
  while ((got = ring_read(&ring, block, sizeof block)) > 0) fwrite(block, 1, got, stdout);
  ring_free_memory(&ring);
  return 0;
}
