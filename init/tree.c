#define _GNU_SOURCE
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_PROCESSES 32768
#define MAX_HELPERS 64

struct process {
  pid_t pid;
  pid_t parent;
  pid_t session;
  char state;
  signed char mark; /* 1: the exec's, 2: its shell's, 0: none or unreadable, -1: another's */
  uint64_t started; /* clock ticks since the machine's start */
  bool chosen;
};

static struct {
  pid_t pid;
  uint32_t request_id;
  char *turn; /* nothing else may have it before the helper is done */
} helpers[MAX_HELPERS];

int signal_group(pid_t leader, int signal_number) { return kill(-leader, signal_number) == 0 ? 0 : errno; }

static void sleep_ms(long ms) {
  struct timespec pause = {0, ms * 1000000};
  nanosleep(&pause, NULL);
}

static bool read_stat(pid_t pid, struct process *process) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  /* The name stands in parentheses and may hold any byte: what follows the last one can be trusted. */
  char *rest = strrchr(text, ')');
  int parent, group, session;
  unsigned long long started = 0;
  if (rest == NULL || sscanf(rest + 1, " %c %d %d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                             &process->state, &parent, &group, &session, &started) != 5) {
    return false;
  }
  process->started = started;
  process->pid = pid;
  process->parent = parent;
  process->session = session;
  process->mark = 0;
  process->chosen = false;
  return true;
}

/* Looks for the mark in a process's environment with that process's own ids: init may lack CAP_SYS_PTRACE. */
static signed char read_mark(pid_t pid, const char *id, const char *shell) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", (int)pid);
  struct stat st;
  if (stat(path, &st) != 0) return 0;
  snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
  setfsgid(st.st_gid);
  setfsuid(st.st_uid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  setfsuid(geteuid());
  setfsgid(getegid());
  if (fd < 0) return 0;
  size_t size = 0, capacity = 16384;
  char *text = malloc(capacity + 1);
  ssize_t n;
  while (text != NULL && (n = read(fd, text + size, capacity - size)) > 0) {
    size += (size_t)n;
    if (size < capacity) continue;
    capacity *= 4;
    char *larger = capacity > (8u << 20) ? NULL : realloc(text, capacity + 1);
    if (larger == NULL) break;
    text = larger;
  }
  close(fd);
  if (text == NULL) return 0;
  text[size] = 0;
  signed char mark = 0;
  for (char *at = text; at < text + size; at += strlen(at) + 1) {
    if (strncmp(at, EXEC_MARK "=", sizeof EXEC_MARK) != 0) continue;
    const char *value = at + sizeof EXEC_MARK;
    mark = strcmp(value, id) == 0 ? 1 : shell != NULL && strcmp(value, shell) == 0 ? 2 : -1;
    break;
  }
  free(text);
  return mark;
}

static int list_processes(struct process *list, int limit) {
  DIR *proc = opendir("/proc");
  if (proc == NULL) return 0;
  int count = 0;
  pid_t self = getpid();
  struct dirent *entry;
  while (count < limit && (entry = readdir(proc)) != NULL) {
    pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
    if (pid > 1 && pid != self && read_stat(pid, &list[count]) && list[count].state != 'Z') count++;
  }
  closedir(proc);
  return count;
}

/* Marks, session and descent; returns how many were chosen. `shell` is a second mark, or NULL. */
static int choose(struct process *list, int count, const char *id, const char *shell, pid_t leader) {
  int chosen = 0;
  for (int i = 0; i < count; i++) {
    struct process *p = &list[i];
    p->mark = read_mark(p->pid, id, shell);
    p->chosen = p->mark > 0 || (p->mark == 0 && leader > 0 && (p->pid == leader || p->session == leader));
    chosen += p->chosen;
  }
  for (bool again = true; again;) {
    again = false;
    for (int i = 0; i < count; i++) {
      if (list[i].chosen || list[i].mark == -1) continue;
      for (int j = 0; j < count && !list[i].chosen; j++) {
        if (list[j].chosen && list[j].pid == list[i].parent) list[i].chosen = again = true;
      }
      chosen += list[i].chosen;
    }
  }
  return chosen;
}

