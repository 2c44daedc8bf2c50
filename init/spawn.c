#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct pipes {
  int in[2];
  int out[2][2];
  int status[2];
  int word[2];
  int terminal; /* -1: none; else the command's end of it, in the place of the pipes */
};

static void fail(int fd, uint8_t stage, int problem) {
  uint8_t message[5] = {stage};
  put_u32(message + 1, (uint32_t)problem);
  ssize_t ignored = write(fd, message, sizeof message);
  (void)ignored;
  _exit(127);
}

static const char *lookup(char **env, const char *name) {
  size_t length = strlen(name);
  for (; *env != NULL; env++) {
    if (strncmp(*env, name, length) == 0 && (*env)[length] == '=') return *env + length + 1;
  }
  return NULL;
}

static char *assignment(const char *name, const char *value, const char *rest) {
  char *text = NULL;
  return asprintf(&text, "%s=%s%s", name, value, rest) < 0 ? NULL : text;
}

/* The request's environment with our folder at the end of PATH, the mark, and HOME and USER where they lack. */
static char **build_env(const struct spawn_request *request, const struct user *user) {
  char **env = calloc((size_t)request->env.count + 6, sizeof(char *));
  if (env == NULL) return NULL;
  size_t n = 0;
  for (uint32_t i = 0; i < request->env.count; i++) {
    char *item = request->env.items[i];
    if (strncmp(item, "PATH=", 5) == 0 || strncmp(item, EXEC_MARK "=", sizeof EXEC_MARK) == 0) continue;
    env[n++] = item;
  }
  const char *path = lookup(request->env.items, "PATH");
  if (path == NULL || *path == 0) path = DEFAULT_PATH;
  env[n++] = assignment("PATH", path, ":" BIN_DIR);
  env[n++] = assignment(EXEC_MARK, request->id, "");
  if (lookup(request->env.items, "HOME") == NULL) env[n++] = assignment("HOME", user->home, "");
  if (lookup(request->env.items, "USER") == NULL && *user->name != 0) env[n++] = assignment("USER", user->name, "");
  for (size_t i = 0; i < n; i++) {
    if (env[i] == NULL) return NULL;
  }
  return env;
}

static void close_all_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  long limit = sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd < limit; fd++) close(fd);
}

/* Init itself ignores SIGPIPE and nothing else; handlers go with the exec. */
static void reset_signals(void) {
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* When the sandbox runs out of memory a command dies, never PID 1, which the sandbox would die with. */
static void offer_to_oom_killer(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "1000", 4) < 0) { /* Not allowed here: the kernel's own choice has to do. */
  }
  close(fd);
}

static void take_streams(const struct pipes *p) {
  int status = p->status[1];
  if (p->terminal >= 0) {
    int problem = take_terminal(p->terminal);
    if (problem != 0) fail(status, STAGE_RESOURCES, problem);
    for (int fd = 0; fd < 3; fd++) {
      if (dup2(p->terminal, fd) < 0) fail(status, STAGE_RESOURCES, errno);
    }
    return;
  }
  int in = p->in[0] >= 0 ? p->in[0] : open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (in < 0) fail(status, STAGE_RESOURCES, errno);
  if (dup2(in, 0) < 0 || dup2(p->out[0][1], 1) < 0 || dup2(p->out[1][1], 2) < 0) {
    fail(status, STAGE_RESOURCES, errno);
  }
}

/* The group of a terminal stays that of its file system, for write(1) and its like. */
static void give_streams(const struct pipes *p, const struct user *user) {
  if (p->terminal >= 0) {
    if (fchown(0, user->uid, (gid_t)-1) != 0) return;
    return;
  }
  for (int fd = p->in[0] >= 0 ? 0 : 1; fd < 3; fd++) {
    if (fchown(fd, user->uid, user->gid) != 0) continue;
  }
}

