/* The packets of `--attach`: units, then a real init (argv[1], built with sanitizers) between two pipes. */
#define _GNU_SOURCE
#include "packets.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int passed, failed;

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      fprintf(stderr, "  %s:%d: %s\n", __FILE__, __LINE__, #condition);      \
      good = false;                                                          \
    }                                                                        \
  } while (0)

static void report(const char *name, bool good) {
  printf("%s %s\n", good ? "ok  " : "FAIL", name);
  if (good) passed++;
  else failed++;
}

static uint64_t seed;
static uint32_t draw(uint32_t below) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed >> 20) % below;
}

static const uint8_t secret[2 * MARK_SECRET] = "0123456789abcdefFEDCBA9876543210";

static size_t put_mark(uint8_t *p, const uint8_t nonce[NONCE_SIZE]) {
  memcpy(p, secret, MARK_SECRET);
  memcpy(p + MARK_SECRET, nonce, NONCE_SIZE);
  return MARK_SIZE;
}

static size_t put_packet(uint8_t *p, const uint8_t nonce[NONCE_SIZE], uint32_t sequence, const uint8_t *data, size_t length) {
  packet_header(p, nonce, sequence, (uint32_t)length);
  if (length > 0) memcpy(p + PACKET_HEADER, data, length);
  put_u32(p + 16, packet_crc(packet_crc(0, p, 16), data, length));
  return PACKET_HEADER + length;
}

/* ---------------------------------------------------------------- the reader alone */

static void the_check_sum_is_crc_32(void) {
  bool good = true;
  const uint8_t *text = (const uint8_t *)"123456789";
  CHECK(packet_crc(0, text, 9) == 0xcbf43926u);
  for (size_t cut = 0; cut <= 9; cut++) CHECK(packet_crc(packet_crc(0, text, cut), text + cut, 9 - cut) == 0xcbf43926u);
  report(__func__, good);
}

#define CONNECTIONS 4

struct sent {
  uint8_t nonce[NONCE_SIZE];
  uint8_t wire[40000]; /* mark and packets */
  size_t wire_length;
  size_t wire_at;
  uint8_t bytes[40000]; /* what they carry */
  size_t length;
};

static void make_sent(struct sent *sent) {
  for (size_t i = 0; i < NONCE_SIZE; i++) sent->nonce[i] = (uint8_t)draw(256);
  sent->wire_length = put_mark(sent->wire, sent->nonce);
  sent->wire_at = sent->length = 0;
  uint32_t packets = draw(12);
  for (uint32_t i = 0; i < packets; i++) {
    uint8_t data[2500];
    uint32_t length = 1 + draw(draw(2) == 0 ? 40 : 2500);
    for (uint32_t k = 0; k < length; k++) data[k] = draw(3) == 0 ? secret[draw(MARK_SECRET)] : (uint8_t)draw(256);
    memcpy(sent->bytes + sent->length, data, length);
    sent->length += length;
    sent->wire_length += put_packet(sent->wire + sent->wire_length, sent->nonce, i, data, length);
  }
}

/* Several connections' bytes, cut and mixed as a daemon may do it, the mark of each in one piece. */
static bool one_mixture(void) {
  static struct sent sent[CONNECTIONS];
  static struct packets reader;
  bool good = true, mixed = draw(4) != 0;
  memset(&reader, 0, sizeof reader);
  memcpy(reader.secret, secret, MARK_SECRET);
  for (int i = 0; i < CONNECTIONS; i++) make_sent(&sent[i]);
  int current = -1, newest = 0;
  size_t got = 0;
  bool damaged = false, interrupted = false;
  while (true) {
    int from = newest;
    if (mixed && newest > 0 && draw(6) == 0) from = (int)draw((uint32_t)newest);
    struct sent *source = &sent[from];
    size_t left = source->wire_length - source->wire_at;
    if (left == 0 || (mixed && from == newest && source->wire_at > 0 && draw(20) == 0)) {
      if (from != newest) continue;
      if (newest == CONNECTIONS - 1) break;
      newest++;
      if (left > 0) interrupted = true;
      continue;
    }
    size_t piece = source->wire_at == 0 ? MARK_SIZE : 1 + draw(draw(2) == 0 ? 30 : 3000);
    if (piece > left) piece = left;
    uint8_t bytes[3100];
    memcpy(bytes, source->wire + source->wire_at, piece);
    if (from == newest && source->wire_at > 0 && mixed && draw(60) == 0) {
      bytes[draw((uint32_t)piece)] ^= (uint8_t)(1 << draw(8));
      damaged = true;
    }
    if (from != newest) interrupted = true;
    source->wire_at += piece;
    for (size_t at = 0; at < piece;) {
      size_t room, part = 1 + draw(2000);
      uint8_t *to = packets_room(&reader, &room);
      if (part > piece - at) part = piece - at;
      CHECK(room >= part);
      if (!good) return false;
      memcpy(to, bytes + at, part);
      packets_added(&reader, part);
      at += part;
      const uint8_t *payload;
      size_t length;
      enum packet_event event;
      while ((event = packets_next(&reader, &payload, &length)) != PACKET_MORE) {
        if (event == PACKET_OPENED) {
          got = 0;
          for (current = 0; current < CONNECTIONS; current++) {
            if (memcmp(sent[current].nonce, reader.nonce, NONCE_SIZE) == 0) break;
          }
          CHECK(current < CONNECTIONS);
          if (current == newest) damaged = interrupted = false;
        } else if (event == PACKET_DATA) {
          CHECK(current >= 0 && length > 0 && got + length <= sent[current].length);
          if (!good) return false;
          CHECK(memcmp(sent[current].bytes + got, payload, length) == 0);
          got += length;
        } else {
          CHECK(event == PACKET_BROKEN && (damaged || interrupted));
        }
        if (!good) return false;
      }
    }
  }
  /* Where nothing came between, all of the newest connection arrived, if all was sent. */
  if (!damaged && !interrupted && sent[newest].wire_at == sent[newest].wire_length) CHECK(current == CONNECTIONS - 1 && got == sent[current].length);
  return good;
}

