#define _GNU_SOURCE
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_DEPTH 512
#define ENOTFILE 10001    /* neither a regular file nor a folder */
#define EINCOMPLETE 10002 /* stdin held another number of bytes than was promised */

static const struct {
  int number;
  const char *name;
} names[] = {
    {ENOENT, "ENOENT"}, {EACCES, "EACCES"}, {EPERM, "EPERM"}, {EEXIST, "EEXIST"}, {EISDIR, "EISDIR"},
    {ENOTDIR, "ENOTDIR"}, {ENOTEMPTY, "ENOTEMPTY"}, {ELOOP, "ELOOP"}, {ENAMETOOLONG, "ENAMETOOLONG"},
    {ENOSPC, "ENOSPC"}, {EDQUOT, "EDQUOT"}, {EROFS, "EROFS"}, {EXDEV, "EXDEV"}, {EINVAL, "EINVAL"}, {EIO, "EIO"},
    {EBUSY, "EBUSY"}, {ETXTBSY, "ETXTBSY"}, {EMFILE, "EMFILE"}, {EFBIG, "EFBIG"}, {ENOMEM, "ENOMEM"},
    {ENOTFILE, "ENOTFILE"}, {EINCOMPLETE, "EINCOMPLETE"},
};

static int fail(int problem) {
  const char *text = problem == ENOTFILE      ? "not a regular file"
                     : problem == EINCOMPLETE ? "the content did not arrive whole"
                                              : strerror(problem);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].number != problem) continue;
    dprintf(2, "%s: %s\n", names[i].name, text);
    return 1;
  }
  dprintf(2, "E%d: %s\n", problem, text);
  return 1;
}

static bool write_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, data, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    data += n;
    length -= (size_t)n;
  }
  return true;
}

/* Copies up to `limit` bytes; `copied` counts them. False with errno set. */
static bool copy(int from, int to, uint64_t limit, uint64_t *copied) {
  static char buffer[128 << 10];
  *copied = 0;
  while (*copied < limit) {
    uint64_t left = limit - *copied;
    ssize_t n = read(from, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) return true;
    if (!write_all(to, buffer, (size_t)n)) return false;
    *copied += (uint64_t)n;
  }
  return true;
}

/* Names are bytes: everything but plain ASCII goes out as %XX, so that a line is always valid JSON. */
static void print_escaped(const char *text) {
  for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) {
    if (*p < 0x20 || *p > 0x7e || *p == '%' || *p == '"' || *p == '\\') printf("%%%02X", *p);
    else putchar(*p);
  }
}

static const char *type_name(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  return S_ISLNK(mode) ? "symlink" : "other";
}

static void print_stat(int folder, const char *path, const char *name, const struct stat *st) {
  printf("{\"name\":\"");
  print_escaped(name);
  printf("\",\"type\":\"%s\",\"size\":%" PRId64 ",\"mode\":%u,\"uid\":%u,\"gid\":%u,\"mtimeNs\":\"%" PRId64 "%09ld\"",
         type_name(st->st_mode), (int64_t)st->st_size, (unsigned)(st->st_mode & 07777), st->st_uid, st->st_gid,
         (int64_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
  if (S_ISLNK(st->st_mode)) {
    char target[PATH_MAX + 1];
    ssize_t n = readlinkat(folder, path, target, PATH_MAX);
    target[n < 0 ? 0 : n] = 0;
    printf(",\"target\":\"");
    print_escaped(target);
    putchar('"');
  }
  printf("}\n");
}

static int flush_stdout(void) { return fflush(stdout) == 0 ? 0 : fail(errno); }

static int op_stat(const char *path, bool no_follow) {
  struct stat st;
  if (fstatat(AT_FDCWD, path, &st, no_follow ? AT_SYMLINK_NOFOLLOW : 0) != 0) return fail(errno);
  print_stat(AT_FDCWD, path, path, &st);
  return flush_stdout();
}

static int op_read(const char *path, uint64_t offset, uint64_t limit) {
  struct stat st;
  if (stat(path, &st) != 0) return fail(errno);
  if (!S_ISREG(st.st_mode)) return fail(S_ISDIR(st.st_mode) ? EISDIR : ENOTFILE);
  /* It may have been exchanged meanwhile: nothing that is opened here can block or be acted upon. */
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) != 0) return fail(errno);
  if (!S_ISREG(st.st_mode)) return fail(ENOTFILE);
  print_stat(AT_FDCWD, path, path, &st);
  if (flush_stdout() != 0) return 1;
  uint64_t copied;
  if (offset > INT64_MAX || lseek(fd, (off_t)offset, SEEK_SET) < 0) return fail(errno);
  return copy(fd, 1, limit, &copied) ? 0 : fail(errno);
}

