/* `codeset-init listen PATH PROGRAM ARG…`, on the host: binds and listens on PATH as descriptor 3, then becomes
 * PROGRAM, which hands that descriptor to PID 1 of a sandbox. The service can't do this itself: Node unlinks a
 * socket's path when it closes its own copy. */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *what) {
  dprintf(2, "codeset-init listen: %s: %s\n", what, strerror(errno));
  return 125;
}

int listen_main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc < 2 || strlen(argv[0]) >= sizeof address.sun_path) {
    dprintf(2, "usage: codeset-init listen PATH PROGRAM ARG… (a path of at most %zu bytes)\n",
            sizeof address.sun_path - 1);
    return 2;
  }
  strcpy(address.sun_path, argv[0]);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fail("socket");
  umask(0177);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return fail(argv[0]);
  umask(022);
  if (listen(fd, 16) != 0) return fail("listen");
  if (fd != 3) {
    if (dup2(fd, 3) < 0) return fail("dup2");
    close(fd);
  }
  /* A runtime must not go on making a sandbox that the service which asked for it, killed meanwhile, is not told of. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  execvp(argv[1], argv + 1);
  return fail(argv[1]);
}