/* First everything is stopped, until nothing new appears: what can't run can't fork away from the kill. */
static void end_tree(const char *id, const char *shell, pid_t leader, int signal_number) {
  struct process *list = calloc(MAX_PROCESSES, sizeof *list);
  if (list == NULL) return;
  for (int pass = 0, before = -1; signal_number == SIGKILL && pass < 50; pass++) {
    int count = list_processes(list, MAX_PROCESSES);
    int chosen = choose(list, count, id, shell, leader);
    bool running = false;
    for (int i = 0; i < count; i++) {
      if (!list[i].chosen || list[i].state == 'T') continue;
      kill(list[i].pid, SIGSTOP);
      running = true;
    }
    if (!running || chosen == 0 || (pass > 20 && chosen == before)) break;
    before = chosen;
    if (pass > 2) sleep_ms(1);
  }
  for (int pass = 0; pass < 200; pass++) {
    int count = list_processes(list, MAX_PROCESSES);
    int chosen = choose(list, count, id, shell, leader);
    for (int i = 0; i < count; i++) {
      if (list[i].chosen) kill(list[i].pid, signal_number);
    }
    if (chosen == 0 || signal_number != SIGKILL) break;
    sleep_ms(pass < 5 ? 1 : 10);
  }
  free(list);
}

bool turn_is_held(const char *turn) {
  for (int i = 0; i < MAX_HELPERS; i++) {
    if (helpers[i].turn != NULL && strcmp(helpers[i].turn, turn) == 0) return true;
  }
  return false;
}

/*
 * Runs in a helper process: reading another process's environment may block on what that process does. With a
 * `turn` everything of that mark is meant too: the shell that the exec runs in.
 */
int kill_tree(const char *id, const char *turn, pid_t leader, int signal_number, uint32_t request_id) {
  int slot = 0;
  while (slot < MAX_HELPERS && helpers[slot].pid != 0) slot++;
  if (slot == MAX_HELPERS) return EAGAIN;
  char *copy = turn == NULL ? NULL : strdup(turn);
  if (turn != NULL && copy == NULL) return ENOMEM;
  pid_t pid = fork();
  if (pid < 0) {
    free(copy);
    return errno;
  }
  if (pid == 0) {
    prctl(PR_SET_DUMPABLE, 0);
    end_tree(id, turn, leader, signal_number);
    _exit(0);
  }
  helpers[slot].pid = pid;
  helpers[slot].request_id = request_id;
  helpers[slot].turn = copy;
  return 0;
}

/* Answers the request whose helper has ended; returns the turn that it held, for the caller to free, or NULL. */
char *kill_tree_done(pid_t helper, int status, bool *was_helper) {
  *was_helper = false;
  for (int i = 0; i < MAX_HELPERS; i++) {
    if (helpers[i].pid != helper) continue;
    helpers[i].pid = 0;
    struct frame frame = {.type = F_DONE, .arg = helpers[i].request_id, .offset = status == 0 ? 0 : EINTR};
    send_frame(&frame, NULL);
    *was_helper = true;
    char *turn = helpers[i].turn;
    helpers[i].turn = NULL;
    return turn;
  }
  return NULL;
}

/* When a process started, in a unit that only comparing needs; 0 when it is gone. */
uint64_t start_of(pid_t pid) {
  struct process process;
  return read_stat(pid, &process) ? process.started : 0;
}

static const struct process *find_process(const struct process *list, int count, pid_t pid) {
  for (int i = 0; i < count; i++) {
    if (list[i].pid == pid) return &list[i];
  }
  return NULL;
}

/* The clock's ticks are coarse; within one, process ids grow. */
static bool is_younger(const struct process *p, const struct shell_command *c) {
  return p->started > c->since || (p->started == c->since && p->pid > c->applet);
}

/*
 * A subshell has its shell's mark, whichever command made it: the command's are those that are younger than it
 * and that no subshell of an earlier command has made. One whose parents are gone is taken by its age.
 */