static int make_parents(const char *path) {
  char part[PATH_MAX];
  if (strlen(path) >= sizeof part) return ENAMETOOLONG;
  strcpy(part, path);
  for (char *at = part + 1; *part != 0 && (at = strchr(at, '/')) != NULL; at++) {
    *at = 0;
    if (mkdir(part, 0777) != 0 && errno != EEXIST && errno != EISDIR) {
      struct stat st;
      int problem = errno;
      if (stat(part, &st) != 0 || !S_ISDIR(st.st_mode)) return problem;
    }
    *at = '/';
  }
  return 0;
}

/* stdin goes into a new file beside the old one, which is replaced in one step. */
static int op_write(const char *path, const char *mode_text, bool parents, bool exclusive, int64_t expected) {
  struct stat st;
  bool exists = stat(path, &st) == 0;
  if (exists && exclusive) return fail(EEXIST);
  if (exists && !S_ISREG(st.st_mode)) return fail(S_ISDIR(st.st_mode) ? EISDIR : ENOTFILE);
  int problem = !exists && parents ? make_parents(path) : 0;
  if (problem != 0) return fail(problem);
  static char target[PATH_MAX], temporary[PATH_MAX + 32];
  /* Through a symlink the file behind it is replaced, as writing in place would do. */
  if (exists ? realpath(path, target) == NULL : strlen(path) >= sizeof target) {
    return fail(exists ? errno : ENAMETOOLONG);
  }
  if (!exists) strcpy(target, path);
  const char *slash = strrchr(target, '/');
  if (slash != NULL && slash[1] == 0) return fail(EISDIR);
  int folder_length = slash == NULL ? 0 : (int)(slash - target) + 1;
  snprintf(temporary, sizeof temporary, "%.*s.codeset-XXXXXX", folder_length, target);
  int fd = mkostemp(temporary, O_CLOEXEC);
  if (fd < 0) return fail(errno);
  mode_t mode = exists ? st.st_mode & 07777 : (mode_t)strtoul(mode_text, NULL, 8) & 07777;
  uint64_t copied = 0;
  bool good = copy(0, fd, UINT64_MAX, &copied);
  problem = good ? 0 : errno;
  if (good && expected >= 0 && copied != (uint64_t)expected) problem = EINCOMPLETE;
  if (problem == 0 && exists && fchown(fd, st.st_uid, st.st_gid) != 0) mode &= 0777; /* not ours to give away */
  if (problem == 0 && fchmod(fd, mode) != 0) problem = errno;
  if (close(fd) != 0 && problem == 0) problem = errno;
  if (problem == 0 && exclusive) {
    if (link(temporary, target) != 0) problem = errno;
    unlink(temporary);
  } else if (problem == 0 && rename(temporary, target) != 0) {
    problem = errno;
  }
  if (problem != 0) {
    unlink(temporary);
    return fail(problem);
  }
  printf("{\"size\":%" PRIu64 "}\n", copied);
  return flush_stdout();
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* First the count of all, then the asked part of it, ordered by name. */
static int op_list(const char *path, uint64_t offset, uint64_t limit) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (folder == NULL) return fail(errno);
  char **list = NULL;
  size_t count = 0, capacity = 0;
  struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (count == capacity) {
      capacity = capacity * 2 + 64;
      char **larger = realloc(list, capacity * sizeof *list);
      if (larger == NULL) return fail(ENOMEM);
      list = larger;
    }
    list[count] = strdup(entry->d_name);
    if (list[count++] == NULL) return fail(ENOMEM);
  }
  if (count > 0) qsort(list, count, sizeof *list, by_name);
  printf("{\"total\":%zu}\n", count);
  for (uint64_t i = offset; i < count && i - offset < limit; i++) {
    struct stat st;
    if (fstatat(fd, list[i], &st, AT_SYMLINK_NOFOLLOW) == 0) print_stat(fd, list[i], list[i], &st);
  }
  closedir(folder);
  for (size_t i = 0; i < count; i++) free(list[i]);
  free(list);
  return flush_stdout();
}

