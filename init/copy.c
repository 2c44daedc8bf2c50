/* `codeset-init copy once FROM TO …` and `copy twice SINCE FROM TO …`, on the host: copies trees as they are, with
 * owners, modes, times, extended attributes, hard links, holes and special files.
 *
 * `twice` is for trees of sandboxes that run: it copies while they do, says `ready`, and at a byte on stdin, by when
 * they are frozen, copies again what changed meanwhile. What did not change is told by inode and change time, which
 * nobody can set. SINCE (milliseconds since 1970) is a moment, before the copying, at which they were frozen too:
 * whatever changed later than that is copied again, for a write that goes on, or a page that is mapped, shows its
 * change time only once. The trees are other people's: no path is followed, each step is taken from a descriptor.
 *
 * Ends with 0, 2 (usage), 3 (nested too deep), 4 (no space) or 1; what went wrong is on stderr. */
#define _GNU_SOURCE
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A path beyond this is of no use to those who have to read the copy. */
#define MAX_PATH 4000
/* Change times are as coarse as the kernel's tick, and a disk may lag behind what it was handed. */
#define SLACK_MS 500

static struct {
  bool again;          /* The second time: the trees stand still, and the copy is there. */
  bool twice;
  int64_t since_ms;
  int root;            /* The copy's top folder. */
  char path[MAX_PATH + 256];
  size_t length;
} now;

static _Noreturn void fail(int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  dprintf(2, "codeset-init copy: ");
  vdprintf(2, format, args);
  va_end(args);
  dprintf(2, "\n");
  exit(status);
}

static _Noreturn void fail_at(const char *what) {
  int status = errno == ENOSPC || errno == EDQUOT ? 4 : errno == ENAMETOOLONG ? 3 : 1;
  fail(status, "%s of %s: %s", what, now.path, strerror(errno));
}

static bool first_time(void) { return now.twice && !now.again; }

/* The first time, what is gone, has become something else or is listed twice is left to the second. */
static bool gone(void) {
  return first_time() &&
         (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO || errno == EEXIST);
}

static void *grown(void *memory, size_t size) {
  memory = realloc(memory, size);
  if (memory == NULL) fail(1, "out of memory");
  return memory;
}

/* ---------------------------------------------------------------- tables: open addressing, keyed by inode */

struct entry {
  uint64_t key;      /* 0: free */
  uint64_t ino;      /* copies: of what was copied */
  int64_t changed_s; /* copies: its change time, read before its content */
  int64_t changed_ns;
  char *path;        /* links: where the first of them is in the copy */
};

struct table {
  struct entry *entries;
  size_t size, used;
};

static struct table copies, links;

static struct entry *slot(struct table *table, uint64_t key) {
  size_t at = (key * 0x9e3779b97f4a7c15u) & (table->size - 1);
  while (table->entries[at].key != 0 && table->entries[at].key != key) at = (at + 1) & (table->size - 1);
  return &table->entries[at];
}

static struct entry *look(struct table *table, uint64_t key) {
  if (table->size == 0) return NULL;
  struct entry *entry = slot(table, key);
  return entry->key == 0 ? NULL : entry;
}

static struct entry *put(struct table *table, uint64_t key) {
  if (table->used * 2 >= table->size) {
    struct table bigger = {.size = table->size == 0 ? 1024 : table->size * 2, .used = table->used};
    bigger.entries = calloc(bigger.size, sizeof *bigger.entries);
    if (bigger.entries == NULL) fail(1, "out of memory");
    for (size_t i = 0; i < table->size; i++) {
      if (table->entries[i].key != 0) *slot(&bigger, table->entries[i].key) = table->entries[i];
    }
    free(table->entries);
    *table = bigger;
  }
  struct entry *entry = slot(table, key);
  if (entry->key == 0) table->used++;
  entry->key = key;
  return entry;
}

static void forget_links(void) {
  for (size_t i = 0; i < links.size; i++) free(links.entries[i].path);
  free(links.entries);
  memset(&links, 0, sizeof links);
}

