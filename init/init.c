#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKETS 1024u
#define PIPE_DEFAULT (64 << 10)
#define PIPE_WIDE (256 << 10)
/* More than the kernel buffers between a terminal's two ends. */
#define TERMINAL_HOLDS (256u << 10)

struct exec *all_execs;
static struct exec *last_exec;
static struct exec *buckets[BUCKETS];
static uint32_t exec_count;
static bool some_finished;

struct exec *find_exec(uint32_t key) {
  struct exec *exec = buckets[key % BUCKETS];
  while (exec != NULL && exec->key != key) exec = exec->next_by_key;
  return exec;
}

static void add_exec(struct exec *exec) {
  exec->next_by_key = buckets[exec->key % BUCKETS];
  buckets[exec->key % BUCKETS] = exec;
  exec->prev = last_exec;
  if (last_exec != NULL) last_exec->next = exec;
  else all_execs = exec;
  last_exec = exec;
  exec_count++;
}

static void remove_exec(struct exec *exec) {
  struct exec **at = &buckets[exec->key % BUCKETS];
  while (*at != exec) at = &(*at)->next_by_key;
  *at = exec->next_by_key;
  if (exec->prev != NULL) exec->prev->next = exec->next;
  else all_execs = exec->next;
  if (exec->next != NULL) exec->next->prev = exec->prev;
  else last_exec = exec->prev;
  exec_count--;
  for (int i = 0; i < 2; i++) ring_unmap(&exec->out[i].ring);
  ring_unmap(&exec->in.ring);
  if (exec->word_fd >= 0) close(exec->word_fd);
  if (exec->waiting != NULL) free_spawn(exec->waiting);
  free(exec->waiting);
  free(exec->turn);
  free(exec->id);
  free(exec->note);
  free(exec);
}

static void close_input(struct exec *exec) {
  if (exec->in.fd >= 0) {
    if (exec->in.armed) unwatch_fd(exec->in.fd);
    close(exec->in.fd);
  }
  exec->in.fd = -1;
  exec->in.armed = false;
  exec->in.closed = true;
}

static void close_slave(struct exec *exec) {
  if (exec->slave_fd >= 0) close(exec->slave_fd);
  exec->slave_fd = -1;
}

static bool ended(const struct exec *exec) { return exec->phase == PHASE_EXITED || exec->phase == PHASE_FAILED; }

/* An exec is forgotten when its exit and all of its output are in the service's record. */
void drop_finished_execs(void) {
  if (!some_finished) return;
  some_finished = false;
  for (struct exec *exec = all_execs, *next; exec != NULL; exec = next) {
    next = exec->next;
    if (!ended(exec) || !exec->exit_acked || !exec->out[0].end_acked || !exec->out[1].end_acked) continue;
    close_input(exec);
    remove_exec(exec);
  }
}

static void arm_output(struct exec *exec, int which) {
  struct output *out = &exec->out[which];
  if (out->fd < 0 || out->armed || ring_room(&out->ring) == 0) return;
  out->armed = watch_fd(out->fd, EPOLLIN, which == 0 ? WATCH_STDOUT : WATCH_STDERR, exec->key);
}

static void end_output(struct output *out) {
  if (out->fd < 0) return;
  if (out->armed) unwatch_fd(out->fd);
  close(out->fd);
  out->fd = -1;
  out->armed = false;
  out->ended = true;
}

/* The command takes no more: what is still on its way is thrown away, and the service told so. */
void break_input(struct exec *exec) {
  struct input *in = &exec->in;
  if (in->closed) return;
  in->broken = true;
  struct frame frame = {.type = F_STDIN_CLOSED, .key = exec->key, .offset = in->ring.start};
  send_frame(&frame, NULL);
  in->ring.start = in->ring.end;
  close_input(exec);
}

static void send_exit(const struct exec *exec);

/* A terminal can't tell how much it holds: its exit goes out when it was read empty, or all that it can hold was. */
static void end_draining(struct exec *exec) {
  exec->draining = false;
  exec->end_at_exit[0] = exec->out[0].ring.end;
  if (!exec->paused) send_exit(exec);
}

/* A command that fills its pipe is woken less often by a larger one; where it may not be larger, it stays. */
static void widen(struct output *out) {
  out->widened = true;
  fcntl(out->fd, F_SETPIPE_SZ, PIPE_WIDE);
}