_Noreturn static void run_child(const struct spawn_request *request, const struct pipes *p) {
  int status = p->status[1];
  setsid();
  reset_signals();
  offer_to_oom_killer();
  take_streams(p);
  int word = p->word[1] < 0 ? -1 : fcntl(p->word[1], F_DUPFD, WORD_FD + 1);
  /* init's descriptors are all above 2, so the status pipe can take 3 without hiding one still needed. */
  if (status != 3 && dup3(status, 3, O_CLOEXEC) < 0) fail(status, STAGE_RESOURCES, errno);
  status = 3;
  if (word >= 0 && dup2(word, WORD_FD) < 0) fail(status, STAGE_RESOURCES, errno);
  close_all_from(word >= 0 ? WORD_FD + 1 : WORD_FD);
  struct user user;
  int problem = resolve_user(request->user, &user);
  if (problem != 0) fail(status, STAGE_USER, problem);
  /* Else a command that opens /dev/stdout anew, as shell scripts do, is refused. */
  give_streams(p, &user);
  char **env = build_env(request, &user);
  if (env == NULL) fail(status, STAGE_RESOURCES, ENOMEM);
  for (uint32_t i = 0; i < request->limit_count; i++) {
    struct rlimit limit = {request->limits[i].soft, request->limits[i].hard};
    if (setrlimit((int)request->limits[i].resource, &limit) != 0) fail(status, STAGE_RESOURCES, errno);
  }
  problem = become_user(&user);
  if (problem != 0) fail(status, STAGE_USER, problem);
  if (*request->cwd != 0 && chdir(request->cwd) != 0) fail(status, STAGE_CHDIR, errno);
  char buffer[4096];
  const char *program = find_program(request->argv.items[0], lookup(env, "PATH"), buffer, sizeof buffer);
  if (program == NULL && (request->flags & SPAWN_OR_SHELL) != 0) {
    program = "/bin/sh";
    request->argv.items[0] = "sh";
  }
  if (program == NULL) fail(status, STAGE_EXEC, errno);
  if (request->turn != NULL) {
    /* A signal that comes with the start waits until the program can pass it on. */
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
  }
  execve(program, request->argv.items, env);
  if (errno == ENOEXEC) {
    /* A script without a first line naming its interpreter: every shell runs it by itself. */
    char **argv = calloc((size_t)request->argv.count + 2, sizeof(char *));
    if (argv == NULL) fail(status, STAGE_EXEC, ENOMEM);
    argv[0] = "sh";
    argv[1] = (char *)program;
    for (uint32_t i = 1; i < request->argv.count; i++) argv[i + 1] = request->argv.items[i];
    execve("/bin/sh", argv, env);
    errno = ENOEXEC;
  }
  fail(status, STAGE_EXEC, errno);
  _exit(127);
}

static void close_pair(int pair[2]) {
  for (int i = 0; i < 2; i++) {
    if (pair[i] >= 0) close(pair[i]);
    pair[i] = -1;
  }
}

static void close_pipes(struct pipes *p) {
  close_pair(p->in);
  close_pair(p->out[0]);
  close_pair(p->out[1]);
  close_pair(p->status);
  close_pair(p->word);
  if (p->terminal >= 0) close(p->terminal);
  p->terminal = -1;
}

/* Of a pipe or a terminal of ours, which has no other flag. */
static void set_nonblocking(int fd) { fcntl(fd, F_SETFL, O_NONBLOCK); }

/* Returns 0 or an errno; what was opened until then is in `p` and in `master`. */
static int open_streams(const struct spawn_request *request, struct pipes *p, int *master) {
  if (pipe2(p->status, O_CLOEXEC) != 0) return errno;
  if (request->turn != NULL && pipe2(p->word, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
  if ((request->flags & SPAWN_TERMINAL) != 0) {
    return open_terminal(request->rows, request->columns, master, &p->terminal);
  }
  bool with_stdin = (request->flags & SPAWN_STDIN) != 0;
  if (with_stdin && pipe2(p->in, O_CLOEXEC) != 0) return errno;
  return pipe2(p->out[0], O_CLOEXEC) == 0 && pipe2(p->out[1], O_CLOEXEC) == 0 ? 0 : errno;
}

static void keep_input(struct exec *exec, int fd) {
  if (fd < 0) return;
  set_nonblocking(fd);
  exec->in.fd = fd;
  exec->in.closed = false;
}

static void keep_output(struct exec *exec, int which, int fd) {
  struct output *out = &exec->out[which];
  out->fd = fd;
  out->ended = fd < 0;
  if (fd < 0) return;
  set_nonblocking(fd);
  out->armed = watch_fd(fd, EPOLLIN, which == 0 ? WATCH_STDOUT : WATCH_STDERR, exec->key);
}

int spawn_exec(struct exec *exec, const struct spawn_request *request) {
  struct pipes p = {{-1, -1}, {{-1, -1}, {-1, -1}}, {-1, -1}, {-1, -1}, -1};
  int master = -1, input = -1;
  int problem = open_streams(request, &p, &master);
  /* epoll knows a descriptor once: the terminal's second direction gets one of its own. */
  if (problem == 0 && master >= 0 && (input = fcntl(master, F_DUPFD_CLOEXEC, 3)) < 0) problem = errno;
  pid_t pid = problem == 0 ? fork() : -1;
  if (problem == 0 && pid < 0) problem = errno;
  if (problem != 0) {
    close_pipes(&p);
    if (master >= 0) close(master);
    if (input >= 0) close(input);
    return problem;
  }
  if (pid == 0) run_child(request, &p);
  exec->pid = pid;
  exec->phase = PHASE_STARTING;
  exec->terminal = master >= 0;
  exec->slave_fd = p.terminal;
  exec->in.last = '\n';
  exec->in.eofs = -1;
  exec->status_fd = p.status[0];
  set_nonblocking(exec->status_fd);
  watch_fd(exec->status_fd, EPOLLIN, WATCH_STATUS, exec->key);
  keep_input(exec, master >= 0 ? input : p.in[1]);
  keep_output(exec, 0, master >= 0 ? master : p.out[0][0]);
  keep_output(exec, 1, p.out[1][0]);
  exec->word_fd = p.word[0];
  p.status[0] = p.word[0] = p.in[1] = p.out[0][0] = p.out[1][0] = p.terminal = -1;
  close_pipes(&p);
  return 0;
}