/* ---------------------------------------------------------------- attributes */

/* Those of an open file, or of what has no contents to open by its path below /proc/self/fd. */
static void copy_attributes(int from, int to, const char *from_path, const char *to_path) {
  static char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
  ssize_t length = from_path == NULL ? flistxattr(from, names, sizeof names)
                                     : llistxattr(from_path, names, sizeof names);
  if (length < 0 && errno != EOPNOTSUPP && !gone()) fail_at("the attributes");
  for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
    ssize_t size = from_path == NULL ? fgetxattr(from, name, value, sizeof value)
                                     : lgetxattr(from_path, name, value, sizeof value);
    if (size < 0 && first_time()) continue;
    if (size < 0) fail_at(name);
    int result = to_path == NULL ? fsetxattr(to, name, value, (size_t)size, 0)
                                 : lsetxattr(to_path, name, value, (size_t)size, 0);
    if (result != 0) fail_at(name);
  }
}

/* A folder that is copied again may have lost some. */
static void drop_attributes(int to) {
  static char names[XATTR_LIST_MAX];
  ssize_t length = flistxattr(to, names, sizeof names);
  for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) fremovexattr(to, name);
}

static void times_of(const struct stat *st, struct timespec times[2]) {
  times[0] = st->st_atim;
  times[1] = st->st_mtim;
}

/* The owner first: a change of it takes set-id bits and capabilities away. */
static void give(int from, int to, const struct stat *st) {
  struct timespec times[2];
  times_of(st, times);
  if (fchown(to, st->st_uid, st->st_gid) != 0 || fchmod(to, st->st_mode & 07777) != 0) fail_at("owner and mode");
  copy_attributes(from, to, NULL, NULL);
  if (futimens(to, times) != 0) fail_at("the times");
}

static void note(const struct stat *from, uint64_t made) {
  struct entry *entry = put(&copies, made);
  entry->ino = from->st_ino;
  entry->changed_s = from->st_ctim.tv_sec;
  entry->changed_ns = from->st_ctim.tv_nsec;
}

/* ---------------------------------------------------------------- contents */

static void copy_bytes(int from, int to, off_t at, off_t end) {
  static char buffer[256 * 1024];
  static bool in_kernel = true;
  while (at < end) {
    size_t want = end - at > (off_t)1 << 30 ? (size_t)1 << 30 : (size_t)(end - at);
    if (in_kernel) {
      off_t out = at;
      ssize_t done = copy_file_range(from, &at, to, &out, want, 0);
      if (done > 0) continue;
      if (done == 0) return;
      if (errno == EINTR) continue;
      if (errno == ENOSPC || errno == EDQUOT || errno == EIO) fail_at("the copy");
      in_kernel = false;
    }
    ssize_t got = pread(from, buffer, want < sizeof buffer ? want : sizeof buffer, at);
    if (got < 0) fail_at("reading");
    if (got == 0) return;
    for (ssize_t put_out = 0; put_out < got;) {
      ssize_t done = pwrite(to, buffer + put_out, (size_t)(got - put_out), at + put_out);
      if (done < 0) fail_at("writing");
      put_out += done;
    }
    at += got;
  }
}

static void copy_content(int from, int to, const struct stat *st) {
  if (st->st_size == 0 || ioctl(to, FICLONE, from) == 0) return;
  if (errno == ENOSPC || errno == EDQUOT) fail_at("the copy");
  if ((off_t)st->st_blocks * 512 >= st->st_size) {
    copy_bytes(from, to, 0, st->st_size);
  } else {
    for (off_t data = 0; data < st->st_size;) {
      data = lseek(from, data, SEEK_DATA);
      if (data < 0) break;
      off_t hole = lseek(from, data, SEEK_HOLE);
      if (hole < 0 || hole > st->st_size) hole = st->st_size;
      copy_bytes(from, to, data, hole);
      data = hole;
    }
  }
  if (ftruncate(to, st->st_size) != 0) fail_at("the size");
}

