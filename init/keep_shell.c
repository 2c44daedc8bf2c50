/*
 * `codeset-init keep-shell MARK`: the keeper of one shell that remembers, started by `in-shell`. It is the shell's
 * parent, hands it one command after another, learns each one's status, and is told by `waitpid` when the shell
 * ends, with which it ends too: nothing is left, in no file system either.
 *
 * The shell is bash (or sh), interactive without a terminal: an error, or Ctrl-C, ends the command and not the
 * shell. It reads three lines per command from a pipe: one that sets the command's mark and says `s`, one that
 * sources the command with its own streams, and, sent when that one was read, one that tells the status.
 */
#define _GNU_SOURCE
#include "init.h"
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/*
 * Has a trap in the shell that sends itself SIGINT: by then no child keeps it from giving up the command. bash must
 * not do so while it reads its script: it would leave its reader with a buffer of -1 bytes (local_bufused in its
 * getc_with_restart) and then read on beyond it. There, where BASH_SOURCE is empty, it says `n` instead.
 */
#define ABORT_SIGNAL 60
#define ASK_AGAIN_MS 50
#define ASK_AGAIN_MAX_MS 2000
/* A shell that has read all and does not answer can't any more: it has no descriptors left, or is restricted. */
#define LOOK_MS 2000
#define MAX_LOOKS 5

extern char **environ;

static struct {
  const char *mark;
  pid_t pid;
  const char *builtin; /* what keeps functions from being taken for builtins */
  int script;          /* to the shell's stdin */
  int status[2];       /* the shell opens the second by its path in /proc */
  int restore_fd;      /* a script that gives `$?` what the command before left there */
  int last_code;
  bool told_first;
} shell;

static struct {
  int fd; /* to in-shell; -1: there is no command */
  pid_t pid;
  struct shell_command scope;
  char id[256];
  enum { FRESH, SENT, BEGUN, ASKED, SYNCING } stage;
  unsigned question;   /* the status that is waited for */
  int aborted_by;
  int code;
  uint64_t cpu_before;
  int pending[32]; /* signals that came before it began */
  int pending_count;
} command = {.fd = -1};

static unsigned questions;

/* ---------------------------------------------------------------- the shell */

static void tell_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell_shell(const char *format, ...) {
  char line[4096];
  va_list values;
  va_start(values, format);
  int n = vsnprintf(line, sizeof line, format, values);
  va_end(values);
  if (n > 0 && (size_t)n < sizeof line && write(shell.script, line, (size_t)n) < 0) return; /* it has ended: told elsewhere */
}

_Noreturn static void become_shell(int script, const char *program, bool is_bash, pid_t keeper) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != keeper) _exit(127);
  setsid(); /* `kill 0` in a command reaches the shell, not its keeper */
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(script, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  char *bash[] = {"bash", "--noprofile", "--norc", "--noediting", "+m", "+H", "+o", "history", "-i", "-s", NULL};
  char *sh[] = {"sh", "-i", "-s", NULL};
  if (!is_bash) unsetenv("ENV"); /* the name of a file that it would read */
  execve(program, is_bash ? bash : sh, environ);
  _exit(errno == ENOENT ? 127 : 126);
}

static bool start_shell(void) {
  int script[2];
  if (pipe2(script, O_CLOEXEC) != 0 || pipe2(shell.status, O_CLOEXEC) != 0) return false;
  shell.restore_fd = (int)syscall(SYS_memfd_create, "status", 1u /* MFD_CLOEXEC */);
  const char *path = getenv("PATH"), *variable = getenv("ENV");
  char buffer[4096];
  const char *program = find_program("bash", path == NULL ? DEFAULT_PATH : path, buffer, sizeof buffer);
  bool is_bash = program != NULL;
  shell.builtin = is_bash ? "\\builtin" : "\\command";
  pid_t self = getpid();
  shell.pid = fork();
  if (shell.pid < 0) return false;
  if (shell.pid == 0) become_shell(script[0], is_bash ? program : "/bin/sh", is_bash, self);
  close(script[0]);
  shell.script = script[1];
  fcntl(shell.script, F_SETFL, O_NONBLOCK);
  fcntl(shell.status[0], F_SETFL, O_NONBLOCK);
  char reading[160] = "";
  if (is_bash) {
    snprintf(reading, sizeof reading, "\\builtin test -z \"${BASH_SOURCE-}\" && \\builtin echo n >|/proc/%d/fd/%d || ", (int)getpid(),
             shell.status[1]);
  }
  tell_shell("trap '%s%s kill -INT $$' %d\n", reading, shell.builtin, ABORT_SIGNAL);
  if (!is_bash && variable != NULL && strlen(variable) < 1024 && strchr(variable, '\'') == NULL) {
    tell_shell("export ENV='%s'\n", variable);
  }
  return true;
}

