/* hidden_test NAME: runs one case; exit status 0 when it holds, 1 when it doesn't, 2 for an unknown name. */
#include "ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #condition); \
      exit(1);                                                             \
    }                                                                      \
  } while (0)

static struct ring ring;
static unsigned char out[256];

static void start(size_t capacity) { CHECK(ring_new(&ring, capacity) == 0); }

/* Moves both ends of the empty ring forward. */
static void advance(size_t by) {
  for (size_t i = 0; i < by; i++) {
    CHECK(ring_write(&ring, "-", 1) == 1);
    CHECK(ring_read(&ring, out, 1) == 1);
  }
}

static void expect(const char *text) {
  size_t length = strlen(text);
  CHECK(ring_used(&ring) == length);
  memset(out, 0, sizeof out);
  CHECK(ring_read(&ring, out, sizeof out) == length);
  CHECK(memcmp(out, text, length) == 0);
  CHECK(ring_used(&ring) == 0);
}

static void empty_gives_nothing(void) {
  start(4);
  CHECK(ring_used(&ring) == 0 && ring_free(&ring) == 4);
  CHECK(ring_read(&ring, out, 4) == 0 && ring_peek(&ring, out, 4) == 0 && ring_line(&ring) == 0);
}

static void plain_write_and_read(void) {
  start(16);
  CHECK(ring_write(&ring, "hello", 5) == 5);
  CHECK(ring_write(&ring, " ring", 5) == 5);
  CHECK(ring_free(&ring) == 6);
  expect("hello ring");
}

static void write_takes_what_fits(void) {
  start(4);
  CHECK(ring_write(&ring, "abc", 3) == 3);
  CHECK(ring_write(&ring, "defg", 4) == 1);
}

static void zero_capacity_is_refused(void) { CHECK(ring_new(&ring, 0) == -1); }

static void find_line(void) {
  start(16);
  ring_write(&ring, "one\ntwo", 7);
  CHECK(ring_line(&ring) == 4);
  ring_read(&ring, out, 4);
  CHECK(ring_line(&ring) == 0);
}

static void full_is_not_empty(void) {
  start(4);
  CHECK(ring_write(&ring, "abcd", 4) == 4);
  CHECK(ring_used(&ring) == 4 && ring_free(&ring) == 0);
  CHECK(ring_write(&ring, "x", 1) == 0);
  expect("abcd");
}

static void wrapped_write_is_whole(void) {
  start(8);
  advance(6);
  CHECK(ring_write(&ring, "abcde", 5) == 5);
  for (const char *c = "abcde"; *c != '\0'; c++) {
    CHECK(ring_read(&ring, out, 1) == 1);
    CHECK(out[0] == (unsigned char)*c);
  }
}

static void wrapped_read_is_whole(void) {
  start(8);
  advance(5);
  for (const char *c = "ABCDEF"; *c != '\0'; c++) CHECK(ring_write(&ring, c, 1) == 1);
  expect("ABCDEF");
}

static void peek_wraps(void) {
  start(6);
  advance(4);
  for (const char *c = "12345"; *c != '\0'; c++) CHECK(ring_write(&ring, c, 1) == 1);
  CHECK(ring_peek(&ring, out, 4) == 4);
  CHECK(memcmp(out, "1234", 4) == 0);
  CHECK(ring_used(&ring) == 5);
  expect("12345");
}

static void grow_keeps_wrapped_data(void) {
  start(6);
  advance(4);
  for (const char *c = "vwxyz"; *c != '\0'; c++) CHECK(ring_write(&ring, c, 1) == 1);
  CHECK(ring_grow(&ring, 3) == -1);
  CHECK(ring_grow(&ring, 12) == 0);
  CHECK(ring_free(&ring) == 7);
  CHECK(ring_write(&ring, "0123456789", 10) == 7);
  expect("vwxyz0123456");
}

static void random_against_model(void) {
  unsigned char model[64];
  size_t held = 0;
  unsigned long state = 12345;
  unsigned char next = 0;
  start(23);
  for (int step = 0; step < 20000; step++) {
    state = state * 1103515245u + 12345u;
    size_t length = (state >> 16) % 31;
    if ((state >> 8) & 1u) {
      unsigned char data[32];
      for (size_t i = 0; i < length; i++) data[i] = (unsigned char)(next + i);
      size_t fits = length < 23 - held ? length : 23 - held;
      CHECK(ring_write(&ring, data, length) == fits);
      memcpy(model + held, data, fits);
      held += fits;
      next = (unsigned char)(next + fits);
    } else {
      size_t there = length < held ? length : held;
      CHECK(ring_read(&ring, out, length) == there);
      CHECK(memcmp(out, model, there) == 0);
      memmove(model, model + there, held - there);
      held -= there;
    }
    CHECK(ring_used(&ring) == held && ring_free(&ring) == 23 - held);
  }
}

#define CASE(name) {#name, name}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {
    CASE(empty_gives_nothing),    CASE(plain_write_and_read),  CASE(write_takes_what_fits),
    CASE(zero_capacity_is_refused), CASE(find_line),           CASE(full_is_not_empty),
    CASE(wrapped_write_is_whole), CASE(wrapped_read_is_whole), CASE(peek_wraps),
    CASE(grow_keeps_wrapped_data), CASE(random_against_model),
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++) {
    if (strcmp(cases[i].name, argv[1]) == 0) {
      cases[i].run();
      return 0;
    }
  }
  return 2;
}
