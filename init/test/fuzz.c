/* Feeds init's link with bytes. By libFuzzer, or with STANDALONE by a mutating driver: fuzz SEED RUNS. */
#define _GNU_SOURCE
#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void open_link(void) {
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  link_open(fd, fd);
}

static void feed_header(uint8_t type, uint32_t key) {
  uint8_t header[HEADER_SIZE] = {0};
  header[4] = type;
  put_u32(header + 8, key);
  link_feed(header, sizeof header);
}

static void forget_everything(void) {
  if (!link_is_open()) open_link();
  link_close();
  open_link();
  while (all_execs != NULL) {
    struct exec *exec = all_execs;
    uint32_t key = exec->key;
    exec->phase = PHASE_EXITED;
    exec->draining = false;
    for (int i = 0; i < 2; i++) {
      if (exec->out[i].fd >= 0) close(exec->out[i].fd);
      exec->out[i].fd = -1;
      exec->out[i].end_acked = true;
    }
    if (exec->status_fd >= 0) close(exec->status_fd);
    feed_header(F_ACK_EXIT, key);
    drop_finished_execs();
    if (all_execs == exec) abort();
  }
  link_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  signal(SIGPIPE, SIG_IGN);
  open_link();
  size_t at = 0;
  uint32_t turn = 0;
  while (at < size) {
    size_t piece = 1 + (data[at] ^ turn * 37) % 97;
    if (piece > size - at) piece = size - at;
    bool good = link_feed(data + at, piece);
    at += piece;
    turn++;
    for (struct exec *exec = all_execs; exec != NULL; exec = exec->next) {
      for (int i = 0; i < 2; i++) read_output(exec, i);
      write_input(exec);
      if (turn % 7 != 0 || exec->phase != PHASE_RUNNING) continue;
      exec->phase = PHASE_EXITED;
      exec->draining = exec->terminal && exec->out[0].fd >= 0;
      exec->drain_limit = exec->out[0].ring.end + 2000;
    }
    link_flush();
    drop_finished_execs();
    if (!good || turn % 29 == 0) {
      link_close();
      open_link();
    }
  }
  forget_everything();
  return 0;
}

#ifdef STANDALONE
static uint64_t state;

static uint32_t draw(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 20) % below;
}

static size_t put_string(uint8_t *p, const char *text) {
  put_u32(p, (uint32_t)strlen(text));
  memcpy(p + 4, text, strlen(text));
  return 4 + strlen(text);
}

static size_t put_frame(uint8_t *p, uint8_t type, uint8_t stream, uint32_t key, uint32_t arg, uint64_t offset, size_t length) {
  memset(p, 0, HEADER_SIZE);
  put_u32(p, (uint32_t)length);
  p[4] = type;
  p[5] = stream;
  put_u32(p + 8, key);
  put_u32(p + 12, arg);
  put_u64(p + 16, offset);
  return HEADER_SIZE + length;
}

static size_t put_spawn(uint8_t *p, uint32_t key) {
  uint8_t *q = p + HEADER_SIZE;
  put_u32(q, draw(8));
  for (int i = 1; i < 4; i++) put_u32(q + 4 * i, 4096u << draw(4));
  put_u32(q + 16, draw(2) == 0 ? 0 : draw(UINT32_MAX));
  q += 20;
  q += put_string(q, "exe_1");
  q += put_string(q, "/");
  q += put_string(q, "");
  q += put_string(q, "a note");
  put_u32(q, 2);
  q += 4;
  q += put_string(q, "echo");
  q += put_string(q, "hello");
  put_u32(q, 1);
  q += 4;
  q += put_string(q, "A=b");
  put_u32(q, 1);
  put_u32(q + 4, 7);
  put_u64(q + 8, 100);
  put_u64(q + 16, 100);
  q += 24;
  return put_frame(p, F_SPAWN, 0, key, 0, 0, (size_t)(q - p) - HEADER_SIZE);
}

static size_t make_input(uint8_t *data) {
  size_t size = 0;
  uint32_t frames = 1 + draw(20);
  for (uint32_t i = 0; i < frames; i++) {
    uint32_t key = 1 + draw(3);
    uint8_t type = (uint8_t)(1 + draw(17));
    if (type == F_SPAWN || i == 0) {
      size += put_spawn(data + size, key);
    } else if (type == F_STDIN) {
      size_t length = draw(5000);
      memset(data + size + HEADER_SIZE, 'i', length);
      size += put_frame(data + size, type, 0, key, 0, draw(3) == 0 ? draw(9000) : 0, length);
    } else if (type == F_RESUME) {
      put_u64(data + size + HEADER_SIZE, draw(4000));
      put_u64(data + size + HEADER_SIZE + 8, draw(4000));
      size += put_frame(data + size, type, 0, key, 0, 0, 16);
    } else if (type == F_KILL_TREE) {
      memcpy(data + size + HEADER_SIZE, "exe_1", 5);
      size += put_frame(data + size, type, 9, key, i, 0, 5);
    } else {
      size += put_frame(data + size, type, (uint8_t)draw(4), key, draw(3), draw(5000), 0);
    }
  }
  uint32_t changes = draw(4) == 0 ? 0 : 1 + draw(8);
  for (uint32_t i = 0; i < changes; i++) {
    uint32_t at = draw((uint32_t)size);
    switch (draw(4)) {
      case 0:
        data[at] = (uint8_t)draw(256);
        break;
      case 1:
        data[at] ^= (uint8_t)(1 << draw(8));
        break;
      case 2:
        if (at + 4 <= size) put_u32(data + at, draw(2) == 0 ? UINT32_MAX - draw(30) : draw(70000));
        break;
      default:
        if (draw(4) == 0) size = at + 1;
    }
  }
  return size;
}

int main(int argc, char **argv) {
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000;
  static uint8_t data[256 << 10];
  for (uint64_t run = 0; run < runs; run++) {
    /* Each run by itself can be made again: fuzz SEED+RUN 1. */
    state = (seed + run) * 0x9e3779b97f4a7c15u | 1;
    for (int i = 0; i < 8; i++) draw(2);
    LLVMFuzzerTestOneInput(data, make_input(data));
  }
  printf("fuzz: %llu runs from seed %llu, no fault\n", (unsigned long long)runs, (unsigned long long)seed);
  return 0;
}
#endif
