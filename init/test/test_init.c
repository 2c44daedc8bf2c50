/* Init's own tests: units in this process, then a real init (argv[1], built with sanitizers) over a socket pair. */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int passed, failed;
static const char *init_path;

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

/* ---------------------------------------------------------------- a link to a real init */

static struct {
  int fd;
  pid_t pid;
} peer;

struct got {
  struct frame frame;
  uint8_t payload[256 << 10];
};
static struct got got;

static void start_init(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) abort();
  peer.pid = fork();
  if (peer.pid == 0) {
    dup2(pair[1], 0);
    dup2(pair[1], 1);
    close(pair[0]);
    close(pair[1]);
    execl(init_path, "codeset-init", "--stdio", (char *)NULL);
    _exit(127);
  }
  close(pair[1]);
  peer.fd = pair[0];
  struct timeval limit = {20, 0};
  setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

/* Ends the link; true when init then ended by itself without a sanitizer's complaint. */
static bool stop_init(void) {
  close(peer.fd);
  int status;
  waitpid(peer.pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void send_all(const void *data, size_t length) {
  const uint8_t *p = data;
  while (length > 0) {
    ssize_t n = send(peer.fd, p, length, MSG_NOSIGNAL);
    if (n <= 0) return;
    p += n;
    length -= (size_t)n;
  }
}

static void send_to_init(uint8_t type, uint8_t stream, uint32_t key, uint32_t arg, uint64_t offset, const void *payload, uint32_t length) {
  uint8_t header[HEADER_SIZE] = {0};
  put_u32(header, length);
  header[4] = type;
  header[5] = stream;
  put_u32(header + 8, key);
  put_u32(header + 12, arg);
  put_u64(header + 16, offset);
  send_all(header, sizeof header);
  send_all(payload, length);
}

static bool receive_all(void *data, size_t length) {
  return length == 0 || recv(peer.fd, data, length, MSG_WAITALL) == (ssize_t)length;
}

static bool next_frame(void) {
  uint8_t h[HEADER_SIZE];
  if (!receive_all(h, sizeof h)) return false;
  got.frame = (struct frame){get_u32(h), h[4], h[5], get_u32(h + 8), get_u32(h + 12), get_u64(h + 16)};
  return got.frame.length <= sizeof got.payload && receive_all(got.payload, got.frame.length);
}

static bool until(uint8_t type) {
  while (next_frame()) {
    if (got.frame.type == type) return true;
  }
  return false;
}

static size_t add_string(uint8_t *p, const char *text) {
  put_u32(p, (uint32_t)strlen(text));
  memcpy(p + 4, text, strlen(text));
  return 4 + strlen(text);
}

static uint32_t spawn_size; /* rows and columns of the next terminal */

/* The mark by which an exec's processes are found, in all of /proc here: another run at the same time has its own. */
static const char *exec_id(void) {
  static char id[32];
  snprintf(id, sizeof id, "exe_test_%d", (int)getpid());
  return id;
}

static uint32_t make_spawn(uint8_t *p, const char *user, const char *cwd, uint32_t window, uint32_t flags, const char *const *argv) {
  uint8_t *q = p;
  put_u32(q, flags);
  for (int i = 1; i < 4; i++) put_u32(q + 4 * i, window);
  put_u32(q + 16, spawn_size);
  q += 20;
  q += add_string(q, exec_id());
  q += add_string(q, cwd);
  q += add_string(q, user);
  q += add_string(q, "note");
  uint32_t count = 0;
  uint8_t *count_at = q;
  q += 4;
  for (; argv[count] != NULL; count++) q += add_string(q, argv[count]);
  put_u32(count_at, count);
  put_u32(q, 0);
  put_u32(q + 4, 0);
  q += 8;
  return (uint32_t)(q - p);
}

static void spawn(uint32_t key, const char *user, const char *cwd, uint32_t window, uint32_t flags, const char *const *argv) {
  static uint8_t payload[64 << 10];
  uint32_t length = make_spawn(payload, user, cwd, window, flags, argv);
  send_to_init(F_SPAWN, 0, key, 0, 0, payload, length);
}

static void run_shell(uint32_t key, const char *line) {
  const char *argv[] = {"sh", "-c", line, NULL};
  spawn(key, "", "/", 65536, 0, argv);
}

static bool begin(void) {
  start_init();
  send_to_init(F_HELLO, 0, 0, PROTOCOL_VERSION, 0, NULL, 0);
  return until(F_INIT_HELLO) && got.frame.arg == PROTOCOL_VERSION && until(F_STATE_END);
}

/* ---------------------------------------------------------------- tests */

static void spawn_requests_are_parsed_and_every_cut_is_refused(void) {
  bool good = true;
  uint8_t payload[1024];
  const char *argv[] = {"echo", "hello", NULL};
  uint32_t length = make_spawn(payload, "agent", "/tmp", 4096, SPAWN_STDIN, argv);
  struct spawn_request request;
  CHECK(parse_spawn(payload, length, &request));
  CHECK(request.argv.count == 2 && strcmp(request.argv.items[1], "hello") == 0 && request.argv.items[2] == NULL);
  CHECK(strcmp(request.user, "agent") == 0 && strcmp(request.cwd, "/tmp") == 0 && request.note_length == 4);
  free_spawn(&request);
  for (uint32_t cut = 0; cut < length; cut++) {
    CHECK(!parse_spawn(payload, cut, &request));
    free_spawn(&request);
  }
  payload[length] = 0;
  CHECK(!parse_spawn(payload, length + 1, &request));
  free_spawn(&request);
  put_u32(payload, SPAWN_STDIN | SPAWN_IN_TURN);
  CHECK(!parse_spawn(payload, length, &request));
  free_spawn(&request);
  uint32_t longer = length + (uint32_t)add_string(payload + length, "shell/x/");
  CHECK(parse_spawn(payload, longer, &request) && strcmp(request.turn, "shell/x/") == 0);
  free_spawn(&request);
  put_u32(payload, SPAWN_STDIN);
  put_u32(payload + 4, 1);
  CHECK(!parse_spawn(payload, length, &request));
  free_spawn(&request);
  report(__func__, good);
}

static void rings_keep_bytes_in_order_around_their_end(void) {
  bool good = true;
  struct ring ring = {.size = 4096};
  CHECK(ring_map(&ring));
  uint8_t in = 0, out = 0;
  for (int round = 0; round < 200; round++) {
    uint8_t piece[1500];
    for (size_t i = 0; i < sizeof piece; i++) piece[i] = in++;
    CHECK(ring_room(&ring) >= sizeof piece);
    ring_put(&ring, piece, sizeof piece);
    struct iovec parts[2];
    int count = ring_used_parts(&ring, ring.start, sizeof piece, parts);
    for (int p = 0; p < count; p++) {
      for (size_t i = 0; i < parts[p].iov_len; i++) CHECK(((uint8_t *)parts[p].iov_base)[i] == out++);
    }
    ring_drop(&ring, ring.start + sizeof piece);
  }
  ring_drop(&ring, UINT64_MAX);
  CHECK(ring.start == ring.end);
  ring_unmap(&ring);
  report(__func__, good);
}

static void users_are_found_by_name_and_number(void) {
  bool good = true;
  struct user user;
  CHECK(resolve_user("root", &user) == 0 && user.uid == 0 && strcmp(user.home, "/root") == 0);
  CHECK(resolve_user("0", &user) == 0 && strcmp(user.name, "root") == 0);
  CHECK(resolve_user("4242:17", &user) == 0 && user.uid == 4242 && user.gid == 17);
  CHECK(resolve_user("4242", &user) == 0 && user.gid == 4242 && user.group_count == 1);
  CHECK(resolve_user("nobody-of-that-name", &user) == ENOENT);
  CHECK(resolve_user("4294967295", &user) == ENOENT);
  CHECK(resolve_user("", &user) == 0 && user.uid == geteuid());
  report(__func__, good);
}

static void a_command_is_reported_with_its_output_and_exit(void) {
  bool good = begin();
  run_shell(1, "echo hello; exit 3");
  CHECK(until(F_STARTED) && got.frame.key == 1);
  bool output = false, exited = false, ended = false;
  while ((!output || !exited || !ended) && next_frame()) {
    if (got.frame.type == F_OUTPUT && got.frame.stream == 1) output = memcmp(got.payload, "hello\n", 6) == 0;
    if (got.frame.type == F_OUTPUT_END && got.frame.stream == 1) ended = got.frame.offset == 6;
    if (got.frame.type == F_EXITED) exited = get_u32(got.payload) == 0 && get_u32(got.payload + 4) == 3 && get_u64(got.payload + 32) == 6;
  }
  CHECK(output && exited && ended);
  CHECK(stop_init());
  report(__func__, good);
}

static void a_start_that_fails_names_its_stage(void) {
  bool good = begin();
  const char *missing[] = {"no-such-program", NULL}, *directory[] = {"/etc", NULL}, *fine[] = {"true", NULL};
  spawn(1, "", "/", 65536, 0, missing);
  CHECK(until(F_SPAWN_FAILED) && got.frame.stream == STAGE_EXEC && got.frame.arg == ENOENT);
  spawn(2, "", "/", 65536, 0, directory);
  CHECK(until(F_SPAWN_FAILED) && got.frame.stream == STAGE_EXEC && got.frame.arg == EACCES);
  spawn(3, "", "/no/such", 65536, 0, fine);
  CHECK(until(F_SPAWN_FAILED) && got.frame.stream == STAGE_CHDIR && got.frame.arg == ENOENT);
  spawn(4, "no-such-user", "/", 65536, 0, fine);
  CHECK(until(F_SPAWN_FAILED) && got.frame.stream == STAGE_USER);
  send_to_init(F_SPAWN, 0, 5, 0, 0, "short", 5);
  CHECK(until(F_SPAWN_FAILED) && got.frame.stream == STAGE_FRAME && got.frame.arg == EINVAL);
  CHECK(stop_init());
  report(__func__, good);
}

static void output_stops_at_the_window_and_goes_on_after_an_ack(void) {
  bool good = begin();
  const char *argv[] = {"sh", "-c", "head -c 300000 /dev/zero", NULL};
  spawn(1, "", "/", 65536, 0, argv);
  uint64_t received = 0;
  while (received < 65536 && next_frame()) {
    if (got.frame.type != F_OUTPUT) continue;
    CHECK(got.frame.offset == received);
    received += got.frame.length;
  }
  CHECK(received == 65536);
  send_to_init(F_PING, 0, 0, 7, 0, NULL, 0);
  /* The command's pipe may hold the rest by now: its exit and the end of stderr may come, and no output. */
  bool answered = false, more = false;
  while (!answered && next_frame()) {
    more |= got.frame.type == F_OUTPUT;
    answered = got.frame.type == F_PONG && got.frame.arg == 7;
  }
  CHECK(answered && !more);
  uint64_t total = 0;
  while (total == 0 && good) {
    send_to_init(F_ACK, 1, 1, 0, received, NULL, 0);
    CHECK(next_frame());
    if (got.frame.type == F_OUTPUT) received += got.frame.length;
    if (got.frame.type == F_OUTPUT_END && got.frame.stream == 1) total = got.frame.offset;
  }
  CHECK(total == 300000 && received == 300000);
  CHECK(stop_init());
  report(__func__, good);
}

static void stdin_drops_overlaps_and_refuses_holes(void) {
  bool good = begin();
  const char *argv[] = {"cat", NULL};
  spawn(1, "", "/", 65536, SPAWN_STDIN, argv);
  send_to_init(F_STDIN, 0, 1, 0, 0, "abc", 3);
  send_to_init(F_STDIN, 0, 1, 0, 1, "bcde", 4);
  send_to_init(F_STDIN, 0, 1, 0, 9, "x", 1);
  CHECK(until(F_ERROR));
  send_to_init(F_STDIN_END, 0, 1, 0, 5, NULL, 0);
  char text[16] = {0};
  while (next_frame() && got.frame.type != F_EXITED) {
    if (got.frame.type == F_OUTPUT && got.frame.offset + got.frame.length < sizeof text) {
      memcpy(text + got.frame.offset, got.payload, got.frame.length);
    }
  }
  while (strlen(text) < 5 && until(F_OUTPUT)) memcpy(text + got.frame.offset, got.payload, got.frame.length);
  CHECK(strcmp(text, "abcde") == 0);
  CHECK(stop_init());
  report(__func__, good);
}

static void a_signal_sent_with_the_start_arrives(void) {
  bool good = begin();
  const char *argv[] = {"sleep", "300", NULL};
  for (uint32_t key = 1; key <= 50 && good; key++) {
    spawn(key, "", "/", 65536, 0, argv);
    send_to_init(F_SIGNAL, SIGINT, key, key, 0, NULL, 0);
    CHECK(until(F_EXITED) && get_u32(got.payload) == 1 && get_u32(got.payload + 4) == SIGINT);
    send_to_init(F_SIGNAL, SIGINT, key, 1000 + key, 0, NULL, 0);
    do CHECK(until(F_DONE));
    while (good && got.frame.arg != 1000 + key);
    CHECK(got.frame.offset == ESRCH);
  }
  CHECK(stop_init());
  report(__func__, good);
}

static void kill_tree_reaches_what_escaped(void) {
  bool good = begin();
  run_shell(1, "(setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' &) ; setsid sleep 299 & sleep 299");
  CHECK(until(F_OUTPUT));
  pid_t escaped = (pid_t)atoi((char *)got.payload);
  CHECK(escaped > 1 && kill(escaped, 0) == 0);
  send_to_init(F_KILL_TREE, SIGKILL, 1, 5, 0, exec_id(), (uint32_t)strlen(exec_id()));
  bool done = false, exited = false;
  while ((!done || !exited) && next_frame()) {
    done |= got.frame.type == F_DONE && got.frame.arg == 5;
    exited |= got.frame.type == F_EXITED;
  }
  CHECK(done && exited);
  CHECK(kill(escaped, 0) != 0 && errno == ESRCH);
  CHECK(stop_init());
  report(__func__, good);
}

static void nothing_is_signalled_wholesale_when_init_is_not_pid_1(void) {
  bool good = begin();
  send_to_init(F_KILL_ALL, SIGTERM, 0, 1, 0, NULL, 0);
  CHECK(until(F_DONE) && got.frame.offset == EPERM);
  send_to_init(F_FREEZE, 0, 0, 2, 0, NULL, 0);
  CHECK(until(F_DONE) && got.frame.offset == EPERM);
  CHECK(stop_init());
  report(__func__, good);
}

static void senseless_frames_are_answered_and_oversized_ones_end_the_link(void) {
  bool good = begin();
  send_to_init(0x77, 0, 1, 0, 0, "what", 4);
  CHECK(until(F_ERROR));
  send_to_init(F_RESUME, 0, 99, 0, 0, "x", 1);
  send_to_init(F_KILL_TREE, SIGKILL, 1, 3, 0, NULL, 0);
  CHECK(until(F_DONE) && got.frame.offset == EINVAL);
  send_to_init(F_SIGNAL, 200, 1, 4, 0, NULL, 0);
  CHECK(until(F_DONE) && got.frame.offset == EINVAL);
  run_shell(1, "sleep 0.1");
  run_shell(1, "echo twice");
  CHECK(until(F_ERROR));
  uint8_t header[HEADER_SIZE] = {0};
  put_u32(header, MAX_PAYLOAD + 1);
  header[4] = F_STDIN;
  send_all(header, sizeof header);
  while (next_frame()) continue;
  CHECK(stop_init());
  report(__func__, good);
}

/* ---------------------------------------------------------------- terminals */

static void run_in_terminal(uint32_t key, uint32_t rows, uint32_t columns, uint32_t window, const char *line) {
  const char *argv[] = {"sh", "-c", line, NULL};
  spawn_size = rows | columns << 16;
  spawn(key, "", "/", window, SPAWN_TERMINAL, argv);
  spawn_size = 0;
}

static struct {
  char text[64 << 10];
  size_t length;
  bool exited, ended[2];
  int code;
  uint64_t at_exit;
} seen;

static void note_frame(void) {
  const struct frame *f = &got.frame;
  if (f->type == F_OUTPUT && f->stream == 1 && f->offset + f->length < sizeof seen.text) {
    memcpy(seen.text + f->offset, got.payload, f->length);
    if (f->offset + f->length > seen.length) seen.length = f->offset + f->length;
    seen.text[seen.length] = 0;
  } else if (f->type == F_OUTPUT_END) {
    seen.ended[f->stream - 1] = true;
  } else if (f->type == F_EXITED) {
    seen.exited = true;
    seen.code = get_u32(got.payload) == 0 ? (int)get_u32(got.payload + 4) : -(int)get_u32(got.payload + 4);
    seen.at_exit = get_u64(got.payload + 32);
  }
}

/* Until the exec's output has that text, or for NULL until it is over and its output ended. */
static bool watch_for(const char *text) {
  while (text != NULL ? strstr(seen.text, text) == NULL : !(seen.exited && seen.ended[0] && seen.ended[1])) {
    if (!next_frame()) return false;
    note_frame();
  }
  return true;
}

static void a_terminal_is_the_commands_own_and_of_the_asked_size(void) {
  bool good = begin();
  memset(&seen, 0, sizeof seen);
  run_in_terminal(1, 40, 132, 65536, "test -t 0 && test -t 1 && test -t 2 && stty size && tty && echo to stderr >&2; ps -o tty= -p $$; exit 5");
  CHECK(watch_for(NULL) && seen.code == 5 && seen.at_exit == seen.length);
  CHECK(strstr(seen.text, "40 132\r\n/dev/pts/") != NULL && strstr(seen.text, "to stderr\r\n") != NULL);
  memset(&seen, 0, sizeof seen);
  run_in_terminal(2, 0, 0, 65536, "stty size");
  CHECK(watch_for(NULL) && strcmp(seen.text, "24 80\r\n") == 0);
  CHECK(stop_init());
  report(__func__, good);
}

static void a_resize_right_after_the_start_arrives_and_signals(void) {
  bool good = begin();
  for (uint32_t key = 1; key <= 20 && good; key++) {
    memset(&seen, 0, sizeof seen);
    run_in_terminal(key, 24, 80, 65536, "while [ \"$(stty size)\" != '50 101' ]; do sleep 0.01; done; echo seen");
    send_to_init(F_RESIZE, 0, key, 50 | 101 << 16, 0, NULL, 0);
    CHECK(watch_for(NULL) && strcmp(seen.text, "seen\r\n") == 0);
  }
  memset(&seen, 0, sizeof seen);
  run_in_terminal(90, 24, 80, 65536, "trap 'echo winch $(stty size); exit 3' WINCH; echo ready; while :; do sleep 0.05; done");
  CHECK(watch_for("ready"));
  send_to_init(F_RESIZE, 0, 90, 33 | 77 << 16, 0, NULL, 0);
  CHECK(watch_for(NULL) && strstr(seen.text, "winch 33 77") != NULL && seen.code == 3);
  run_shell(91, "sleep 0.2");
  send_to_init(F_RESIZE, 0, 91, 33 | 77 << 16, 0, NULL, 0);
  CHECK(until(F_ERROR));
  CHECK(stop_init());
  report(__func__, good);
}

static void the_end_of_input_is_what_control_d_is(void) {
  bool good = begin();
  static const char *const inputs[] = {"", "whole line\n", "half a line", "one\ntwo"};
  for (uint32_t i = 0; i < 4; i++) {
    memset(&seen, 0, sizeof seen);
    run_in_terminal(1 + i, 24, 80, 65536, "stty -echo; printf 'go '; cat; echo still there; test -t 0; exit $?");
    CHECK(watch_for("go "));
    send_to_init(F_STDIN, 0, 1 + i, 0, 0, inputs[i], (uint32_t)strlen(inputs[i]));
    send_to_init(F_STDIN_END, 0, 1 + i, 0, strlen(inputs[i]), NULL, 0);
    CHECK(watch_for(NULL) && seen.code == 0 && strstr(seen.text, "still there") != NULL);
  }
  CHECK(stop_init());
  report(__func__, good);
}

static void control_c_and_signals_reach_the_foreground(void) {
  bool good = begin();
  memset(&seen, 0, sizeof seen);
  run_in_terminal(1, 24, 80, 65536, "trap 'echo stopped; exit 9' INT; echo ready; while :; do sleep 0.05; done");
  CHECK(watch_for("ready"));
  send_to_init(F_STDIN, 0, 1, 0, 0, "\003", 1);
  CHECK(watch_for(NULL) && seen.code == 9 && strstr(seen.text, "stopped") != NULL);
  /* -m: each job has a group of its own, as in an interactive shell. */
  memset(&seen, 0, sizeof seen);
  run_in_terminal(2, 24, 80, 65536, "set -m; sh -c 'trap \"echo job; exit 4\" INT; echo ready; while :; do sleep 0.05; done'; echo shell");
  CHECK(watch_for("ready"));
  send_to_init(F_SIGNAL, SIGINT, 2, 7, 0, NULL, 0);
  CHECK(watch_for(NULL) && strstr(seen.text, "job\r\nshell") != NULL);
  CHECK(stop_init());
  report(__func__, good);
}

/* What a terminal still holds when its command exits can't be counted, and all of it was written before. */
static void all_output_of_a_terminal_comes_before_its_exit(void) {
  bool good = begin();
  memset(&seen, 0, sizeof seen);
  run_in_terminal(1, 24, 80, 4096, "stty -opost; head -c 20000 /dev/zero | tr '\\0' x");
  uint64_t acked = 0;
  while (good && !(seen.exited && seen.ended[0])) {
    CHECK(next_frame());
    note_frame();
    if (seen.length - acked >= 4096 || seen.ended[0]) {
      acked = seen.length;
      send_to_init(F_ACK, 1, 1, 0, acked, NULL, 0);
    }
  }
  CHECK(seen.length == 20000 && seen.at_exit == 20000 && seen.code == 0);
  CHECK(stop_init());
  report(__func__, good);
}

static void a_child_that_lives_on_keeps_the_terminal_and_does_not_delay_the_exit(void) {
  bool good = begin();
  memset(&seen, 0, sizeof seen);
  run_in_terminal(1, 24, 80, 65536, "trap '' HUP; (sleep 0.3; echo later) & exit 6");
  while (!seen.exited && next_frame()) note_frame();
  CHECK(seen.exited && seen.code == 6 && !seen.ended[0]);
  CHECK(watch_for(NULL) && strstr(seen.text, "later\r\n") != NULL);
  /* A command that closes its terminal and goes on is not hung up, and may come back to it. */
  memset(&seen, 0, sizeof seen);
  run_in_terminal(2, 24, 80, 65536, "exec </dev/null >/dev/null 2>&1; sleep 0.2; echo again >/dev/tty; exit 8");
  CHECK(watch_for(NULL) && seen.code == 8 && strstr(seen.text, "again") != NULL);
  CHECK(stop_init());
  report(__func__, good);
}

/* ---------------------------------------------------------------- applets */

static char scratch[64];

static int run_in_scratch(const char *line, char *output, size_t size) {
  char whole[8192];
  snprintf(whole, sizeof whole, "cd %s; fs() { %s fs \"$@\"; }; %s", scratch, init_path, line);
  FILE *pipe = popen(whole, "r");
  size_t n = fread(output, 1, size - 1, pipe);
  output[n] = 0;
  int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void files_are_written_read_listed_moved_and_removed(void) {
  bool good = true;
  char out[8192];
  CHECK(run_in_scratch("printf hello | fs write --parents --expected 5 -- a/b/f 0640; stat -c %a a/b/f", out, sizeof out) == 0);
  CHECK(strstr(out, "{\"size\":5}") != NULL && strstr(out, "640") != NULL);
  CHECK(run_in_scratch("fs read -- a/b/f 1 3", out, sizeof out) == 0);
  CHECK(strstr(out, "\"size\":5,") != NULL && strcmp(out + strlen(out) - 3, "ell") == 0);
  CHECK(run_in_scratch("printf hel | fs write --expected 5 -- a/b/f 0600 2>&1; r=$?; cat a/b/f; ls -A a/b; exit $r", out, sizeof out) == 1);
  CHECK(strcmp(out, "EINCOMPLETE: the content did not arrive whole\nhellof\n") == 0);
  CHECK(run_in_scratch("printf x | fs write --exclusive -- a/b/f 0600 2>&1", out, sizeof out) == 1);
  CHECK(strncmp(out, "EEXIST:", 7) == 0);
  CHECK(run_in_scratch("printf new | fs write -- a/b/f 0600; stat -c %a a/b/f; ln -s f a/b/l; printf via | fs write -- a/b/l 0600; cat a/b/f; test -L a/b/l", out, sizeof out) == 0);
  CHECK(strstr(out, "640\n") != NULL && strstr(out, "via") != NULL);
  CHECK(run_in_scratch("touch \"$(printf 'a/new\\nline\"%%\\377')\"; fs list -- a 0 10", out, sizeof out) == 0);
  CHECK(strncmp(out, "{\"total\":2}\n", 12) == 0 && strstr(out, "\"name\":\"new%0Aline%22%25%FF\"") != NULL);
  CHECK(run_in_scratch("fs list -- a 1 1", out, sizeof out) == 0 && strstr(out, "\"name\":\"b\"") == NULL);
  CHECK(run_in_scratch("mkfifo p; fs read -- p 0 1 2>&1", out, sizeof out) == 1 && strncmp(out, "ENOTFILE:", 9) == 0);
  CHECK(run_in_scratch("fs read -- /dev/zero 0 1 2>&1", out, sizeof out) == 1 && strncmp(out, "ENOTFILE:", 9) == 0);
  CHECK(run_in_scratch("fs read -- a 0 1 2>&1", out, sizeof out) == 1 && strncmp(out, "EISDIR:", 7) == 0);
  CHECK(run_in_scratch("fs read -- nothing 0 1 2>&1", out, sizeof out) == 1 && strncmp(out, "ENOENT:", 7) == 0);
  CHECK(run_in_scratch("fs stat --no-follow -- a/b/l", out, sizeof out) == 0 && strstr(out, "\"target\":\"f\"") != NULL);
  CHECK(run_in_scratch("echo 1 >m; echo 2 >n; fs move -- m n 2>&1", out, sizeof out) == 1 && strncmp(out, "EEXIST:", 7) == 0);
  CHECK(run_in_scratch("fs move --overwrite -- m n && cat n", out, sizeof out) == 0 && strcmp(out, "1\n") == 0);
  CHECK(run_in_scratch("fs mkdir --parents -- x/y/z && fs mkdir --parents -- x/y/z && fs mkdir -- x 2>&1", out, sizeof out) == 1);
  CHECK(run_in_scratch("fs remove -- x 2>&1", out, sizeof out) == 1 && strncmp(out, "ENOTEMPTY:", 10) == 0);
  CHECK(run_in_scratch("mkdir keep; touch keep/me; ln -s ../keep x/link; fs remove --recursive -- x && ls keep && test ! -e x", out, sizeof out) == 0);
  CHECK(strcmp(out, "me\n") == 0);
  CHECK(run_in_scratch("fs remove --recursive -- nothing 2>&1", out, sizeof out) == 1 && strncmp(out, "ENOENT:", 7) == 0);
  CHECK(run_in_scratch("fs nonsense 2>/dev/null", out, sizeof out) == 2);
  report(__func__, good);
}

static void the_subject_gets_its_user_no_capabilities_and_a_folder_of_its_own(void) {
  bool good = true;
  char out[8192];
  if (geteuid() != 0) {
    printf("skip %s (needs root)\n", __func__);
    return;
  }
  const char *line = "export CODESET_SUBJECT_USER=4242 CODESET_REPORT_DIR=$PWD/reports; mkdir -p reports; chmod 711 reports; chmod 755 .;"
                     "%s as-subject -- sh -c 'id -u; grep -E \"Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs\" /proc/self/status;"
                     "touch $CODESET_REPORT_DIR/r.xml && echo wrote; touch reports/forged 2>/dev/null || echo kept; echo hi >/dev/stdout; exit 7'";
  char whole[2048];
  snprintf(whole, sizeof whole, line, init_path);
  CHECK(run_in_scratch(whole, out, sizeof out) == 7);
  CHECK(strncmp(out, "4242\n", 5) == 0 && strstr(out, "NoNewPrivs:\t1") != NULL);
  CHECK(strstr(out, "CapPrm:\t0000000000000000") != NULL && strstr(out, "CapBnd:\t0000000000000000") != NULL);
  CHECK(strstr(out, "wrote\n") != NULL && strstr(out, "kept\n") != NULL && strstr(out, "hi\n") != NULL);
  snprintf(whole, sizeof whole, "CODESET_SUBJECT_USER=4242 %s as-subject no-such-program 2>/dev/null", init_path);
  CHECK(run_in_scratch(whole, out, sizeof out) == 127);
  snprintf(whole, sizeof whole, "CODESET_SUBJECT_USER=4242 %s as-subject sh -c 'kill -TERM $$'", init_path);
  CHECK(run_in_scratch(whole, out, sizeof out) == 143);
  snprintf(whole, sizeof whole, "%s as-subject true 2>/dev/null", init_path);
  CHECK(run_in_scratch(whole, out, sizeof out) == 125);
  report(__func__, good);
}

static void the_network_is_closed_and_can_not_be_opened_again(void) {
  bool good = true;
  char out[16384], line[2048];
  const char *wrong[] = {"", "--", "--probe x", "--nonsense 1.1.1.1 -- /bin/true", "--resolver -- /bin/true",
                         "--resolver 1.1.1.300 -- /bin/true", "--resolver 1.1.1.0/24 -- /bin/true",
                         "--allow 1.1.1.1 -- /bin/true", "--allow 1.1.1.1:0 -- /bin/true",
                         "--allow fd00::1:80 -- /bin/true", "--deny-host 1.1.1.1/33 -- /bin/true"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    snprintf(line, sizeof line, "%s network %s 2>/dev/null", init_path, wrong[i]);
    CHECK(run_in_scratch(line, out, sizeof out) == 125);
  }
  snprintf(line, sizeof line, "%s network --probe 2>&1", init_path);
  if (run_in_scratch(line, out, sizeof out) != 0) {
    printf("skip the rest of %s: %s", __func__, out);
    report(__func__, good);
    return;
  }
  const char *told = "unshare -Urn %s network --resolver 10.9.9.9 --resolver fd00::53 --allow [fd00::1]:3128 "
                     "--deny-host 9.9.9.7/29 -- /bin/sh -c 'grep Cap /proc/self/status; %s network -- /bin/true 2>&1'";
  snprintf(line, sizeof line, told, init_path, init_path);
  CHECK(run_in_scratch(line, out, sizeof out) == 125 && strstr(out, "CAP_NET_ADMIN is missing here") != NULL);
  const char *sets[] = {"CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapBnd:\t", "CapAmb:\t"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    const char *at = strstr(out, sets[i]);
    CHECK(at != NULL && (strtoull(at + strlen(sets[i]), NULL, 16) & 0x3000) == 0);
  }
  snprintf(line, sizeof line, "unshare -Urn %s network -- /nothing/there 2>/dev/null", init_path);
  CHECK(run_in_scratch(line, out, sizeof out) == 127);
  report(__func__, good);
}

/* Runs a line in the scratch folder where `init` is the program under test. */
static int run_work(const char *line, char *out, size_t size) {
  char whole[4096];
  snprintf(whole, sizeof whole, "init() { %s \"$@\"; }; %s", init_path, line);
  return run_in_scratch(whole, out, size);
}

static void the_service_works_in_images_that_have_no_programs(void) {
  bool good = true;
  char out[65536], line[2048];
  CHECK(run_work("init check-script nothing", out, sizeof out) == 1 && strcmp(out, "there is no such file\n") == 0);
  CHECK(run_work("touch s; chmod 644 s; init check-script s", out, sizeof out) == 1 && strcmp(out, "it is not executable\n") == 0);
  const struct {
    const char *first, *answer;
  } scripts[] = {
      {"#!/nonexistent/sh -e", "its interpreter /nonexistent/sh is not there\n"},
      {"#!/usr/bin/env no-such-thing", "its interpreter no-such-thing is not there\n"},
      {"#!/usr/bin/env -S A=1 no-such-thing -x", "its interpreter no-such-thing is not there\n"},
      {"#!", "its #! names no interpreter\n"},
      {"#!/bin/sh", NULL},
      {"#! /usr/bin/env sh", NULL},
      {"#!/usr/bin/env -S A=1 sh -e", NULL},
      {"echo no interpreter", NULL},
  };
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    snprintf(line, sizeof line, "printf '%%s\\n' '%s' >s; chmod 755 s; init check-script s", scripts[i].first);
    CHECK(run_work(line, out, sizeof out) == (scripts[i].answer == NULL ? 0 : 1));
    CHECK(strcmp(out, scripts[i].answer == NULL ? "" : scripts[i].answer) == 0);
  }
  CHECK(run_work("init merged -- sh -c 'echo out; echo err >&2; kill -TERM $$'", out, sizeof out) == 143 && strcmp(out, "out\nerr\n") == 0);
  CHECK(run_work("echo 'echo ran $1' >plain; chmod 755 plain; init merged -- ./plain it", out, sizeof out) == 0 && strcmp(out, "ran it\n") == 0);
  CHECK(run_work("init merged -- ./nothing", out, sizeof out) == 127 && run_work("init merged -- ./s/x", out, sizeof out) == 126);
  CHECK(run_work("umask 077; init report-folder r; stat -c %a r; init report-folder r 2>/dev/null", out, sizeof out) == 1 && strcmp(out, "711\n") == 0);
  /* Regular files alone, a hard link as a file, a link and a FIFO not at all, long names whole. */
  CHECK(run_work("mkdir -p r/sub; echo one >r/a.xml; ln r/a.xml r/sub/b.xml; ln -s /etc/passwd r/l; ln -s /etc r/sub/f; mkfifo r/p; : >r/empty;"
                 "long=$(printf '%0200d' 7); mkdir r/$long; echo far >r/$long/$long;"
                 "init reports r 100000 >t || exit; tar tvf t | sed 's/.* [0-9:]* //' | sort; mkdir x; tar -C x -xf t; cat x/a.xml x/sub/b.xml x/$long/$long",
                 out, sizeof out) == 0);
  CHECK(strstr(out, "\na.xml\nempty\nsub/b.xml\none\none\nfar\n") != NULL && strstr(out, "passwd") == NULL && strstr(out, "link") == NULL);
  CHECK(run_work("init reports r 2047 2>&1 >/dev/null", out, sizeof out) == 3 && strcmp(out, "The reports are larger than 2047 bytes.\n") == 0);
  CHECK(run_work("mkdir q; head -c 1 /dev/zero >q/f; init reports q 2048 | wc -c", out, sizeof out) == 0 && atoi(out) == 2048);
  CHECK(run_work("truncate -s 1T q/f; init reports q 1000000 2>/dev/null | wc -c", out, sizeof out) == 0 && atoi(out) == 0);
  CHECK(run_work("ln -s q ql; init reports ql 5000 2>/dev/null", out, sizeof out) == 1);
  CHECK(run_work("init give x r 2>/dev/null", out, sizeof out) == 2 && run_work("init reports r 2>/dev/null", out, sizeof out) == 2);
  if (geteuid() == 0) {
    CHECK(run_work("mkdir -p g/h other; touch g/h/f other/kept; ln -s ../other g/l; ln -s other/kept g/m; init give 4242 g || exit;"
                   "stat -c '%n %u:%g' g g/h g/h/f g/l g/m other other/kept", out, sizeof out) == 0);
    CHECK(strcmp(out, "g 4242:4242\ng/h 4242:4242\ng/h/f 4242:4242\ng/l 4242:4242\ng/m 4242:4242\nother 0:0\nother/kept 0:0\n") == 0);
    snprintf(line, sizeof line,
             "unshare -pf --kill-child sh -c 'sleep 999 & setsid sh -c \"trap : TERM; sleep 999\" & sh -c \"sleep 999 &\";"
             "\"$0\" end-all; echo ended $?; kill -0 -1 2>/dev/null || echo alone' %s", init_path);
    CHECK(run_in_scratch(line, out, sizeof out) == 0 && strcmp(out, "ended 0\nalone\n") == 0);
  } else {
    printf("skip a part of %s (needs root)\n", __func__);
  }
  report(__func__, good);
}

static void files_are_exchanged_whole_or_not_at_all(void) {
  bool good = true;
  char out[65536];
  const char *make = "rm -rf e; mkdir -p e/a/d e/b; (cd e/a; echo 1 >f; echo 2 >d/g; ln -s f l; cp -a . ../b; printf 'f\\0d/g\\0l\\0new/x\\0d\\0' >../names;"
                     "init exchange read <../names >../before; echo changed >f; rm -r d; echo file >d; ln -sfn zz l; mkdir new; echo x >new/x; chmod 755 new/x;"
                     "init exchange read <../names >../after); cat e/before e/after >e/both; cd e/b; ";
  const char *show = "find . -printf '%y %P %l,'; cat f; stat -c %a new/x 2>/dev/null";
  char line[4096];
  snprintf(line, sizeof line, "%s init exchange write <../both && %s", make, show);
  CHECK(run_work(line, out, sizeof out) == 0 && strstr(out, "f d ,") != NULL && strstr(out, "l l zz,") != NULL);
  CHECK(strstr(out, "changed\n755\n") != NULL && strstr(out, "d/g") == NULL && strstr(out, ".codeset") == NULL);
  /* What is not as it was said to be, cut short, led astray or forbidden changes nothing. */
  const struct {
    const char *how;
    int status;
    const char *told;
  } wrong[] = {
      {"echo other >f; init exchange write <../both", 3, "f changed meanwhile.\n"},
      {"echo 11 >f; init exchange write <../both", 3, "f changed meanwhile.\n"},
      {"ln -sfn f2 l; init exchange write <../both", 3, "l changed meanwhile.\n"},
      {"head -c -20 ../both | init exchange write", 1, "The content did not arrive whole.\n"},
      {"cat ../before ../before ../after | init exchange write", 0, ""},
      {"ln -s /tmp new; init exchange write <../both", 1, "new/x: "},
      {"touch new; init exchange write <../both", 1, "new/x: "},
      {"printf '../x\\0' | init exchange read >/dev/null", 1, "../x: Invalid argument.\n"},
      {"printf 'x/' | init exchange read >/dev/null", 1, "The names did not arrive whole.\n"},
      {"mkfifo p; printf 'p\\0' | init exchange read >/dev/null", 1, "p is neither a file nor a symlink.\n"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    snprintf(line, sizeof line, "%s { %s; } 2>&1; r=$?; cat d/g; ls -A | grep codeset; exit $r", make, wrong[i].how);
    CHECK(run_work(line, out, sizeof out) == wrong[i].status);
    CHECK(strncmp(out, wrong[i].told, strlen(wrong[i].told)) == 0 && strcmp(out + strlen(out) - 2, "2\n") == 0);
  }
  report(__func__, good);
}

/* ---------------------------------------------------------------- shells */

/* EXITED's flags of an exec in turn. */
#define BY_SIGNAL 1u
#define KEPT 2u
#define FRESH 4u
#define NEVER_RAN 8u

static char shell_turn[64];

static void new_shell(void) {
  static int count;
  snprintf(shell_turn, sizeof shell_turn, "shell/test-%d-%d/", (int)getpid(), ++count);
}

static void run_in_shell(uint32_t key, const char *line) {
  static uint8_t payload[64 << 10];
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(shell_turn + 6, "/"), shell_turn + 6);
  const char *argv[] = {init_path, "in-shell", name, "--mark", shell_turn, "--start-in", "/", "--word", "--line", line, NULL};
  uint32_t length = make_spawn(payload, "", "/", 65536, SPAWN_IN_TURN, argv);
  length += (uint32_t)add_string(payload + length, shell_turn);
  send_to_init(F_SPAWN, 0, key, 0, 0, payload, length);
}

static struct {
  char text[512];
  size_t size;
  bool exited;
  uint32_t flags, code;
  uint64_t end; /* of stdout, which may come behind the exit */
} ran[16];
static uint32_t exits[16], exit_count, exits_taken;
static const char *shell_output;

static void new_link(void) {
  memset(ran, 0, sizeof ran);
  exit_count = exits_taken = 0;
}

static bool hear(void) {
  if (!next_frame()) return false;
  uint32_t key = got.frame.key;
  if (key >= 16) return true;
  if (got.frame.type == F_OUTPUT && got.frame.stream == 1 && ran[key].size + got.frame.length < sizeof ran[key].text) {
    memcpy(ran[key].text + ran[key].size, got.payload, got.frame.length);
    ran[key].size += got.frame.length;
  } else if (got.frame.type == F_EXITED && exit_count < 16) {
    ran[key].exited = true;
    ran[key].flags = get_u32(got.payload);
    ran[key].code = get_u32(got.payload + 4);
    ran[key].end = get_u64(got.payload + 32);
    exits[exit_count++] = key;
  }
  return true;
}

/* What an exec writes first. */
static bool speaks(uint32_t key) {
  while (ran[key].size == 0) {
    if (!hear()) return false;
  }
  return true;
}

/* The next exec that ends, its flags and its code or signal; its stdout is in shell_output. */
static bool next_exit(uint32_t *key, uint32_t *flags, uint32_t *code) {
  *key = *flags = *code = UINT32_MAX;
  shell_output = "";
  while (exits_taken == exit_count || ran[exits[exits_taken]].size < ran[exits[exits_taken]].end) {
    if (!hear()) return false;
  }
  *key = exits[exits_taken++];
  *flags = ran[*key].flags;
  *code = ran[*key].code;
  shell_output = ran[*key].text;
  return true;
}

static void commands_in_turn_share_a_shell_one_after_another(void) {
  bool good = begin();
  new_link();
  new_shell();
  uint32_t key, flags, code;
  run_in_shell(1, "x=1; cd /usr; sleep 0.1; (exit 5)");
  run_in_shell(2, "printf '%s %s %s' $? $x $PWD; x=2");
  run_in_shell(3, "printf '%s' $x; exit 4");
  run_in_shell(4, "printf '[%s]' $x; exit");
  CHECK(next_exit(&key, &flags, &code) && key == 1 && flags == (KEPT | FRESH) && code == 5);
  CHECK(next_exit(&key, &flags, &code) && key == 2 && flags == KEPT && code == 0);
  CHECK(strcmp(shell_output, "5 1 /usr") == 0);
  CHECK(next_exit(&key, &flags, &code) && key == 3 && flags == 0 && code == 4);
  CHECK(strcmp(shell_output, "2") == 0);
  CHECK(next_exit(&key, &flags, &code) && key == 4 && flags == FRESH && code == 0);
  CHECK(strcmp(shell_output, "[]") == 0);
  CHECK(stop_init());
  report(__func__, good);
}

static void one_that_waits_is_ended_by_a_signal_and_never_runs(void) {
  bool good = begin();
  new_link();
  new_shell();
  uint32_t key, flags, code;
  run_in_shell(1, "x=1; echo go; sleep 60");
  CHECK(speaks(1));
  run_in_shell(2, "echo never");
  run_in_shell(3, "echo never");
  run_in_shell(4, "printf '%s' $x; exit");
  send_to_init(F_SIGNAL, SIGTERM, 2, 7, 0, NULL, 0);
  CHECK(next_exit(&key, &flags, &code) && key == 2 && flags == (BY_SIGNAL | NEVER_RAN) && code == SIGTERM);
  send_to_init(F_KILL_TREE, SIGKILL, 3, 8, 0, "exe_other", 9);
  CHECK(next_exit(&key, &flags, &code) && key == 3 && flags == (BY_SIGNAL | NEVER_RAN) && code == SIGKILL);
  send_to_init(F_SIGNAL, SIGTERM, 1, 9, 0, NULL, 0);
  CHECK(next_exit(&key, &flags, &code) && key == 1 && flags == (KEPT | FRESH) && code == 128 + SIGTERM);
  CHECK(next_exit(&key, &flags, &code) && key == 4 && flags == 0 && code == 0 && strcmp(shell_output, "1") == 0);
  CHECK(stop_init());
  report(__func__, good);
}

static void a_kill_takes_the_shell_and_the_next_waits_until_it_is_gone(void) {
  bool good = begin();
  new_link();
  new_shell();
  uint32_t key, flags, code;
  static const uint8_t kinds[] = {F_KILL_TREE, F_SIGNAL};
  for (uint32_t i = 0; i < 2; i++) {
    run_in_shell(1 + 2 * i, "x=1; trap '' TERM; echo go; (while :; do :; done) & while :; do :; done");
    run_in_shell(2 + 2 * i, "printf '[%s]' $x; exit");
    CHECK(speaks(1 + 2 * i));
    send_to_init(kinds[i], SIGKILL, 1 + 2 * i, 5, 0, exec_id(), kinds[i] == F_KILL_TREE ? (uint32_t)strlen(exec_id()) : 0);
    CHECK(next_exit(&key, &flags, &code) && key == 1 + 2 * i && flags == BY_SIGNAL && code == SIGKILL);
    CHECK(next_exit(&key, &flags, &code) && key == 2 + 2 * i && flags == FRESH && strcmp(shell_output, "[]") == 0);
  }
  CHECK(stop_init());
  report(__func__, good);
}

static void stop_and_continue_reach_what_a_shell_runs(void) {
  bool good = begin();
  new_link();
  new_shell();
  uint32_t key, flags, code;
  run_in_shell(1, "sh -c 'echo $$; kill -STOP $$; echo woken'; exit");
  CHECK(speaks(1));
  pid_t stopped = (pid_t)atoi(ran[1].text);
  char path[64], text[512] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", (int)stopped);
  for (int i = 0; i < 1000 && strstr(text, ") T ") == NULL; i++) {
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    close(fd);
    usleep(1000);
  }
  send_to_init(F_SIGNAL, SIGCONT, 1, 5, 0, NULL, 0);
  CHECK(next_exit(&key, &flags, &code) && code == 0 && strstr(shell_output, "\nwoken\n") != NULL);
  CHECK(stop_init());
  report(__func__, good);
}

static void wrong_uses_of_in_shell_are_refused(void) {
  bool good = begin();
  new_link();
  const char *wrong[][6] = {
      {init_path, "in-shell", NULL},
      {init_path, "in-shell", "name", "--mark", "m", NULL},
      {init_path, "in-shell", "name", "--env", "novalue", NULL},
      {init_path, "in-shell", "name", "--nonsense", "x", NULL},
      {init_path, "in-shell", "", "--mark", "m", NULL},
  };
  uint32_t key, flags, code;
  for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    spawn(i + 1, "", "/", 65536, 0, wrong[i]);
    CHECK(next_exit(&key, &flags, &code) && flags == 0 && code == 125);
  }
  CHECK(stop_init());
  report(__func__, good);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  init_path = realpath(argv[1], NULL);
  signal(SIGPIPE, SIG_IGN);
  strcpy(scratch, "/tmp/codeset-init-test-XXXXXX");
  if (init_path == NULL || mkdtemp(scratch) == NULL) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  spawn_requests_are_parsed_and_every_cut_is_refused();
  rings_keep_bytes_in_order_around_their_end();
  users_are_found_by_name_and_number();
  a_command_is_reported_with_its_output_and_exit();
  a_start_that_fails_names_its_stage();
  output_stops_at_the_window_and_goes_on_after_an_ack();
  stdin_drops_overlaps_and_refuses_holes();
  a_signal_sent_with_the_start_arrives();
  kill_tree_reaches_what_escaped();
  nothing_is_signalled_wholesale_when_init_is_not_pid_1();
  senseless_frames_are_answered_and_oversized_ones_end_the_link();
  a_terminal_is_the_commands_own_and_of_the_asked_size();
  a_resize_right_after_the_start_arrives_and_signals();
  the_end_of_input_is_what_control_d_is();
  control_c_and_signals_reach_the_foreground();
  all_output_of_a_terminal_comes_before_its_exit();
  a_child_that_lives_on_keeps_the_terminal_and_does_not_delay_the_exit();
  commands_in_turn_share_a_shell_one_after_another();
  one_that_waits_is_ended_by_a_signal_and_never_runs();
  a_kill_takes_the_shell_and_the_next_waits_until_it_is_gone();
  stop_and_continue_reach_what_a_shell_runs();
  wrong_uses_of_in_shell_are_refused();
  files_are_written_read_listed_moved_and_removed();
  the_subject_gets_its_user_no_capabilities_and_a_folder_of_its_own();
  the_network_is_closed_and_can_not_be_opened_again();
  the_service_works_in_images_that_have_no_programs();
  files_are_exchanged_whole_or_not_at_all();
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", scratch);
  if (system(command) != 0) failed++;
  free((void *)init_path);
  printf("init: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