/* Reads what is there, one pipe's worth at most; stops watching when the window is full. */
void read_output(struct exec *exec, int which) {
  struct output *out = &exec->out[which];
  if (out->fd < 0) return;
  if (ring_room(&out->ring) > 0) {
    if (!ring_map(&out->ring)) return;
    struct iovec parts[2];
    int count = ring_free_parts(&out->ring, parts);
    ssize_t n = readv(out->fd, parts, count);
    bool empty = n < 0 && errno == EAGAIN;
    if (n > 0) {
      out->ring.end += (uint64_t)n;
      if (n == PIPE_DEFAULT && !out->widened) widen(out);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      /* Of a terminal this is EIO: nobody has it open any more. */
      end_output(out);
      if (exec->terminal) break_input(exec);
      empty = true;
    }
    if (exec->draining && (empty || out->ring.end >= exec->drain_limit)) end_draining(exec);
  }
  if (out->fd >= 0 && out->armed && ring_room(&out->ring) == 0) {
    unwatch_fd(out->fd);
    out->armed = false;
  }
}

static void input_taken(struct input *in, uint64_t count) {
  in->last = in->ring.data[(in->ring.start + count - 1) % in->ring.size];
  ring_drop(&in->ring, in->ring.start + count);
  in->credit_due = true;
}

/* Returns false when the terminal takes no more for now. */
static bool write_end_of_input(struct exec *exec) {
  struct input *in = &exec->in;
  uint8_t character;
  int count = terminal_end_of_input(in->fd, in->last, &character);
  if (in->eofs < 0) in->eofs = count;
  while (in->eofs > 0) {
    ssize_t n = write(in->fd, &character, 1);
    if (n == 1) in->eofs--;
    else if (n < 0 && errno == EINTR) continue;
    else return n < 0 && errno != EAGAIN;
  }
  return true;
}

void write_input(struct exec *exec) {
  struct input *in = &exec->in;
  bool waiting = false;
  while (in->fd >= 0 && in->ring.start < in->ring.end && !waiting) {
    struct iovec parts[2];
    int count = ring_used_parts(&in->ring, in->ring.start, (uint32_t)(in->ring.end - in->ring.start), parts);
    ssize_t n = writev(in->fd, parts, count);
    if (n > 0) {
      input_taken(in, (uint64_t)n);
    } else if (n == 0 || errno == EAGAIN) {
      waiting = true;
    } else if (errno != EINTR) {
      break_input(exec);
    }
  }
  if (in->fd < 0) return;
  if (!waiting && in->end_received) {
    waiting = exec->terminal && !write_end_of_input(exec);
    if (!waiting) {
      close_input(exec);
      return;
    }
  }
  if (waiting != in->armed) {
    if (waiting) watch_fd(in->fd, EPOLLOUT, WATCH_STDIN, exec->key);
    else unwatch_fd(in->fd);
    in->armed = waiting;
  }
}

static void send_exit(const struct exec *exec) {
  if (exec->phase == PHASE_FAILED) {
    struct frame frame = {.type = F_SPAWN_FAILED, .stream = exec->failed_stage, .key = exec->key,
                          .arg = (uint32_t)exec->failed_errno};
    send_frame(&frame, NULL);
    return;
  }
  uint8_t p[48];
  bool signalled = WIFSIGNALED(exec->wait_status);
  put_u32(p, (signalled ? 1u : 0u) | exec->word.flags << 1);
  put_u32(p + 4, (uint32_t)(signalled ? WTERMSIG(exec->wait_status) : WEXITSTATUS(exec->wait_status)));
  const struct rusage *u = &exec->usage;
  put_u64(p + 8, (uint64_t)u->ru_utime.tv_sec * 1000000 + (uint64_t)u->ru_utime.tv_usec);
  put_u64(p + 16, (uint64_t)u->ru_stime.tv_sec * 1000000 + (uint64_t)u->ru_stime.tv_usec);
  put_u64(p + 24, (uint64_t)u->ru_maxrss * 1024);
  put_u64(p + 32, exec->end_at_exit[0]);
  put_u64(p + 40, exec->end_at_exit[1]);
  struct frame frame = {.length = sizeof p, .type = F_EXITED, .key = exec->key};
  send_frame(&frame, p);
}

static void turn_moved(const char *turn);

static void close_streams(struct exec *exec) {
  close_slave(exec);
  for (int i = 0; i < 2; i++) {
    end_output(&exec->out[i]);
    exec->out[i].ended = true;
  }
  close_input(exec);
}

