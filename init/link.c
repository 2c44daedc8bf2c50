#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (256u << 10)
#define BATCH_FRAMES 16
/* With this much unsent to a service that does not read, its requests wait too. */
#define CONTROL_LIMIT (4u << 20)

struct bytes {
  uint8_t *data;
  size_t start;
  size_t end;
  size_t capacity;
};

static struct {
  int in;
  int out;
  bool out_armed;
  bool in_paused;
  struct bytes received;
  struct bytes control;
  /* A frame of output of which a part is on its way: it comes before everything else. */
  uint8_t partial_header[HEADER_SIZE];
  uint32_t partial_header_left;
  uint32_t partial_payload_left;
  uint32_t partial_key;
  int partial_which;
} link_state = {.in = -1, .out = -1};

uint32_t get_u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t get_u64(const uint8_t *p) { return get_u32(p) | (uint64_t)get_u32(p + 4) << 32; }

void put_u32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

void put_u64(uint8_t *p, uint64_t v) {
  put_u32(p, (uint32_t)v);
  put_u32(p + 4, (uint32_t)(v >> 32));
}

static void encode_header(uint8_t *p, const struct frame *frame) {
  memset(p, 0, HEADER_SIZE);
  put_u32(p, frame->length);
  p[4] = frame->type;
  p[5] = frame->stream;
  put_u32(p + 8, frame->key);
  put_u32(p + 12, frame->arg);
  put_u64(p + 16, frame->offset);
}

