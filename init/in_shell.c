/*
 * `codeset-init in-shell NAME …`: one command of a shell that remembers. The command runs in the shell, which is
 * another process; this one has the command's streams, which the shell opens through /proc, its signals, which it
 * passes on, and its exit. PROTOCOL.md has the whole picture.
 */
#define _GNU_SOURCE
#include "init.h"
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT 125

extern char **environ;

static struct {
  const char *name;
  const char *mark;
  const char *start_in; /* where a new shell stands */
  const char *enter;    /* where the shell goes first; NULL: it stays where it is */
  const char *line;
  char **env; /* NAME=VALUE, exported in the shell */
  int env_count;
  char **argv;
  int word_fd;
} job = {.word_fd = -1};

static struct word word = {.flags = WORD_NEVER_RAN};

_Noreturn static void leave(int wait_status) {
  if (job.word_fd >= 0 && write(job.word_fd, &word, sizeof word) < 0) _exit(CANNOT);
  if (!WIFSIGNALED(wait_status)) _exit(WEXITSTATUS(wait_status));
  int number = WTERMSIG(wait_status);
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigaction(number, &plain, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  kill(getpid(), number);
  _exit(128 + number);
}

_Noreturn static void give_up(const char *what, int problem) {
  dprintf(2, "codeset: %s: %s\n", what, strerror(problem));
  leave(CANNOT << 8);
}

/* ---------------------------------------------------------------- scripts for the shell */

static void put(FILE *file, const char *text) { fputs(text, file); }

static void put_quoted(FILE *file, const char *text) {
  putc('\'', file);
  for (; *text != 0; text++) {
    if (*text == '\'') put(file, "'\\''");
    else putc(*text, file);
  }
  putc('\'', file);
}

/* A file without a name; the shell reads it as /proc/PID/fd/N. */
static FILE *new_script(void) {
  int fd = (int)syscall(SYS_memfd_create, "command", 1u /* MFD_CLOEXEC */);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
  if (file == NULL) give_up("making the command's script", errno);
  return file;
}

static int done_with(FILE *script) {
  if (fflush(script) != 0) give_up("writing the command's script", errno);
  return fileno(script);
}

static int job_script(void) {
  FILE *script = new_script();
  if (job.line != NULL) put(script, job.line);
  for (int i = 0; job.line == NULL && job.argv[i] != NULL; i++) {
    if (i > 0) putc(' ', script);
    put_quoted(script, job.argv[i]);
  }
  return done_with(script);
}

/* Backslashes keep aliases away, `command` keeps functions away. */
static int before_script(void) {
  if (job.env_count == 0 && job.enter == NULL) return -1;
  FILE *script = new_script();
  for (int i = 0; i < job.env_count; i++) {
    const char *value = strchr(job.env[i], '=') + 1;
    fprintf(script, "\\command export %.*s", (int)(value - job.env[i]), job.env[i]);
    put_quoted(script, value);
    if (strncmp(job.env[i], "PATH=", 5) == 0) put(script, ":" BIN_DIR);
    put(script, " || \\command return 126\n");
  }
  if (job.enter != NULL) {
    put(script, "\\command cd -- ");
    put_quoted(script, job.enter);
    put(script, " || \\command return 126\n");
  }
  return done_with(script);
}

/* ---------------------------------------------------------------- the way to the keeper */

/* A name that needs no file: of this sandbox (its pid namespace), this user, with or without root's power, and this shell. */
static socklen_t keeper_address(struct sockaddr_un *address) {
  struct stat st = {0};
  if (stat("/proc/self/ns/pid", &st) != 0) st.st_ino = 0;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  int n = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "codeset-shell/%llu/%u/%d/%s",
                   (unsigned long long)st.st_ino, (unsigned)geteuid(), has_capabilities(getpid()), job.name);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

_Noreturn static void become_keeper(int listen_fd) {
  if (setsid() < 0) _exit(CANNOT);
  pid_t pid = fork();
  if (pid != 0) _exit(pid < 0 ? errno : 0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  int listener = fcntl(listen_fd, F_DUPFD_CLOEXEC, 10);
  if (null < 0 || listener < 0) _exit(CANNOT);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  dup2(listener, KEEPER_LISTEN_FD);
  setenv(EXEC_MARK, job.mark, 1);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  char *argv[] = {"codeset-shell", "keep-shell", (char *)job.mark, NULL};
  execve("/proc/self/exe", argv, environ);
  _exit(CANNOT);
}

/* False when another process was faster. */
static bool start_keeper(const struct sockaddr_un *address, socklen_t length) {
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("starting the shell", errno);
  if (bind(fd, (const struct sockaddr *)address, length) != 0 || listen(fd, 64) != 0) {
    if (errno != EADDRINUSE) give_up("starting the shell", errno);
    close(fd);
    return false;
  }
  if (chdir(job.start_in) != 0) {
    dprintf(2, "codeset: the shell can't be started in %s: %s\n", job.start_in, strerror(errno));
    leave(126 << 8);
  }
  pid_t pid = fork();
  if (pid == 0) become_keeper(fd);
  int status = 0;
  if (pid > 0) waitpid(pid, &status, 0);
  if (pid < 0 || status != 0) give_up("starting the shell", pid < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : EINTR);
  close(fd);
  return true;
}

static int connect_to_keeper(void) {
  struct sockaddr_un address;
  socklen_t length = keeper_address(&address);
  for (int attempt = 0; attempt < 1000; attempt++) {
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) give_up("reaching the shell", errno);
    if (connect(fd, (struct sockaddr *)&address, length) == 0) {
      struct ucred peer;
      socklen_t size = sizeof peer;
      if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid()) {
        give_up("another user holds the shell's place", EACCES);
      }
      return fd;
    }
    int problem = errno;
    close(fd);
    if (problem != ECONNREFUSED) give_up("reaching the shell", problem);
    if (!start_keeper(&address, length)) usleep(1000); /* one that is about to end, or to listen */
  }
  give_up("reaching the shell", ETIMEDOUT);
}