static void fail_exec(struct exec *exec, uint8_t stage, int problem) {
  exec->phase = PHASE_FAILED;
  exec->failed_stage = stage;
  exec->failed_errno = problem;
  close_streams(exec);
  if (!exec->paused) send_exit(exec);
  turn_moved(exec->turn);
}

static void start(struct exec *exec, struct spawn_request *request) {
  int problem = exec_count > MAX_EXECS ? EAGAIN : spawn_exec(exec, request);
  exec->id = request->id;
  request->id = NULL;
  if (problem != 0) fail_exec(exec, STAGE_RESOURCES, problem);
  else write_input(exec); /* what came while it waited */
}

/* Starts whoever waits for it; one that can't be started passes the turn on. */
static void turn_moved(const char *turn) {
  static bool moving;
  if (turn == NULL || moving) return;
  moving = true;
  for (struct exec *exec = next_in_turn(turn); exec != NULL; exec = next_in_turn(turn)) {
    struct spawn_request *request = exec->waiting;
    exec->waiting = NULL;
    start(exec, request);
    free_spawn(request);
    free(request);
  }
  moving = false;
}

/* It never ran, and ends as if the signal had ended it. */
static void end_waiting(struct exec *exec, int signal_number) {
  free_spawn(exec->waiting);
  free(exec->waiting);
  exec->waiting = NULL;
  exec->phase = PHASE_EXITED;
  exec->wait_status = signal_number;
  exec->word.flags = WORD_NEVER_RAN;
  close_streams(exec);
  if (!exec->paused) send_exit(exec);
  turn_moved(exec->turn);
}

static void take_word(struct exec *exec) {
  struct word word;
  if (exec->word_fd < 0) return;
  if (read(exec->word_fd, &word, sizeof word) == (ssize_t)sizeof word) {
    exec->word = word;
    exec->word.flags &= WORD_KEPT | WORD_FRESH | WORD_NEVER_RAN;
    memset(&exec->usage, 0, sizeof exec->usage); /* its own is not the command's */
    exec->usage.ru_utime.tv_sec = (time_t)(word.cpu_us / 1000000);
    exec->usage.ru_utime.tv_usec = (suseconds_t)(word.cpu_us % 1000000);
  }
  if (exec->shell_killed) exec->word.flags &= ~WORD_KEPT;
  close(exec->word_fd);
  exec->word_fd = -1;
}

/*
 * On a terminal as a terminal does it: what its keys and its window send is for the foreground, which is the job that
 * an interactive shell runs; a hang-up is for the shell too.
 */
static int signal_exec(const struct exec *exec, int signal_number) {
  /* One that has others do its work passes signals on to them, and can't be told of a SIGSTOP otherwise. */
  if (exec->turn != NULL && signal_number == SIGSTOP) signal_number = STOP_STAND_IN;
  pid_t foreground = exec->terminal ? terminal_foreground(exec->out[0].fd) : 0;
  if (foreground <= 0 || foreground == exec->pid) return signal_group(exec->pid, signal_number);
  switch (signal_number) {
    case SIGINT:
    case SIGQUIT:
    case SIGTSTP:
    case SIGWINCH:
      return signal_group(foreground, signal_number);
    case SIGHUP:
      signal_group(foreground, signal_number);
  }
  return signal_group(exec->pid, signal_number);
}

/* The status pipe says how starting went: end of file means that the command runs. */
void read_status(struct exec *exec) {
  uint8_t message[5];
  ssize_t n = read(exec->status_fd, message, sizeof message);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  unwatch_fd(exec->status_fd);
  close(exec->status_fd);
  exec->status_fd = -1;
  if (n == (ssize_t)sizeof message) {
    fail_exec(exec, message[0], (int)get_u32(message + 1));
    return;
  }
  exec->phase = PHASE_RUNNING;
  if (!exec->paused) {
    struct frame frame = {.type = F_STARTED, .key = exec->key, .arg = (uint32_t)exec->pid};
    send_frame(&frame, NULL);
  }
  for (int i = 0; i < exec->pending_count; i++) signal_exec(exec, exec->pending_signals[i]);
  exec->pending_count = 0;
}