static bool is_of_command(const struct process *list, int count, const struct process *p, const struct shell_command *c) {
  if (p->mark == 1) return true;
  if (p->mark == -1 || !is_younger(p, c)) return false;
  for (pid_t up = p->parent; up > 1;) {
    if (up == c->leader) return true;
    const struct process *parent = find_process(list, count, up);
    if (parent == NULL) break;
    if (parent->mark == 1) return true;
    if (parent->mark == -1 || !is_younger(parent, c)) return false;
    up = parent->parent;
  }
  return p->mark == 2;
}

bool catches(pid_t pid, int signal_number) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (n < 0) return false;
  text[n] = 0;
  const char *line = strstr(text, "\nSigCgt:");
  return line != NULL && (strtoull(line + 8, NULL, 16) >> (signal_number - 1) & 1) != 0;
}

static struct told_child *find_told(struct shell_command *command, const struct process *p) {
  for (int i = 0; i < command->told_count; i++) {
    struct told_child *told = &command->told[i];
    if (told->pid == p->pid && told->started == p->started) return told;
  }
  return NULL;
}

/* Only programs have the command's own mark; what is still the shell's image has the shell's. */
static void note_told(struct shell_command *command, const struct process *p) {
  struct told_child *told = find_told(command, p);
  if (told == NULL && command->told_count < MAX_TOLD) told = &command->told[command->told_count++];
  if (told != NULL) *told = (struct told_child){p->pid, p->started, p->mark == 1};
}

/* Calls `visit` with all that a command of a shell has started, but not with the shell and its keeper. */
static int visit_command(struct shell_command *command, int signal_number,
                         bool (*visit)(struct shell_command *, const struct process *, int)) {
  struct process *list = calloc(MAX_PROCESSES, sizeof *list);
  if (list == NULL) return 0;
  int count = list_processes(list, MAX_PROCESSES);
  int reached = 0;
  for (int i = 0; i < count; i++) list[i].mark = read_mark(list[i].pid, command->id, command->shell);
  for (int i = 0; i < count; i++) {
    if (list[i].pid == command->leader || list[i].pid == command->applet) continue;
    if (!is_of_command(list, count, &list[i], command)) continue;
    reached += visit(command, &list[i], signal_number);
  }
  free(list);
  return reached;
}

static bool signal_one(struct shell_command *command, const struct process *p, int signal_number) {
  if (p->parent == command->leader) note_told(command, p);
  return kill(p->pid, signal_number) == 0;
}

/* Returns how many got it. */
int signal_command(struct shell_command *command, int signal_number) {
  command->told_count = 0;
  return visit_command(command, signal_number, signal_one);
}

static bool signal_if_missed(struct shell_command *command, const struct process *p, int signal_number) {
  const struct told_child *told = find_told(command, p);
  if (p->parent != command->leader || (told == NULL && command->told_count == MAX_TOLD)) return false;
  /* A subshell that catches the signal has got it: its trap must not run twice. */
  if (told != NULL && (told->program || (p->mark != 1 && catches(p->pid, signal_number)))) return false;
  return signal_one(command, p, signal_number);
}

/*
 * A child that the shell was making when a signal was sent may not have been there yet, or may still have had the
 * shell's ways, to which the signal means nothing; and the shell waits for it.
 */
void signal_missed(struct shell_command *command, int signal_number) {
  visit_command(command, signal_number, signal_if_missed);
}

/* Only PID 1 may: for anyone else `-1` means every process of the machine. */
int signal_everything(int signal_number) {
  if (getpid() != 1) return EPERM;
  return kill(-1, signal_number) == 0 || errno == ESRCH ? 0 : errno;
}

/* A stop signal has been sent; comes back when it has taken effect everywhere, or after 100 ms. */
void wait_until_stopped(void) {
  struct process *list = calloc(MAX_PROCESSES, sizeof *list);
  if (list == NULL) return;
  for (int pass = 0; pass < 100; pass++) {
    int count = list_processes(list, MAX_PROCESSES);
    bool running = false;
    for (int i = 0; i < count && !running; i++) running = list[i].state != 'T' && list[i].state != 't' && list[i].state != 'X';
    if (!running) break;
    sleep_ms(1);
  }
  free(list);
}