static void copy_file(int from, int to, const char *name) {
  int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
  struct stat st, made;
  if (in < 0 || fstat(in, &st) != 0) {
    if (gone()) return;
    fail_at("opening");
  }
  if (S_ISREG(st.st_mode)) {
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0 && gone()) {
      close(in);
      return;
    }
    if (out < 0 || fstat(out, &made) != 0) fail_at("making");
    copy_content(in, out, &st);
    give(in, out, &st);
    note(&st, made.st_ino);
    close(out);
  } else if (!first_time()) {
    fail(1, "%s changed while it was copied", now.path);
  }
  close(in);
}

static void copy_special(int from, int to, const char *name, const struct stat *st) {
  char target[PATH_MAX], from_path[64 + NAME_MAX], to_path[64 + NAME_MAX];
  if (S_ISLNK(st->st_mode)) {
    ssize_t length = readlinkat(from, name, target, sizeof target - 1);
    if (length < 0) {
      if (gone() || (errno == EINVAL && first_time())) return;
      fail_at("reading");
    }
    target[length] = 0;
    if (symlinkat(target, to, name) != 0) {
      if (gone()) return;
      fail_at("making");
    }
  } else if (mknodat(to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) != 0) {
    if (gone()) return;
    fail_at("making");
  }
  if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) != 0) fail_at("the owner");
  /* Just made, and nobody else is there: it is no link. */
  if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) != 0) fail_at("the mode");
  snprintf(from_path, sizeof from_path, "/proc/self/fd/%d/%s", from, name);
  snprintf(to_path, sizeof to_path, "/proc/self/fd/%d/%s", to, name);
  copy_attributes(-1, -1, from_path, to_path);
  struct timespec times[2];
  times_of(st, times);
  if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) != 0) fail_at("the times");
  struct stat made;
  if (fstatat(to, name, &made, AT_SYMLINK_NOFOLLOW) != 0) fail_at("looking");
  note(st, made.st_ino);
}

/* ---------------------------------------------------------------- trees */

struct names {
  char **all;
  size_t count;
};

static struct names names_in(int folder) {
  struct names names = {0};
  int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (dir == NULL) fail_at("reading");
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(dir);
    if (entry == NULL) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if ((names.count & 63) == 0) names.all = grown(names.all, (names.count + 64) * sizeof *names.all);
    if ((names.all[names.count] = strdup(entry->d_name)) == NULL) fail(1, "out of memory");
    names.count++;
  }
  if (errno != 0 && errno != ENOENT) fail_at("reading");
  closedir(dir);
  return names;
}

static void free_names(struct names names) {
  for (size_t i = 0; i < names.count; i++) free(names.all[i]);
  free(names.all);
}

static void remove_entry(int folder, const char *name) {
  if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) fail_at("removing");
  int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail_at("removing");
  struct names names = names_in(fd);
  for (size_t i = 0; i < names.count; i++) remove_entry(fd, names.all[i]);
  free_names(names);
  close(fd);
  if (unlinkat(folder, name, AT_REMOVEDIR) != 0) fail_at("removing");
}

/* Whether `made`, which is at the same place in the copy, is what the first time made of it, and still true. */
static bool same(const struct stat *st, const struct stat *made) {
  const struct entry *entry = look(&copies, made->st_ino);
  int64_t changed_ms = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;
  return entry != NULL && entry->ino == st->st_ino && entry->changed_s == st->st_ctim.tv_sec &&
         entry->changed_ns == st->st_ctim.tv_nsec && changed_ms < now.since_ms - SLACK_MS;
}

