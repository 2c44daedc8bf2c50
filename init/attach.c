/*
 * `--attach`: the link comes as packets over stdin and stdout, which a container's daemon joins to whoever attaches.
 * Packets are carried between there and a socket pair, whose other end is an ordinary link. Nothing here blocks.
 */
#define _GNU_SOURCE
#include "packets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIPE_WANTED (1 << 20)

struct end {
  int fd;
  enum watch kind;
  uint32_t watched; /* events in epoll; 0: not there */
};

static struct {
  struct end in;   /* stdin */
  struct end out;  /* stdout */
  struct end near; /* our end of the link's socket pair; -1: no connection */
  struct packets packets;
  uint8_t answer[MARK_SECRET];
  uint32_t sequence;
  bool end_due; /* the other side is to be told that its connection is over */
  const uint8_t *payload; /* of a packet, still to be written to the link */
  size_t payload_left;
  uint8_t *sent; /* a packet or mark that is on its way out */
  size_t sent_start;
  size_t sent_end;
} state = {.in = {-1, WATCH_ATTACH_IN, 0}, .out = {-1, WATCH_ATTACH_OUT, 0}, .near = {-1, WATCH_ATTACH_LINK, 0}};

/* What is not wanted leaves epoll: a peer's end would be told again and again otherwise. */
static void watch_end(struct end *end, uint32_t events) {
  if (end->fd < 0 || events == end->watched) return;
  if (end->watched == 0) watch_fd(end->fd, events, end->kind, 0);
  else if (events == 0) unwatch_fd(end->fd);
  else change_watch(end->fd, events, end->kind, 0);
  end->watched = events;
}

static void close_end(struct end *end) {
  watch_end(end, 0);
  if (end->fd >= 0) close(end->fd);
  end->fd = -1;
}

static bool out_is_busy(void) { return state.sent_start < state.sent_end; }

static void write_out(void) {
  while (out_is_busy() && state.out.fd >= 0) {
    ssize_t n = write(state.out.fd, state.sent + state.sent_start, state.sent_end - state.sent_start);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) break; /* nobody is there: it is thrown away, as the daemon does it */
    state.sent_start += (size_t)n;
  }
  state.sent_start = state.sent_end = 0;
}

static void send_packet(size_t length) {
  packet_header(state.sent, state.packets.nonce, state.sequence++, (uint32_t)length);
  state.sent_start = 0;
  state.sent_end = PACKET_HEADER + length;
  write_out();
}

static void end_connection(void) {
  close_end(&state.near);
  state.payload_left = 0;
}

/* From the link to stdout, one packet at a time. */
static void carry_out(void) {
  if (state.end_due && !out_is_busy()) {
    state.end_due = false;
    send_packet(0);
  }
  for (int i = 0; i < 16 && state.near.fd >= 0 && !out_is_busy(); i++) {
    ssize_t n = read(state.near.fd, state.sent + PACKET_HEADER, MAX_PACKET);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0) {
      send_packet((size_t)n);
      continue;
    }
    end_connection();
    state.packets.open = false;
    send_packet(0);
  }
}

static void begin_connection(void) {
  end_connection();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
    state.packets.open = false;
    return;
  }
  state.near.fd = pair[0];
  /* What was on its way to an older connection is of use to nobody, its rest neither. */
  memcpy(state.sent, state.answer, MARK_SECRET);
  memcpy(state.sent + MARK_SECRET, state.packets.nonce, NONCE_SIZE);
  state.sequence = 0;
  state.end_due = false;
  state.sent_start = 0;
  state.sent_end = MARK_SIZE;
  write_out();
  link_open(pair[1], pair[1]);
}

/* False when the link takes no more for now. */
static bool write_payload(void) {
  while (state.payload_left > 0) {
    ssize_t n = send(state.near.fd, state.payload, state.payload_left, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) break; /* the link was closed; reading there tells it */
    state.payload += n;
    state.payload_left -= (size_t)n;
  }
  state.payload_left = 0;
  return true;
}

static void take_packets(void) {
  while (write_payload()) {
    switch (packets_next(&state.packets, &state.payload, &state.payload_left)) {
      case PACKET_MORE:
        state.payload_left = 0;
        return;
      case PACKET_OPENED:
        begin_connection();
        break;
      case PACKET_DATA:
        break;
      case PACKET_ENDED:
        end_connection();
        break;
      case PACKET_BROKEN:
        end_connection();
        state.end_due = true;
    }
  }
}

static void carry_in(void) {
  if (state.payload_left > 0) return;
  size_t room;
  uint8_t *to = packets_room(&state.packets, &room);
  ssize_t n = read(state.in.fd, to, room);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    /* Nobody can attach any more; what runs is left to run. */
    close_end(&state.in);
    return;
  }
  packets_added(&state.packets, (size_t)n);
  take_packets();
}

/* Something of ours is ready. */
void attach_ready(enum watch kind, uint32_t events) {
  if (kind == WATCH_ATTACH_OUT) write_out();
  if (kind == WATCH_ATTACH_LINK && (events & EPOLLOUT) != 0) take_packets();
  if (kind == WATCH_ATTACH_IN && state.in.fd >= 0) carry_in();
  carry_out();
  watch_end(&state.in, state.payload_left > 0 ? 0 : EPOLLIN);
  watch_end(&state.near, (out_is_busy() ? 0 : EPOLLIN) | (state.payload_left > 0 ? EPOLLOUT : 0));
  watch_end(&state.out, out_is_busy() ? EPOLLOUT : 0);
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The secret's first half opens connections, its second answers. It is gone from the environment afterwards. */
static bool take_secret(void) {
  char *text = getenv(ATTACH_SECRET);
  if (text == NULL || strlen(text) != 4 * MARK_SECRET) return false;
  uint8_t secret[2 * MARK_SECRET];
  for (size_t i = 0; i < sizeof secret; i++) {
    int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    secret[i] = (uint8_t)(high << 4 | low);
  }
  memcpy(state.packets.secret, secret, MARK_SECRET);
  memcpy(state.answer, secret + MARK_SECRET, MARK_SECRET);
  explicit_bzero(text, strlen(text));
  return unsetenv(ATTACH_SECRET) == 0;
}

/* False with errno: there is no secret, or the descriptors can't be used. */
bool attach_open(int in, int out) {
  errno = EINVAL;
  if (!take_secret()) return false;
  state.sent = malloc(PACKET_HEADER + MAX_PACKET);
  if (state.sent == NULL) return false;
  state.in.fd = in;
  state.out.fd = out;
  fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
  fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
  fcntl(out, F_SETPIPE_SZ, PIPE_WANTED); /* where it may be larger, the daemon is woken less often */
  watch_end(&state.in, EPOLLIN);
  return state.in.watched != 0;
}
