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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int epoll_fd = -1;

static uint64_t tag(enum watch kind, uint32_t key) { return (uint64_t)kind << 32 | key; }

bool watch_fd(int fd, uint32_t events, enum watch kind, uint32_t key) {
  struct epoll_event event = {.events = events, .data.u64 = tag(kind, key)};
  return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void change_watch(int fd, uint32_t events, enum watch kind, uint32_t key) {
  struct epoll_event event = {.events = events, .data.u64 = tag(kind, key)};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void unwatch_fd(int fd) { epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL); }

static void die(const char *what) {
  dprintf(2, "codeset-init: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static void accept_link(int listen_fd) {
  int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) link_open(fd, fd);
}

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  /* The folder says who may come; the service outside need not be this root. */
  mode_t mask = umask(0);
  bool done = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0;
  umask(mask);
  return done ? fd : -1;
}

/* From inside the sandbox nobody ends init: a signal of the host's has no sender here (pid 0). */
static void read_signals(int fd) {
  struct signalfd_siginfo info;
  while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGTERM && (info.ssi_pid == 0 || getpid() != 1)) _exit(0);
  }
  reap_children();
}

static void dispatch(uint64_t data, uint32_t happened, int listen_fd, int signal_fd) {
  enum watch kind = (enum watch)(data >> 32);
  struct exec *exec = find_exec((uint32_t)data);
  switch (kind) {
    case WATCH_LISTEN:
      accept_link(listen_fd);
      return;
    case WATCH_LINK_IN:
      if (link_is_open()) link_readable();
      return;
    case WATCH_LINK_OUT:
      return; /* the flush at the end of each turn goes on */
    case WATCH_SIGNALS:
      read_signals(signal_fd);
      return;
    case WATCH_STDOUT:
    case WATCH_STDERR:
      if (exec != NULL) read_output(exec, kind == WATCH_STDOUT ? 0 : 1);
      return;
    case WATCH_STDIN:
      if (exec == NULL) return;
      /* A terminal that nobody has open any more stays full, and ready for ever. */
      if (exec->terminal && (happened & EPOLLHUP) != 0) break_input(exec);
      else write_input(exec);
      return;
    case WATCH_STATUS:
      if (exec != NULL && exec->status_fd >= 0) read_status(exec);
      return;
    case WATCH_ATTACH_IN:
    case WATCH_ATTACH_OUT:
    case WATCH_ATTACH_LINK:
      attach_ready(kind, happened);
  }
}

static void prepare_process(void) {
  umask(022);
  /* Whatever was ignored around the sandbox: what is ignored stays so over an exec. */
  for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  note_bounding_set();
  if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  for (int fd = 0; fd < 3; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) die("/dev/null");
  }
}

int main(int argc, char **argv) {
  const char *name = strrchr(argv[0], '/') == NULL ? argv[0] : strrchr(argv[0], '/') + 1;
  if (strcmp(name, "as-subject") == 0) return as_subject_main(argc - 1, argv + 1);
  if (argc > 1 && strcmp(argv[1], "as-subject") == 0) return as_subject_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "fs") == 0) return fs_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "in-shell") == 0) return in_shell_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "keep-shell") == 0) return keep_shell_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "listen") == 0) return listen_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "inside") == 0) return inside_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "copy") == 0) return copy_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "network") == 0) return network_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "store") == 0) return store_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "exchange") == 0) return exchange_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "unpack") == 0) return unpack_main(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "pack") == 0) return pack_main(argc - 2, argv + 2);
  int status = argc > 1 ? work_main(argv[1], argc - 2, argv + 2) : -1;
  if (status >= 0) return status;
  int listen_fd = 3;
  bool stdio = argc == 2 && strcmp(argv[1], "--stdio") == 0;
  bool attach = argc == 2 && strcmp(argv[1], "--attach") == 0;
  if (argc == 3 && strcmp(argv[1], "--listen-fd") == 0) {
    listen_fd = atoi(argv[2]);
  } else if (argc == 3 && strcmp(argv[1], "--listen") == 0) {
    listen_fd = listen_at(argv[2]);
  } else if (argc != 1 && !stdio && !attach) {
    dprintf(2, "usage: codeset-init [--listen-fd N | --listen PATH | --stdio | --attach] | APPLET … (see PROTOCOL.md)\n");
    return 2;
  }
  prepare_process();
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (epoll_fd < 0 || signal_fd < 0) die("start");
  watch_fd(signal_fd, EPOLLIN, WATCH_SIGNALS, 0);
  if (stdio || attach) {
    int in = fcntl(0, F_DUPFD_CLOEXEC, 3), out = fcntl(1, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (in < 0 || out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) die("stdio");
    listen_fd = -1;
    if (stdio) link_open(in, out);
    else if (!attach_open(in, out)) die("--attach (is CODESET_LINK_SECRET there, and stdin a pipe?)");
  } else {
    fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
    if (fcntl(listen_fd, F_SETFD, FD_CLOEXEC) != 0 || !watch_fd(listen_fd, EPOLLIN, WATCH_LISTEN, 0)) {
      die("the listening socket");
    }
  }
  while (true) {
    link_flush();
    drop_finished_execs();
    if (stdio && !link_is_open() && getpid() != 1) return 0;
    struct epoll_event events[64];
    int count = epoll_wait(epoll_fd, events, 64, -1);
    for (int i = 0; i < count; i++) dispatch(events[i].data.u64, events[i].events, listen_fd, signal_fd);
  }
}
