/*
 * Where a sandbox has one id (a service that is an ordinary user without subordinate ids), the code under test has the
 * id of the script that judges it. What keeps them apart then: a user namespace below the sandbox's, from which no
 * process of the script's can be traced or looked into, and mounts in which the hidden files are not there, the report
 * folder has only this run's own, and the system can't be written. A filter keeps it from undoing them.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HIDDEN "/run/codeset-verification"

/* Kernel interfaces that libc's headers may be too old for. */
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#define ATTR_RDONLY 0x1ull
#define RECURSIVE 0x8000u
struct attributes {
  uint64_t set, clear, propagation, user_namespace;
};

/* What the subject may write to, where it is there: the workspace, and what a user of a system may write. */
static const char *const WRITABLE[] = {"/workspace", "/home/agent", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"};
#define WRITABLE_COUNT (sizeof WRITABLE / sizeof *WRITABLE)

static bool write_once(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = write(fd, text, strlen(text));
  close(fd);
  return n == (ssize_t)strlen(text);
}

static bool change(const char *path, unsigned flags, uint64_t set, uint64_t clear) {
  struct attributes attributes = {.set = set, .clear = clear};
  return syscall(SYS_mount_setattr, -1, path, flags, &attributes, sizeof attributes) == 0;
}

static bool cover(const char *path) {
  return mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=0755") == 0;
}

/* Leaves of the folder with all runs' reports only `own`, a folder in it. */
static bool show_only(const char *own) {
  char parent[4096], link[64];
  if (strlen(own) >= sizeof parent) return false;
  strcpy(parent, own);
  char *slash = strrchr(parent, '/');
  if (slash == NULL || slash == parent) return false;
  *slash = 0;
  int fd = open(own, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  bool done = cover(parent) && mkdir(own, 0755) == 0 && mount(link, own, NULL, MS_BIND, NULL) == 0;
  close(fd);
  return done;
}

/* Returns 0 or an errno, with what failed. */
int stand_apart(const char *reports, const char **what) {
  char cwd[4096];
  *what = "the folder it starts in";
  if (getcwd(cwd, sizeof cwd) == NULL) return errno;
  *what = "a user namespace";
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return errno;
  *what = "its ids";
  if (!write_once("/proc/self/setgroups", "deny") && errno != ENOENT && errno != EPERM) return errno;
  if (!write_once("/proc/self/uid_map", "0 0 1") || !write_once("/proc/self/gid_map", "0 0 1")) return errno;
  *what = "mounts";
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return errno;
  *what = HIDDEN;
  if (access(HIDDEN, F_OK) == 0 && !cover(HIDDEN)) return errno;
  *what = "the report folder";
  if (reports != NULL && !show_only(reports)) return errno;
  *what = "folders to write to";
  for (size_t i = 0; i < WRITABLE_COUNT; i++) {
    struct stat st;
    if (lstat(WRITABLE[i], &st) != 0 || !S_ISDIR(st.st_mode)) continue;
    if (mount(WRITABLE[i], WRITABLE[i], NULL, MS_BIND | MS_REC, NULL) != 0) return errno;
  }
  *what = "a system that can't be written";
  if (!change("/", RECURSIVE, ATTR_RDONLY, 0)) return errno;
  *what = "folders to write to";
  for (size_t i = 0; i < WRITABLE_COUNT; i++) {
    struct stat st;
    if (lstat(WRITABLE[i], &st) != 0 || !S_ISDIR(st.st_mode)) continue;
    /* What is mounted below stays as it was made. */
    if (!change(WRITABLE[i], 0, 0, ATTR_RDONLY)) return errno;
  }
  if (reports != NULL && !change(reports, 0, 0, ATTR_RDONLY)) return errno;
  /* By its name anew: it may lie below one of the new mounts. */
  *what = "the folder it starts in";
  return chdir(cwd) == 0 ? 0 : errno;
}

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "which system calls are there?"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
#define REFUSE(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), ANSWER(SECCOMP_RET_ERRNO | EPERM)

/*
 * What the sandbox's own filter lets the script's root do for the sake of the above, and limits of other processes,
 * which the kernel lets everyone with the same id set. Needs no_new_privs. Returns 0 or an errno.
 */
int stay_apart(void) {
  struct sock_filter filter[] = {
      LOAD(arch),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
      ANSWER(SECCOMP_RET_ERRNO | EPERM),
      LOAD(nr),
      REFUSE(SYS_unshare),
      REFUSE(SYS_setns),
      REFUSE(SYS_mount),
      REFUSE(SYS_umount2),
      REFUSE(SYS_mount_setattr),
      REFUSE(SYS_pivot_root),
      REFUSE(SYS_process_vm_readv),
      REFUSE(SYS_process_vm_writev),
      /* clone with any flag for a new namespace; clone3 does not exist in a sandbox. */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      LOAD(args[0]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7e020000, 0, 6),
      ANSWER(SECCOMP_RET_ERRNO | EPERM),
      /* prlimit64 of itself only */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 4),
      LOAD(args[0]),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0),
      ANSWER(SECCOMP_RET_ERRNO | EPERM),
      ANSWER(SECCOMP_RET_ALLOW),
      ANSWER(SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : errno;
}