static void exec_ended(struct exec *exec, int status, const struct rusage *usage) {
  if (exec->phase == PHASE_STARTING) read_status(exec);
  if (exec->phase != PHASE_RUNNING) return;
  exec->phase = PHASE_EXITED;
  exec->wait_status = status;
  exec->usage = *usage;
  take_word(exec);
  close_slave(exec);
  for (int i = 0; i < 2; i++) {
    struct output *out = &exec->out[i];
    uint64_t before;
    do {
      before = out->ring.end;
      read_output(exec, i);
    } while (out->fd >= 0 && out->ring.end > before);
    int waiting = 0;
    if (out->fd >= 0) ioctl(out->fd, FIONREAD, &waiting);
    exec->end_at_exit[i] = out->ring.end + (uint64_t)waiting;
  }
  struct output *out = &exec->out[0];
  exec->draining = exec->terminal && out->fd >= 0 && ring_room(&out->ring) == 0;
  exec->drain_limit = out->ring.end + TERMINAL_HOLDS;
  if (!exec->paused && !exec->draining) send_exit(exec);
  turn_moved(exec->turn);
}

void reap_children(void) {
  int status;
  struct rusage usage;
  pid_t pid;
  while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
    bool was_helper;
    char *turn = kill_tree_done(pid, status, &was_helper);
    turn_moved(turn);
    free(turn);
    if (was_helper) continue;
    for (struct exec *exec = all_execs; exec != NULL; exec = exec->next) {
      if (exec->pid != pid || ended(exec)) continue;
      exec_ended(exec, status, &usage);
      break;
    }
  }
}

/* Keeps the request, and what comes for its stdin, until its turn. */
static bool wait_for_turn(struct exec *exec, struct spawn_request *request) {
  exec->waiting = malloc(sizeof *request);
  if (exec->waiting == NULL) return false;
  *exec->waiting = *request;
  memset(request, 0, sizeof *request);
  exec->in.closed = (exec->waiting->flags & SPAWN_STDIN) == 0;
  return true;
}

static void spawn_frame(const struct frame *frame, const uint8_t *payload) {
  if (find_exec(frame->key) != NULL) {
    send_error(frame->key, "this key is in use");
    return;
  }
  struct exec *exec = calloc(1, sizeof *exec);
  if (exec == NULL) {
    send_error(frame->key, "out of memory");
    return;
  }
  exec->key = frame->key;
  exec->status_fd = exec->word_fd = exec->slave_fd = exec->in.fd = exec->out[0].fd = exec->out[1].fd = -1;
  exec->in.closed = true;
  add_exec(exec);
  struct spawn_request request;
  if (!parse_spawn(payload, frame->length, &request)) {
    fail_exec(exec, STAGE_FRAME, EINVAL);
  } else {
    exec->in.ring.size = request.windows[0];
    exec->out[0].ring.size = request.windows[1];
    exec->out[1].ring.size = request.windows[2];
    exec->note = request.note;
    exec->note_length = request.note_length;
    exec->turn = request.turn == NULL ? NULL : strdup(request.turn);
    request.note = NULL;
    bool waits = request.turn != NULL && exec->turn != NULL && turn_is_taken(exec);
    if (request.turn != NULL && exec->turn == NULL) fail_exec(exec, STAGE_RESOURCES, ENOMEM);
    else if (!waits) start(exec, &request);
    else if (!wait_for_turn(exec, &request)) fail_exec(exec, STAGE_RESOURCES, ENOMEM);
  }
  free_spawn(&request);
}

static void stdin_frame(struct exec *exec, const struct frame *frame, const uint8_t *data) {
  struct input *in = &exec->in;
  uint64_t end = frame->offset + frame->length;
  if (in->closed || in->end_received || end <= in->ring.end) return;
  if (frame->offset > in->ring.end || end < frame->offset) {
    send_error(frame->key, "a hole in stdin");
    return;
  }
  uint64_t skip = in->ring.end - frame->offset;
  uint32_t length = (uint32_t)(frame->length - skip);
  data += skip;
  if (length > ring_room(&in->ring)) {
    send_error(frame->key, "more stdin than there is credit for");
    return;
  }
  if (in->ring.start == in->ring.end) {
    /* Nothing waits in front of it: straight into the pipe, and only the rest is kept. */
    ssize_t n = write(in->fd, data, length);
    if (n > 0) {
      in->ring.start = in->ring.end += (uint64_t)n;
      in->last = data[n - 1];
      in->credit_due = true;
      data += n;
      length -= (uint32_t)n;
    }
  }
  if (length > 0) {
    if (!ring_map(&in->ring)) {
      send_error(frame->key, "out of memory");
      return;
    }
    ring_put(&in->ring, data, length);
  }
  write_input(exec);
}