/* ---------------------------------------------------------------- the command's life */

static void pass_signals(int signal_fd, int keeper) {
  struct signalfd_siginfo info;
  while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    struct shell_signal message = {(int32_t)(info.ssi_signo == STOP_STAND_IN ? SIGSTOP : info.ssi_signo)};
    if (message.number == SIGCHLD) continue;
    if (send(keeper, &message, sizeof message, MSG_NOSIGNAL) < 0) return;
  }
}

/* Returns false when the keeper went away without having taken the command: another one will. */
static bool run_at(int keeper, int signal_fd, const struct shell_request *request) {
  if (send(keeper, request, sizeof *request, MSG_NOSIGNAL) < 0) return false;
  bool taken = false;
  while (true) {
    struct pollfd wait[2] = {{.fd = keeper, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
    /* Signals wait until somebody takes them. */
    if (poll(wait, taken ? 2 : 1, -1) < 0 && errno != EINTR) give_up("waiting for the shell", errno);
    if (wait[0].revents != 0) {
      struct shell_reply reply;
      ssize_t n = recv(keeper, &reply, sizeof reply, 0);
      /* A signal that came too late to be read comes back as an error, in front of the answer. */
      if (n < 0 && errno == ECONNRESET) n = recv(keeper, &reply, sizeof reply, 0);
      if (n != (ssize_t)sizeof reply) {
        if (!taken) return false;
        /* The keeper is gone, and the shell with it. */
        word.flags = 0;
        leave(SIGKILL);
      }
      if (reply.kind == SHELL_TAKEN) {
        taken = true;
        continue;
      }
      word.flags = reply.flags;
      word.cpu_us = reply.cpu_us;
      if (!reply.began) dprintf(2, "codeset: the shell ended before the command could begin\n");
      leave(reply.wait_status);
    }
    if (taken && wait[1].revents != 0) pass_signals(signal_fd, keeper);
  }
}

static int usage(void) {
  dprintf(2, "usage: in-shell NAME --mark MARK --start-in DIR [--word] [--cd DIR] [--env NAME=VALUE]…\n"
             "  (--line SHELL_LINE | -- COMMAND [ARGUMENT…])\n");
  return CANNOT;
}

static bool parse(int argc, char **argv) {
  if (argc < 1 || *argv[0] == 0 || strlen(argv[0]) > 64) return false;
  job.name = argv[0];
  job.env = calloc((size_t)argc, sizeof(char *));
  if (job.env == NULL) return false;
  int i = 1;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "--word") == 0) {
      job.word_fd = WORD_FD;
      continue;
    }
    if (i + 1 >= argc) return false;
    const char *option = argv[i++];
    if (strcmp(option, "--mark") == 0) job.mark = argv[i];
    else if (strcmp(option, "--start-in") == 0) job.start_in = argv[i];
    else if (strcmp(option, "--cd") == 0) job.enter = argv[i];
    else if (strcmp(option, "--line") == 0) job.line = argv[i];
    else if (strcmp(option, "--env") == 0 && strchr(argv[i], '=') != NULL) job.env[job.env_count++] = argv[i];
    else return false;
  }
  if (i + 1 < argc) job.argv = argv + i + 1;
  return job.mark != NULL && job.start_in != NULL && (job.line != NULL) != (job.argv != NULL);
}

int in_shell_main(int argc, char **argv) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  if (!parse(argc, argv)) return usage();
  if (job.word_fd >= 0) fcntl(job.word_fd, F_SETFD, FD_CLOEXEC);
  struct shell_request request = {.before_fd = before_script(), .job_fd = job_script()};
  const char *id = getenv(EXEC_MARK);
  if (id == NULL || strlen(id) >= sizeof request.id || !is_plain_mark(id)) return usage();
  strcpy(request.id, id);
  int signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd < 0) give_up("signals", errno);
  for (int attempt = 0; attempt < 1000; attempt++) {
    int keeper = connect_to_keeper();
    run_at(keeper, signal_fd, &request);
    close(keeper);
    usleep(1000); /* for the one that is about to end */
  }
  give_up("reaching the shell", ETIMEDOUT);
}