static bool reserve(struct bytes *b, size_t more) {
  if (b->start > 0 && b->end + more > b->capacity) {
    memmove(b->data, b->data + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
  }
  if (b->end + more <= b->capacity) return true;
  size_t capacity = b->capacity * 2 > b->end + more ? b->capacity * 2 : b->end + more;
  uint8_t *data = realloc(b->data, capacity);
  if (data == NULL) return false;
  b->data = data;
  b->capacity = capacity;
  return true;
}

/* A buffer that was large once is given back. */
static void reset(struct bytes *b) {
  b->start = b->end = 0;
  if (b->capacity > 2 * READ_SIZE) {
    free(b->data);
    b->data = NULL;
    b->capacity = 0;
  }
}

bool link_is_open(void) { return link_state.out >= 0; }

void link_open(int in_fd, int out_fd) {
  link_close();
  link_state.in = in_fd;
  link_state.out = out_fd;
  fcntl(in_fd, F_SETFL, fcntl(in_fd, F_GETFL) | O_NONBLOCK);
  fcntl(out_fd, F_SETFL, fcntl(out_fd, F_GETFL) | O_NONBLOCK);
  int size = 1 << 20;
  setsockopt(out_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  watch_fd(in_fd, EPOLLIN, WATCH_LINK_IN, 0);
  link_opened();
}

void link_close(void) {
  if (link_state.out < 0) return;
  unwatch_fd(link_state.in);
  if (link_state.out != link_state.in) {
    unwatch_fd(link_state.out);
    close(link_state.out);
  }
  close(link_state.in);
  link_state.in = link_state.out = -1;
  link_state.out_armed = link_state.in_paused = false;
  link_state.partial_header_left = link_state.partial_payload_left = 0;
  reset(&link_state.received);
  reset(&link_state.control);
}

void send_frame(const struct frame *frame, const void *payload) {
  if (link_state.out < 0 || !reserve(&link_state.control, HEADER_SIZE + frame->length)) return;
  struct bytes *b = &link_state.control;
  encode_header(b->data + b->end, frame);
  if (frame->length > 0) memcpy(b->data + b->end + HEADER_SIZE, payload, frame->length);
  b->end += HEADER_SIZE + frame->length;
}

void send_error(uint32_t key, const char *text) {
  struct frame frame = {.length = (uint32_t)strlen(text), .type = F_ERROR, .key = key};
  send_frame(&frame, text);
}

/* Handles every whole frame in the buffer. False: what came can't be a frame, the link is of no more use. */
static bool handle_received(void) {
  struct bytes *b = &link_state.received;
  while (b->end - b->start >= HEADER_SIZE) {
    const uint8_t *p = b->data + b->start;
    struct frame frame = {get_u32(p), p[4], p[5], get_u32(p + 8), get_u32(p + 12), get_u64(p + 16)};
    if (frame.length > MAX_PAYLOAD) return false;
    if (b->end - b->start - HEADER_SIZE < frame.length) {
      return reserve(b, HEADER_SIZE + frame.length - (b->end - b->start));
    }
    b->start += HEADER_SIZE + frame.length;
    handle_frame(&frame, p + HEADER_SIZE);
  }
  if (b->start == b->end) reset(b);
  return true;
}

/* For the fuzzer and tests: as if these bytes had come over the link. */
bool link_feed(const uint8_t *data, size_t length) {
  if (!reserve(&link_state.received, length)) return false;
  memcpy(link_state.received.data + link_state.received.end, data, length);
  link_state.received.end += length;
  bool good = handle_received();
  if (!good) reset(&link_state.received);
  return good;
}

void link_readable(void) {
  struct bytes *b = &link_state.received;
  if (b->capacity - b->end < READ_SIZE / 4 && !reserve(b, READ_SIZE)) {
    link_close();
    return;
  }
  ssize_t n = read(link_state.in, b->data + b->end, b->capacity - b->end);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    link_close();
    return;
  }
  b->end += (size_t)n;
  if (!handle_received()) link_close();
}

static struct output *output_of(uint32_t key, int which) {
  struct exec *exec = find_exec(key);
  return exec == NULL ? NULL : &exec->out[which];
}

/* Writes what `parts` names; returns the bytes taken, 0 when the socket is full, -1 when the link is gone. */
static ssize_t write_parts(struct iovec *parts, int count) {
  while (true) {
    ssize_t n = writev(link_state.out, parts, count);
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    return errno == EAGAIN ? 0 : -1;
  }
}

/* Each returns 1: done, go on; 0: the socket is full; -1: the link is gone. */
static int flush_partial(void) {
  while (link_state.partial_header_left + link_state.partial_payload_left > 0) {
    struct iovec parts[3];
    int count = 0;
    struct output *out = output_of(link_state.partial_key, link_state.partial_which);
    if (out == NULL) return -1;
    if (link_state.partial_header_left > 0) {
      parts[count].iov_base = link_state.partial_header + HEADER_SIZE - link_state.partial_header_left;
      parts[count++].iov_len = link_state.partial_header_left;
    }
    if (link_state.partial_payload_left > 0) {
      count += ring_used_parts(&out->ring, out->sent, link_state.partial_payload_left, parts + count);
    }
    ssize_t n = write_parts(parts, count);
    if (n <= 0) return (int)n;
    uint32_t of_header = (uint32_t)n < link_state.partial_header_left ? (uint32_t)n : link_state.partial_header_left;
    link_state.partial_header_left -= of_header;
    link_state.partial_payload_left -= (uint32_t)n - of_header;
    out->sent += (uint32_t)n - of_header;
  }
  return 1;
}

static int flush_control(void) {
  struct bytes *b = &link_state.control;
  while (b->start < b->end) {
    struct iovec part = {b->data + b->start, b->end - b->start};
    ssize_t n = write_parts(&part, 1);
    if (n <= 0) return (int)n;
    b->start += (size_t)n;
  }
  reset(b);
  return 1;
}

static void queue_small_frames(struct exec *exec) {
  if (exec->in.credit_due) {
    exec->in.credit_due = false;
    struct frame frame = {.type = F_STDIN_CREDIT, .key = exec->key, .offset = exec->in.ring.start};
    send_frame(&frame, NULL);
  }
  for (int i = 0; i < 2; i++) {
    struct output *out = &exec->out[i];
    if (!out->ended || out->end_sent || out->sent < out->ring.end || exec->phase == PHASE_STARTING) continue;
    out->end_sent = true;
    struct frame frame = {.type = F_OUTPUT_END, .stream = (uint8_t)(i + 1), .key = exec->key, .offset = out->sent};
    send_frame(&frame, NULL);
  }
}

/* One frame of every stream that has something, written at once. Returns 2 when there was nothing. */
static int flush_output(void) {
  static uint32_t turn; /* the exec that begins, so that a flood does not starve those behind it */
  struct iovec parts[BATCH_FRAMES * 3];
  struct {
    uint8_t header[HEADER_SIZE];
    uint32_t length;
    uint32_t key;
    int which;
  } batch[BATCH_FRAMES];
  int frames = 0, count = 0;
  for (int round = 0; round < 2; round++) {
    for (struct exec *exec = all_execs; exec != NULL && frames < BATCH_FRAMES; exec = exec->next) {
      if (exec->paused || (round == 0) != (exec->key >= turn)) continue;
      for (int i = 0; i < 2 && frames < BATCH_FRAMES; i++) {
        struct output *out = &exec->out[i];
        uint64_t left = out->ring.end - out->sent;
        if (left == 0) continue;
        uint32_t length = left < MAX_OUTPUT_PAYLOAD ? (uint32_t)left : MAX_OUTPUT_PAYLOAD;
        struct frame frame = {length, F_OUTPUT, (uint8_t)(i + 1), exec->key, 0, out->sent};
        encode_header(batch[frames].header, &frame);
        batch[frames].length = length;
        batch[frames].key = exec->key;
        batch[frames].which = i;
        parts[count].iov_base = batch[frames].header;
        parts[count++].iov_len = HEADER_SIZE;
        count += ring_used_parts(&out->ring, out->sent, length, parts + count);
        frames++;
      }
    }
  }
  if (frames == 0) return 2;
  turn = batch[frames - 1].key + 1;
  ssize_t n = write_parts(parts, count);
  if (n <= 0) return (int)n;
  size_t left = (size_t)n;
  for (int i = 0; i < frames && left > 0; i++) {
    struct output *out = output_of(batch[i].key, batch[i].which);
    uint32_t of_header = left < HEADER_SIZE ? (uint32_t)left : HEADER_SIZE;
    left -= of_header;
    uint32_t of_payload = left < batch[i].length ? (uint32_t)left : batch[i].length;
    left -= of_payload;
    out->sent += of_payload;
    if (of_header == HEADER_SIZE && of_payload == batch[i].length) continue;
    memcpy(link_state.partial_header, batch[i].header, HEADER_SIZE);
    link_state.partial_header_left = HEADER_SIZE - of_header;
    link_state.partial_payload_left = batch[i].length - of_payload;
    link_state.partial_key = batch[i].key;
    link_state.partial_which = batch[i].which;
  }
  return 1;
}

/* Sends until there is nothing more or the socket is full. */
void link_flush(void) {
  int result = 1;
  while (link_state.out >= 0 && result == 1) {
    result = flush_partial();
    if (result != 1) break;
    for (struct exec *exec = all_execs; exec != NULL; exec = exec->next) {
      if (!exec->paused) queue_small_frames(exec);
    }
    result = flush_control();
    if (result == 1) result = flush_output();
  }
  if (result < 0) link_close();
  if (link_state.out < 0) return;
  bool full = result == 0;
  bool pause = link_state.control.end - link_state.control.start > CONTROL_LIMIT;
  if (link_state.out != link_state.in) {
    if (full && !link_state.out_armed) watch_fd(link_state.out, EPOLLOUT, WATCH_LINK_OUT, 0);
    if (!full && link_state.out_armed) unwatch_fd(link_state.out);
    if (pause != link_state.in_paused) change_watch(link_state.in, pause ? 0 : EPOLLIN, WATCH_LINK_IN, 0);
  } else if (full != link_state.out_armed || pause != link_state.in_paused) {
    change_watch(link_state.in, (pause ? 0 : EPOLLIN) | (full ? EPOLLOUT : 0), WATCH_LINK_IN, 0);
  }
  link_state.out_armed = full;
  link_state.in_paused = pause;
}