static void copy_leaf(int from, int to, const char *name, const struct stat *st) {
  struct stat made;
  bool there = now.again && fstatat(to, name, &made, AT_SYMLINK_NOFOLLOW) == 0;
  if (st->st_nlink > 1) {
    struct entry *first = look(&links, st->st_ino);
    struct stat other;
    if (first != NULL && fstatat(now.root, first->path, &other, AT_SYMLINK_NOFOLLOW) == 0) {
      if (there && made.st_ino == other.st_ino) return;
      if (there) remove_entry(to, name);
      if (linkat(now.root, first->path, to, name, 0) == 0) return;
      if (gone()) return;
      /* More links than one file may have: the next copy takes the others. */
      if (errno != EMLINK) fail_at("linking");
      there = false;
    }
    if (first == NULL) first = put(&links, st->st_ino);
    free(first->path);
    if ((first->path = strdup(now.path)) == NULL) fail(1, "out of memory");
  }
  if (there && same(st, &made)) return;
  if (there) remove_entry(to, name);
  if (S_ISREG(st->st_mode)) copy_file(from, to, name);
  else copy_special(from, to, name, st);
}

static void copy_folder(int from, int to);

static void copy_entry(int from, int to, const char *name) {
  struct stat st, made;
  if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (gone()) return;
    fail_at("looking");
  }
  if (!S_ISDIR(st.st_mode)) {
    copy_leaf(from, to, name, &st);
    return;
  }
  int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
  if (in < 0) {
    if (gone()) return;
    fail_at("opening");
  }
  if (now.again && fstatat(to, name, &made, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(made.st_mode))
    remove_entry(to, name);
  if (mkdirat(to, name, 0700) != 0 && !(now.again && errno == EEXIST)) {
    if (!gone()) fail_at("making");
    close(in);
    return;
  }
  int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (out < 0) fail_at("opening the copy");
  copy_folder(in, out);
  close(in);
  close(out);
}

static void copy_folder(int from, int to) {
  struct stat st;
  struct names names;
  size_t length = now.length;
  if (now.again) {
    names = names_in(to);
    for (size_t i = 0; i < names.count; i++) {
      if (fstatat(from, names.all[i], &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        remove_entry(to, names.all[i]);
    }
    free_names(names);
  }
  if (fstat(from, &st) != 0) fail_at("looking");
  names = names_in(from);
  for (size_t i = 0; i < names.count; i++) {
    const char *name = names.all[i];
    size_t more = strlen(name) + (length > 0 ? 1 : 0);
    if (length + more > MAX_PATH) fail(3, "folders are nested too deep");
    snprintf(now.path + length, sizeof now.path - length, "%s%s", length > 0 ? "/" : "", name);
    now.length = length + more;
    copy_entry(from, to, name);
    now.length = length;
    now.path[length] = 0;
  }
  free_names(names);
  if (now.again) drop_attributes(to);
  give(from, to, &st);
}

static void copy_all(char **pairs) {
  for (; pairs[0] != NULL; pairs += 2) {
    int from = open(pairs[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
    if (from < 0) fail(1, "%s: %s", pairs[0], strerror(errno));
    if (!now.again && mkdir(pairs[1], 0700) != 0) {
      int status = errno == ENOSPC || errno == EDQUOT ? 4 : 1;
      fail(status, "%s: %s", pairs[1], strerror(errno));
    }
    now.root = open(pairs[1], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (now.root < 0) fail(1, "%s: %s", pairs[1], strerror(errno));
    copy_folder(from, now.root);
    forget_links();
    close(from);
    close(now.root);
  }
}

int copy_main(int argc, char **argv) {
  now.twice = argc > 0 && strcmp(argv[0], "twice") == 0;
  int first = now.twice ? 2 : 1;
  if (argc < first + 2 || (argc - first) % 2 != 0 || (!now.twice && strcmp(argv[0], "once") != 0)) {
    dprintf(2, "usage: codeset-init copy once FROM TO … | copy twice SINCE FROM TO …\n");
    return 2;
  }
  /* Nobody would take what is made when the service has gone. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  umask(0);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  if (now.twice) now.since_ms = strtoll(argv[1], NULL, 10);
  copy_all(argv + first);
  if (!now.twice) return 0;
  char go;
  if (write(1, "ready\n", 6) != 6 || read(0, &go, 1) != 1) return 1;
  now.again = true;
  copy_all(argv + first);
  return 0;
}