/* Of the shell and of the children that it has waited for, in µs as fine as the kernel tells them. */
static uint64_t cpu_time(void) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)shell.pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  const char *rest = strrchr(text, ')');
  unsigned long long t[4];
  if (rest == NULL || sscanf(rest + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3]) != 4) return 0;
  return (uint64_t)(t[0] + t[1] + t[2] + t[3]) * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* ---------------------------------------------------------------- a command */

static void ask(void) {
  tell_shell("%s echo \"%u:$?\" >|/proc/%d/fd/%d\n", shell.builtin, command.question, (int)getpid(), shell.status[1]);
}

static void begin(const struct shell_request *request) {
  const char *b = shell.builtin;
  int self = (int)getpid(), applet = (int)command.pid;
  char streams[256], before[512] = "", restore[128] = "";
  snprintf(streams, sizeof streams, "</proc/%d/fd/0 >/proc/%d/fd/1 2>/proc/%d/fd/2", applet, applet, applet);
  if (request->before_fd >= 0) snprintf(before, sizeof before, "%s . /proc/%d/fd/%d %s && ", b, applet, request->before_fd, streams);
  if (shell.last_code != 0) {
    char text[32];
    int n = snprintf(text, sizeof text, "return %d\n", shell.last_code);
    if (ftruncate(shell.restore_fd, 0) == 0 && pwrite(shell.restore_fd, text, (size_t)n, 0) == n) {
      snprintf(restore, sizeof restore, "%s . /proc/%d/fd/%d || ", b, self, shell.restore_fd);
    }
  }
  command.cpu_before = cpu_time();
  command.stage = SENT;
  tell_shell("%s export " EXEC_MARK "=%s; %s echo s >|/proc/%d/fd/%d\n%s{ %s%s . /proc/%d/fd/%d %s; }\n", b, command.id, b, self,
             shell.status[1], before, restore, b, applet, request->job_fd, streams);
}

static void finish(int wait_status, uint32_t flags, uint64_t now) {
  struct shell_reply reply = {
      .kind = SHELL_END,
      .wait_status = wait_status,
      .flags = flags | (shell.told_first ? 0 : WORD_FRESH),
      .began = command.stage >= BEGUN,
      .cpu_us = now > command.cpu_before ? now - command.cpu_before : 0,
  };
  shell.told_first = true;
  if (send(command.fd, &reply, sizeof reply, MSG_NOSIGNAL) < 0) { /* Its end is then found by the next poll. */
  }
  close(command.fd);
  command.fd = -1;
}

/* What is left of it in subshells: who left an exec behind is found by the service. */
static void end_rest(void) {
  for (int pass = 0; pass < 50 && signal_command(&command.scope, SIGKILL) > 0; pass++) {
    struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
  }
}

_Noreturn static void end_all(void) {
  kill(shell.pid, SIGKILL);
  end_rest();
  _exit(0);
}

static void pass_signal(int number) {
  if (command.stage < BEGUN) {
    if (command.pending_count < 32) command.pending[command.pending_count++] = number;
    return;
  }
  /* The shell first: when its child has ended it must know that nothing is to follow. */
  bool ends = number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT || number == SIGABRT;
  if (number == SIGCONT || number == SIGSTOP) {
    kill(shell.pid, number);
  } else if (number == SIGTERM && catches(shell.pid, SIGTERM)) {
    kill(shell.pid, SIGTERM); /* an interactive shell ignores it: this is a trap of the command's own */
  } else if (ends) {
    command.aborted_by = number;
    kill(shell.pid, ABORT_SIGNAL);
  }
  signal_command(&command.scope, number);
}

static bool has_read_all(void) {
  int unread = 0;
  return ioctl(shell.script, FIONREAD, &unread) == 0 && unread == 0;
}

/*
 * A shell that was to give up its command has not answered. One that has given it up has thrown away what it had
 * read behind it, so the question comes again; one that has not waits in a builtin, which only SIGINT ends, or for
 * a child that goes on, to which SIGINT means nothing.
 */
static void press_shell(void) {
  if (command.stage == ASKED) signal_missed(&command.scope, command.aborted_by);
  if (has_read_all()) ask();
  else if (command.stage == ASKED) kill(shell.pid, SIGINT);
}

/* ---------------------------------------------------------------- what comes */

static void take_command(int listen_fd) {
  int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid() || peer.pid <= 0 ||
      has_capabilities(peer.pid) != has_capabilities(getpid())) {
    close(fd);
    return;
  }
  memset(&command, 0, sizeof command);
  command.fd = fd;
  command.pid = peer.pid;
}