static void what_arrives_is_a_connections_own_beginning_whatever_comes_between(uint64_t from, uint64_t runs) {
  bool good = true;
  for (uint64_t run = 0; run < runs && good; run++) {
    seed = (from + run) * 0x9e3779b97f4a7c15u | 1;
    for (int i = 0; i < 8; i++) draw(2);
    good = one_mixture();
    if (!good) fprintf(stderr, "  seed %llu\n", (unsigned long long)(from + run));
  }
  report(__func__, good);
}

/* ---------------------------------------------------------------- a real init */

static struct {
  pid_t pid;
  int to;
  int from;
  uint8_t nonce[NONCE_SIZE];
  uint32_t sequence; /* of the next packet from init */
  uint32_t sent;     /* to init */
} peer;

static bool start_init(const char *path) {
  int in[2], out[2];
  if (pipe(in) != 0 || pipe(out) != 0) return false;
  peer.pid = fork();
  if (peer.pid == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    for (int fd = 3; fd < 64; fd++) close(fd);
    char variable[128] = ATTACH_SECRET "=";
    for (size_t i = 0; i < sizeof secret; i++) sprintf(variable + strlen(variable), "%02x", secret[i]);
    char *argv[] = {"codeset-init", "--attach", NULL}, *env[] = {"ASAN_OPTIONS=detect_leaks=0", variable, NULL};
    execve(path, argv, env);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  peer.to = in[1];
  peer.from = out[0];
  return true;
}

/* Nothing ends init but a signal: true when it was that and no sanitizer. */
static bool stop_init(void) {
  int status;
  bool lived = waitpid(peer.pid, &status, WNOHANG) == 0;
  kill(peer.pid, SIGTERM);
  if (lived) waitpid(peer.pid, &status, 0);
  close(peer.to);
  close(peer.from);
  return lived && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void write_all(const void *data, size_t length) {
  const uint8_t *p = data;
  while (length > 0) {
    ssize_t n = write(peer.to, p, length);
    if (n <= 0) return;
    p += n;
    length -= (size_t)n;
  }
}

static bool read_all(void *data, size_t length) {
  uint8_t *p = data;
  while (length > 0) {
    struct pollfd ready = {.fd = peer.from, .events = POLLIN};
    if (poll(&ready, 1, 20000) != 1) return false;
    ssize_t n = read(peer.from, p, length);
    if (n <= 0) return false;
    p += n;
    length -= (size_t)n;
  }
  return true;
}

static void say_mark(uint8_t number) {
  uint8_t mark[MARK_SIZE];
  memset(peer.nonce, number, NONCE_SIZE);
  peer.sequence = peer.sent = 0;
  put_mark(mark, peer.nonce);
  write_all(mark, sizeof mark);
}

/* Reads past whatever comes before init's answer. */
static bool see_answer(void) {
  uint8_t wanted[MARK_SIZE], seen[MARK_SIZE];
  memcpy(wanted, secret + MARK_SECRET, MARK_SECRET);
  memcpy(wanted + MARK_SECRET, peer.nonce, NONCE_SIZE);
  if (!read_all(seen, sizeof seen)) return false;
  while (memcmp(seen, wanted, sizeof seen) != 0) {
    memmove(seen, seen + 1, sizeof seen - 1);
    if (!read_all(seen + sizeof seen - 1, 1)) return false;
  }
  return true;
}

static uint8_t packet[MAX_PACKET];
/* -1: it did not come, or is not the connection's next. */
static long next_packet(void) {
  uint8_t header[PACKET_HEADER], wanted[PACKET_HEADER];
  if (!read_all(header, sizeof header)) return -1;
  uint32_t length = get_u32(header + 12);
  packet_header(wanted, peer.nonce, peer.sequence++, length);
  if (memcmp(header, wanted, sizeof header) != 0 || length > MAX_PACKET || !read_all(packet, length)) return -1;
  return (long)length;
}

static void send_frame_of(uint8_t type, uint32_t arg) {
  uint8_t frame[HEADER_SIZE] = {0}, bytes[PACKET_HEADER + HEADER_SIZE];
  frame[4] = type;
  put_u32(frame + 12, arg);
  write_all(bytes, put_packet(bytes, peer.nonce, peer.sent++, frame, sizeof frame));
}

/* The link speaks: HELLO, the end of the states, and PONG to a PING. */
static bool link_speaks(uint32_t arg) {
  uint8_t frames[2 * MAX_PACKET];
  size_t had = 0;
  send_frame_of(F_PING, arg);
  while (true) {
    long length = next_packet();
    if (length <= 0 || had + (size_t)length > sizeof frames) return false;
    memcpy(frames + had, packet, (size_t)length);
    had += (size_t)length;
    for (size_t at = 0; at + HEADER_SIZE <= had; at += HEADER_SIZE + get_u32(frames + at)) {
      if (frames[at + 4] == F_PONG && get_u32(frames + at + 12) == arg) return true;
    }
  }
}

static void a_link_opens_and_another_takes_its_place(const char *path) {
  bool good = start_init(path);
  say_mark(1);
  CHECK(see_answer() && link_speaks(7));
  say_mark(2);
  CHECK(see_answer() && link_speaks(8));
  CHECK(stop_init());
  report(__func__, good);
}

static void bytes_of_an_older_connection_end_the_link_and_a_new_one_opens(const char *path) {
  bool good = start_init(path);
  uint8_t late[PACKET_HEADER + 100], data[100] = {1}, old[NONCE_SIZE];
  say_mark(1);
  CHECK(see_answer());
  memcpy(old, peer.nonce, sizeof old);
  size_t length = put_packet(late, old, 0, data, sizeof data);
  write_all(late, 50);
  say_mark(2);
  CHECK(see_answer() && link_speaks(1));
  write_all(late + 50, length - 50);
  long end;
  while ((end = next_packet()) > 0) {}
  CHECK(end == 0);
  say_mark(3);
  CHECK(see_answer() && link_speaks(2));
  CHECK(stop_init());
  report(__func__, good);
}

static void either_side_may_end_the_connection(const char *path) {
  bool good = start_init(path);
  uint8_t end[PACKET_HEADER], oversized[HEADER_SIZE], bytes[PACKET_HEADER + HEADER_SIZE];
  say_mark(1);
  CHECK(see_answer() && link_speaks(1));
  write_all(end, put_packet(end, peer.nonce, peer.sent++, NULL, 0));
  say_mark(2);
  CHECK(see_answer() && link_speaks(2));
  memset(oversized, 0xff, sizeof oversized);
  write_all(bytes, put_packet(bytes, peer.nonce, peer.sent++, oversized, sizeof oversized));
  long length;
  while ((length = next_packet()) > 0) {}
  CHECK(length == 0);
  CHECK(stop_init());
  report(__func__, good);
}

static void output_that_nobody_reads_stops_nothing_but_itself(const char *path) {
  bool good = start_init(path);
  say_mark(1);
  CHECK(see_answer());
  /* Answers to these fill stdout, and then everything behind it; init has to take it all the same, up to its limits. */
  fcntl(peer.to, F_SETFL, O_NONBLOCK);
  uint8_t frame[HEADER_SIZE] = {0}, bytes[PACKET_HEADER + HEADER_SIZE];
  frame[4] = F_PING;
  int waited = 0;
  for (uint32_t i = 0; i < 400000 && waited < 20;) {
    size_t length = put_packet(bytes, peer.nonce, i, frame, sizeof frame);
    if (write(peer.to, bytes, length) == (ssize_t)length) {
      i++;
      continue;
    }
    struct pollfd ready = {.fd = peer.to, .events = POLLOUT};
    waited = poll(&ready, 1, 50) == 1 ? 0 : waited + 1;
  }
  CHECK(waited == 20);
  /* It still hears signals, and goes on when somebody reads. */
  long length, total = 0;
  while (total < 4 << 20 && (length = next_packet()) > 0) total += length;
  CHECK(total >= 4 << 20);
  CHECK(stop_init());
  report(__func__, good);
}

static void commands_do_not_get_the_secret(const char *path) {
  bool good = start_init(path);
  say_mark(1);
  CHECK(see_answer() && link_speaks(1));
  char name[64];
  uint8_t text[8192];
  snprintf(name, sizeof name, "/proc/%d/environ", (int)peer.pid);
  int fd = open(name, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
  CHECK(n > 0 && memmem(text, (size_t)n, "30313233", 8) == NULL);
  if (fd >= 0) close(fd);
  CHECK(stop_init());
  report(__func__, good);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint64_t from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, runs = argc > 3 ? strtoull(argv[3], NULL, 10) : 2000;
  the_check_sum_is_crc_32();
  what_arrives_is_a_connections_own_beginning_whatever_comes_between(from, runs);
  a_link_opens_and_another_takes_its_place(argv[1]);
  bytes_of_an_older_connection_end_the_link_and_a_new_one_opens(argv[1]);
  either_side_may_end_the_connection(argv[1]);
  output_that_nobody_reads_stops_nothing_but_itself(argv[1]);
  commands_do_not_get_the_secret(argv[1]);
  printf("attach: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