static int op_move(const char *from, const char *to, bool overwrite, bool parents) {
  int problem = parents ? make_parents(to) : 0;
  if (problem != 0) return fail(problem);
  if (overwrite) return rename(from, to) == 0 ? 0 : fail(errno);
#ifdef SYS_renameat2
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1 /* RENAME_NOREPLACE */) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return fail(errno);
#endif
  struct stat st;
  if (lstat(to, &st) == 0) return fail(EEXIST);
  return rename(from, to) == 0 ? 0 : fail(errno);
}

/* Works with descriptors of folders that were opened without following links: a swap in between gains nothing. */
static int remove_tree(int parent, const char *name, int depth) {
  if (unlinkat(parent, name, 0) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  if (depth > MAX_DEPTH) return ENAMETOOLONG;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (folder == NULL) return errno;
  int problem = 0;
  for (bool again = true; again && problem == 0;) {
    again = false;
    rewinddir(folder);
    struct dirent *entry;
    while (problem == 0 && (entry = readdir(folder)) != NULL) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      problem = remove_tree(fd, entry->d_name, depth + 1);
      if (problem == ENOENT) problem = 0;
      again = true;
    }
  }
  closedir(folder);
  if (problem != 0) return problem;
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

static int op_remove(const char *path, bool recursive) {
  if (recursive) {
    int problem = remove_tree(AT_FDCWD, path, 0);
    return problem == 0 ? 0 : fail(problem);
  }
  if (unlink(path) == 0) return 0;
  int problem = errno;
  struct stat st;
  if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) return rmdir(path) == 0 ? 0 : fail(errno);
  return fail(problem);
}

static int op_mkdir(const char *path, bool parents) {
  int problem = parents ? make_parents(path) : 0;
  if (problem != 0) return fail(problem);
  if (mkdir(path, 0777) == 0) return 0;
  struct stat st;
  problem = errno;
  if (parents && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
  return fail(problem);
}

static bool number(const char *text, uint64_t *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
}

static int usage(void) {
  dprintf(2, "usage: fs read PATH OFFSET LIMIT | write PATH MODE [--parents] [--exclusive] [--expected N] |\n"
             "  stat PATH [--no-follow] | list PATH OFFSET LIMIT | move FROM TO [--overwrite] [--parents] |\n"
             "  remove PATH [--recursive] | mkdir PATH [--parents]; flags come before `--`, words after it\n");
  return 2;
}

/* fs OP [FLAGS] -- WORDS: flags first, so that no path can be taken for one. */
int fs_main(int argc, char **argv) {
  if (argc < 1) return usage();
  const char *op = argv[0], *words[3] = {NULL, NULL, NULL};
  bool parents = false, exclusive = false, no_follow = false, overwrite = false, recursive = false, plain = false;
  uint64_t expected = 0, a = 0, b = 0;
  bool has_expected = false;
  int count = 0;
  for (int i = 1; i < argc; i++) {
    const char *w = argv[i];
    if (plain || strncmp(w, "--", 2) != 0) {
      if (count == 3) return usage();
      words[count++] = w;
    } else if (strcmp(w, "--") == 0) plain = true;
    else if (strcmp(w, "--parents") == 0 || strcmp(w, "--create-parents") == 0) parents = true;
    else if (strcmp(w, "--exclusive") == 0) exclusive = true;
    else if (strcmp(w, "--no-follow") == 0) no_follow = true;
    else if (strcmp(w, "--overwrite") == 0) overwrite = true;
    else if (strcmp(w, "--recursive") == 0) recursive = true;
    else if (strcmp(w, "--expected") == 0 && i + 1 < argc && number(argv[i + 1], &expected)) {
      has_expected = true;
      i++;
    } else return usage();
  }
  bool numbers = count == 3 && number(words[1], &a) && number(words[2], &b);
  if (strcmp(op, "read") == 0 && numbers) return op_read(words[0], a, b);
  if (strcmp(op, "list") == 0 && numbers) return op_list(words[0], a, b);
  if (strcmp(op, "stat") == 0 && count == 1) return op_stat(words[0], no_follow);
  if (strcmp(op, "write") == 0 && count == 2) {
    return op_write(words[0], words[1], parents, exclusive, has_expected ? (int64_t)expected : -1);
  }
  if (strcmp(op, "move") == 0 && count == 2) return op_move(words[0], words[1], overwrite, parents);
  if (strcmp(op, "remove") == 0 && count == 1) return op_remove(words[0], recursive);
  if (strcmp(op, "mkdir") == 0 && count == 1) return op_mkdir(words[0], parents);
  return usage();
}