static void hear_command(void) {
  union {
    struct shell_request request;
    struct shell_signal signal;
  } message;
  ssize_t n = recv(command.fd, &message, sizeof message, 0);
  if (command.stage == FRESH) {
    message.request.id[sizeof message.request.id - 1] = 0;
    if (n != (ssize_t)sizeof message.request || !is_plain_mark(message.request.id)) {
      close(command.fd);
      command.fd = -1;
      return;
    }
    strcpy(command.id, message.request.id);
    command.scope = (struct shell_command){
        .id = command.id,
        .shell = shell.mark,
        .leader = shell.pid,
        .applet = command.pid,
        .since = start_of(command.pid),
    };
    struct shell_reply taken = {.kind = SHELL_TAKEN};
    if (send(command.fd, &taken, sizeof taken, MSG_NOSIGNAL) < 0) {
      close(command.fd);
      command.fd = -1;
      return;
    }
    begin(&message.request);
    return;
  }
  if (n == (ssize_t)sizeof message.signal) pass_signal(message.signal.number);
  else if (n <= 0) end_all(); /* it was killed, and its command goes with it */
}

/* Lines of the shell: `s`, `n`, or the number of a question and the status. */
static void hear_shell(void) {
  char text[4096];
  ssize_t n = read(shell.status[0], text, sizeof text - 1);
  if (n <= 0) return;
  text[n] = 0;
  for (char *line = text, *rest; line != NULL && *line != 0; line = rest) {
    rest = strchr(line, '\n');
    if (rest != NULL) *rest++ = 0;
    if (command.fd < 0) continue;
    unsigned question;
    int code;
    if (strcmp(line, "s") == 0 && command.stage == SENT) {
      command.stage = BEGUN;
      command.question = ++questions;
      ask();
      for (int i = 0; i < command.pending_count; i++) pass_signal(command.pending[i]);
      command.stage = ASKED;
    } else if (strcmp(line, "n") == 0) {
      /* It was about to begin the command, or has ended it, which its answer is going to say. */
      if (command.stage == ASKED && command.aborted_by != 0) pass_signal(command.aborted_by);
    } else if (sscanf(line, "%u:%d", &question, &code) == 2 && question == command.question) {
      if (command.stage == ASKED) command.code = code;
      if (command.stage == ASKED && command.aborted_by != 0) {
        /* The shell has done with the signal when it answers again: it must not reach the next command. */
        bool given_up = code == 128 + SIGINT || code == 128 + ABORT_SIGNAL;
        if (given_up) command.code = 128 + command.aborted_by;
        if (command.aborted_by != SIGINT) end_rest();
        command.stage = SYNCING;
        command.question = ++questions;
        ask();
        continue;
      }
      shell.last_code = command.code;
      finish(command.code << 8, WORD_KEPT, cpu_time());
    }
  }
}

/* The shell has ended, which its command may have done on purpose. */
_Noreturn static void shell_ended(int wait_status, const struct rusage *usage) {
  hear_shell();
  if (command.fd >= 0 && command.stage != FRESH) {
    if (command.stage == SYNCING) wait_status = command.code << 8;
    const struct timeval *user = &usage->ru_utime, *system = &usage->ru_stime;
    finish(wait_status, 0, (uint64_t)(user->tv_sec + system->tv_sec) * 1000000u + (uint64_t)(user->tv_usec + system->tv_usec));
  }
  _exit(0);
}

int keep_shell_main(int argc, char **argv) {
  if (argc != 1) return 125;
  shell.mark = argv[0];
#ifdef SYS_close_range
  syscall(SYS_close_range, KEEPER_LISTEN_FD + 1, ~0U, 0);
#endif
  fcntl(KEEPER_LISTEN_FD, F_SETFD, FD_CLOEXEC);
  fcntl(KEEPER_LISTEN_FD, F_SETFL, O_NONBLOCK);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  int signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd < 0 || !start_shell()) return 125;
  int ask_again_ms = ASK_AGAIN_MS, looks = 0;
  while (true) {
    struct pollfd wait[3] = {
        {.fd = signal_fd, .events = POLLIN},
        {.fd = shell.status[0], .events = POLLIN},
        {.fd = command.fd < 0 ? KEEPER_LISTEN_FD : command.fd, .events = POLLIN},
    };
    bool again = command.fd >= 0 && command.aborted_by != 0 && command.stage >= ASKED;
    bool busy = command.fd >= 0 && command.stage != FRESH;
    int count = poll(wait, 3, again ? ask_again_ms : busy ? LOOK_MS : -1);
    if (count != 0 || !has_read_all()) looks = 0;
    else if (!again && ++looks >= MAX_LOOKS) kill(shell.pid, SIGKILL);
    if (!again) {
      ask_again_ms = ASK_AGAIN_MS;
    } else if (count == 0) {
      press_shell();
      if (ask_again_ms < ASK_AGAIN_MAX_MS) ask_again_ms *= 2;
    }
    if (wait[0].revents != 0) {
      struct signalfd_siginfo info;
      while (read(signal_fd, &info, sizeof info) > 0) continue;
      int status;
      struct rusage usage;
      if (wait4(shell.pid, &status, WNOHANG, &usage) == shell.pid) shell_ended(status, &usage);
    }
    if (wait[1].revents != 0) hear_shell();
    if (wait[2].revents == 0) continue;
    if (wait[2].fd == KEEPER_LISTEN_FD) take_command(KEEPER_LISTEN_FD);
    else if (wait[2].fd == command.fd) hear_command();
  }
}