static void ack_frame(struct exec *exec, const struct frame *frame) {
  if (frame->stream != 1 && frame->stream != 2) return;
  struct output *out = &exec->out[frame->stream - 1];
  ring_drop(&out->ring, frame->offset < out->sent ? frame->offset : out->sent);
  if (frame->arg == 1 && out->end_sent && out->ring.start == out->ring.end) out->end_acked = some_finished = true;
  arm_output(exec, frame->stream - 1);
}

/* The service says what its record holds; everything behind that is sent again. */
static void resume_frame(struct exec *exec, const struct frame *frame, const uint8_t *payload) {
  if (frame->length != 16 || !exec->paused) {
    send_error(frame->key, "a resume that was not due, or is malformed");
    return;
  }
  for (int i = 0; i < 2; i++) {
    struct output *out = &exec->out[i];
    ring_drop(&out->ring, get_u64(payload + 8 * i));
    out->sent = out->ring.start;
    out->end_sent = out->end_acked = false;
    arm_output(exec, i);
  }
  exec->paused = false;
  exec->in.credit_due = true;
  if (exec->phase == PHASE_RUNNING || exec->phase == PHASE_EXITED) {
    struct frame started = {.type = F_STARTED, .key = exec->key, .arg = (uint32_t)exec->pid};
    send_frame(&started, NULL);
  }
  if (exec->in.broken) {
    struct frame closed = {.type = F_STDIN_CLOSED, .key = exec->key, .offset = exec->in.ring.start};
    send_frame(&closed, NULL);
  }
  if (ended(exec) && !exec->draining) {
    exec->exit_acked = false;
    send_exit(exec);
  }
}

static void resize_frame(struct exec *exec, const struct frame *frame) {
  if (!exec->terminal) {
    send_error(frame->key, "this exec has no terminal");
    return;
  }
  if (exec->out[0].fd >= 0) resize_terminal(exec->out[0].fd, (uint16_t)frame->arg, (uint16_t)(frame->arg >> 16));
}

static void answer(uint32_t request_id, int problem) {
  struct frame frame = {.type = F_DONE, .arg = request_id, .offset = (uint64_t)problem};
  send_frame(&frame, NULL);
}

static bool alive(const struct exec *exec) {
  return exec->phase == PHASE_STARTING || exec->phase == PHASE_RUNNING;
}

static void signal_frame(struct exec *exec, const struct frame *frame) {
  int problem = ESRCH;
  int number = frame->stream;
  if (exec != NULL && exec->waiting != NULL) {
    problem = 0;
    bool harmless = number == SIGCONT || number == SIGSTOP || number == SIGTSTP || number == SIGWINCH || number == SIGCHLD;
    if (!harmless) end_waiting(exec, number);
  } else if (exec != NULL && exec->turn != NULL && number == SIGKILL && alive(exec)) {
    /* What it runs is not below it, and its shell can't go on without it. */
    exec->shell_killed = true;
    problem = kill_tree(exec->id, exec->turn, exec->pid, number, frame->arg);
    if (problem == 0) return;
  } else if (exec != NULL && exec->phase == PHASE_RUNNING) {
    problem = signal_exec(exec, number);
  } else if (exec != NULL && exec->phase == PHASE_STARTING) {
    problem = exec->pending_count < MAX_PENDING_SIGNALS ? 0 : EAGAIN;
    if (problem == 0) exec->pending_signals[exec->pending_count++] = frame->stream;
  }
  answer(frame->arg, problem);
}

/* Reaches what the command left behind too, long after the exec itself is forgotten: the id comes with it. */
static int kill_tree_frame(struct exec *exec, const struct frame *frame, const uint8_t *payload) {
  char id[256];
  if (frame->length == 0 || frame->length >= sizeof id) return EINVAL;
  memcpy(id, payload, frame->length);
  id[frame->length] = 0;
  if (exec != NULL && exec->waiting != NULL) {
    end_waiting(exec, frame->stream);
    answer(frame->arg, 0);
    return 0;
  }
  /* A shell is ended with the command that runs in it, never for one that has ended. */
  bool running = exec != NULL && alive(exec);
  const char *shell = running && frame->stream == SIGKILL ? exec->turn : NULL;
  if (shell != NULL) exec->shell_killed = true;
  return kill_tree(id, shell, running ? exec->pid : 0, frame->stream, frame->arg);
}

