/*
 * `codeset-init inside UIDS GIDS PROGRAM ARG…`, on the host, for a service that is an ordinary user: becomes PROGRAM in
 * a user namespace and a mount namespace of its own, as their root. UIDS and GIDS are `INSIDE:OUTSIDE:COUNT[,…]`: what
 * the sandboxes' ids are on the host. One id needs nobody's leave; more take newuidmap and newgidmap. The process stays
 * the same one, so whoever started it can wait for it and end it.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_RANGES 16

static int fail(const char *what) {
  dprintf(2, "codeset-init inside: %s: %s\n", what, strerror(errno));
  return 125;
}

static bool write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = write(fd, text, strlen(text));
  close(fd);
  return n == (ssize_t)strlen(text);
}

/* `0:1000:1` as the kernel's own file takes it. */
static bool map_one(const char *path, const char *map) {
  char text[64];
  if (strlen(map) >= sizeof text) return false;
  strcpy(text, map);
  for (char *at = text; *at != 0; at++) {
    if (*at == ':') *at = ' ';
  }
  return write_file(path, text);
}

/* newuidmap PID INSIDE OUTSIDE COUNT … */
static bool map_many(const char *program, pid_t pid, char *map) {
  char *argv[3 * MAX_RANGES + 3], number[16];
  int n = 0;
  snprintf(number, sizeof number, "%d", (int)pid);
  argv[n++] = (char *)program;
  argv[n++] = number;
  char *rest;
  for (char *word = strtok_r(map, ":,", &rest); word != NULL && n < 3 * MAX_RANGES + 2; word = strtok_r(NULL, ":,", &rest)) {
    argv[n++] = word;
  }
  argv[n] = NULL;
  pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    execvp(program, argv);
    _exit(127);
  }
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  if (status == 0) return true;
  errno = WIFEXITED(status) && WEXITSTATUS(status) == 127 ? ENOENT : EPERM;
  return false;
}

/* The helper stays outside, where newuidmap has its say; it waits for the namespace to be there. */
static int unshare_with_helper(char *uids, char *gids) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return fail("pipe");
  pid_t self = getpid();
  pid_t helper = fork();
  if (helper < 0) return fail("fork");
  if (helper == 0) {
    char byte;
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) _exit(125);
    if (!map_many("newuidmap", self, uids)) _exit(fail("newuidmap"));
    _exit(map_many("newgidmap", self, gids) ? 0 : fail("newgidmap"));
  }
  close(ready[0]);
  int result = 0;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) result = fail("a user namespace");
  else if (write(ready[1], "g", 1) != 1) result = fail("pipe");
  close(ready[1]);
  int status;
  while (waitpid(helper, &status, 0) < 0 && errno == EINTR) continue;
  return result != 0 ? result : status == 0 ? 0 : 125;
}

int inside_main(int argc, char **argv) {
  if (argc < 3) {
    dprintf(2, "usage: codeset-init inside UIDS GIDS PROGRAM ARG…\n");
    return 2;
  }
  char *uids = argv[0], *gids = argv[1];
  if (strchr(uids, ',') == NULL && strchr(gids, ',') == NULL) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return fail("a user namespace");
    if (!write_file("/proc/self/setgroups", "deny")) return fail("/proc/self/setgroups");
    if (!map_one("/proc/self/uid_map", uids)) return fail("/proc/self/uid_map");
    if (!map_one("/proc/self/gid_map", gids)) return fail("/proc/self/gid_map");
  } else {
    int problem = unshare_with_helper(uids, gids);
    if (problem != 0) return problem;
    /* The ids were nobody's until they were mapped. */
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return fail("becoming the namespace's root");
  }
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return fail("private mounts");
  execvp(argv[2], argv + 2);
  return fail(argv[2]);
}