static void control_frame(struct exec *exec, const struct frame *frame, const uint8_t *payload) {
  bool known = frame->stream > 0 && frame->stream < 32;
  int problem = EINVAL;
  switch (frame->type) {
    case F_SIGNAL:
      if (known) {
        signal_frame(exec, frame);
        return;
      }
      break;
    case F_KILL_TREE:
      if (known) problem = kill_tree_frame(exec, frame, payload);
      if (problem == 0) return; /* answered when the helper has ended */
      break;
    case F_KILL_ALL:
      if (known) problem = signal_everything(frame->stream);
      break;
    case F_FREEZE:
      problem = signal_everything(SIGSTOP);
      if (problem == 0) wait_until_stopped();
      break;
    default:
      problem = signal_everything(SIGCONT);
  }
  answer(frame->arg, problem);
}

void handle_frame(const struct frame *frame, const uint8_t *payload) {
  struct exec *exec = find_exec(frame->key);
  switch (frame->type) {
    case F_HELLO:
      if (frame->arg != PROTOCOL_VERSION) send_error(0, "unknown version of the protocol");
      return;
    case F_SPAWN:
      spawn_frame(frame, payload);
      return;
    case F_PING: {
      struct frame pong = {.type = F_PONG, .arg = frame->arg};
      send_frame(&pong, NULL);
      return;
    }
    case F_SIGNAL:
    case F_KILL_TREE:
    case F_KILL_ALL:
    case F_FREEZE:
    case F_THAW:
      control_frame(exec, frame, payload);
      return;
    case F_RESUME:
    case F_STDIN:
    case F_STDIN_END:
    case F_ACK:
    case F_ACK_EXIT:
    case F_RESIZE:
      break;
    default:
      send_error(frame->key, "unknown type of frame");
      return;
  }
  if (exec == NULL) return; /* it was forgotten meanwhile */
  switch (frame->type) {
    case F_RESUME:
      resume_frame(exec, frame, payload);
      return;
    case F_STDIN:
      stdin_frame(exec, frame, payload);
      return;
    case F_STDIN_END:
      if (exec->in.closed || frame->offset != exec->in.ring.end) return;
      exec->in.end_received = true;
      write_input(exec);
      return;
    case F_ACK:
      ack_frame(exec, frame);
      return;
    case F_RESIZE:
      resize_frame(exec, frame);
      return;
    default:
      if (!ended(exec)) return;
      exec->exit_acked = true;
      some_finished = true;
  }
}

/* A new link is told everything that init knows, and then says per exec what it has. */
void link_opened(void) {
  static uint8_t boot_id[16];
  static bool made;
  if (!made) made = getrandom(boot_id, sizeof boot_id, 0) == sizeof boot_id;
  uint8_t hello[sizeof PROTOCOL_MAGIC - 1 + sizeof boot_id];
  memcpy(hello, PROTOCOL_MAGIC, sizeof PROTOCOL_MAGIC - 1);
  memcpy(hello + sizeof PROTOCOL_MAGIC - 1, boot_id, sizeof boot_id);
  struct frame frame = {.length = sizeof hello, .type = F_INIT_HELLO, .arg = PROTOCOL_VERSION};
  send_frame(&frame, hello);
  for (struct exec *exec = all_execs; exec != NULL; exec = exec->next) {
    exec->paused = true;
    uint32_t length = 36 + exec->note_length;
    uint8_t *state = malloc(length);
    if (state == NULL) continue;
    put_u64(state, exec->out[0].ring.end);
    put_u64(state + 8, exec->out[1].ring.end);
    put_u64(state + 16, exec->in.ring.end);
    put_u32(state + 24, (exec->in.closed ? 1u : 0u) | (exec->in.end_received ? 2u : 0u));
    put_u32(state + 28, exec->note_length);
    if (exec->note_length > 0) memcpy(state + 32, exec->note, exec->note_length);
    uint16_t rows = 0, columns = 0;
    if (exec->terminal) terminal_size(exec->out[0].fd, &rows, &columns);
    put_u32(state + 32 + exec->note_length, rows | (uint32_t)columns << 16);
    struct frame known = {.length = length, .type = F_EXEC_STATE, .stream = (uint8_t)exec->phase, .key = exec->key};
    send_frame(&known, state);
    free(state);
  }
  struct frame end = {.type = F_STATE_END};
  send_frame(&end, NULL);
}
