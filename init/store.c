/* `codeset-init store OP …`, in the keeper: the container through which the service works on files that a daemon holds,
 * which may be far away. Paths are the service's own; what lies in the trees is other people's, so no path into one is
 * followed. Ends with 0, 2 (usage), 3 (nested too deep), 4 (no space left), 5 (is there already) or 1; what went
 * wrong is on stderr. */
#define _GNU_SOURCE
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A descriptor for each level; what lies deeper is removed by way of the top. */
#define MAX_DEPTH 400
/* 1 EiB. */
#define UNCOUNTED ((uint64_t)1 << 60)
#define MAX_TEXT (1024 * 1024)

static _Noreturn void fail(const char *what) {
  int status = errno == ENOSPC || errno == EDQUOT ? 4 : errno == ENAMETOOLONG ? 3 : errno == EEXIST ? 5 : 1;
  dprintf(2, "codeset-init store: %s: %s\n", what, strerror(errno));
  exit(status);
}

static void must(bool done, const char *what) {
  if (!done) fail(what);
}

static void join(char *into, const char *folder, const char *name) {
  if (snprintf(into, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX) {
    errno = ENAMETOOLONG;
    fail(folder);
  }
}

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static uint64_t free_bytes(const char *path) {
  struct statvfs info;
  must(statvfs(path, &info) == 0, path);
  return (uint64_t)info.f_bavail * info.f_frsize;
}

/* ---- usage ---- */

static struct {
  uint64_t bytes, files;
  dev_t dev;
  ino_t *linked; /* open addressing; 0 is no inode */
  size_t room, count;
} sum;

/* Whether a file with several names is met for the first time. */
static bool first_name(ino_t inode) {
  if (sum.count * 2 >= sum.room) {
    size_t room = sum.room == 0 ? 1024 : sum.room * 2;
    ino_t *grown = calloc(room, sizeof *grown);
    must(grown != NULL, "memory");
    for (size_t i = 0; i < sum.room; i++) {
      if (sum.linked[i] == 0) continue;
      size_t at = sum.linked[i] % room;
      while (grown[at] != 0) at = (at + 1) % room;
      grown[at] = sum.linked[i];
    }
    free(sum.linked);
    sum.linked = grown;
    sum.room = room;
  }
  size_t at = inode % sum.room;
  for (; sum.linked[at] != 0; at = (at + 1) % sum.room) {
    if (sum.linked[at] == inode) return false;
  }
  sum.linked[at] = inode;
  sum.count++;
  return true;
}

/* A folder on the way down: its folders by name, each ended by a zero, of which those before `at` are done. */
struct level {
  int fd;
  char *names;
  size_t room, length, at;
};

/* False where there are no descriptors left. What went meanwhile counts nothing. */
static bool count_entries(struct level *level) {
  int fd = openat(level->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == EMFILE) return false;
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  must(folder != NULL || errno == ENOENT, "folder");
  if (folder == NULL) return true;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    struct stat info;
    if (is_dots(entry->d_name) || fstatat(level->fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (info.st_dev != sum.dev) continue;
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1 && !first_name(info.st_ino)) continue;
    sum.bytes += (uint64_t)info.st_blocks * 512;
    sum.files++;
    if (!S_ISDIR(info.st_mode)) continue;
    size_t size = strlen(entry->d_name) + 1;
    if (level->length + size > level->room) {
      level->room = (level->room + size) * 2;
      level->names = realloc(level->names, level->room);
      must(level->names != NULL, "memory");
    }
    memcpy(level->names + level->length, entry->d_name, size);
    level->length += size;
  }
  closedir(folder);
  return true;
}

/* By a descriptor for each level, since folders may be moved meanwhile. False where these don't suffice. */
static bool count_tree(int fd) {
  size_t room = 64, depth = 1;
  struct level *levels = calloc(room, sizeof *levels);
  must(levels != NULL, "memory");
  levels[0].fd = fd;
  bool all = count_entries(&levels[0]);
  while (depth > 0) {
    struct level *level = &levels[depth - 1];
    if (!all || level->at >= level->length) {
      free(level->names);
      close(level->fd);
      depth--;
      continue;
    }
    const char *name = level->names + level->at;
    level->at += strlen(name) + 1;
    int inner = openat(level->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) {
      all = errno != EMFILE;
      must(!all || errno == ENOENT || errno == ENOTDIR || errno == ELOOP, "folder");
      continue;
    }
    if (depth == room) {
      levels = realloc(levels, (room *= 2) * sizeof *levels);
      must(levels != NULL, "memory");
    }
    levels[depth] = (struct level){.fd = inner};
    all = count_entries(&levels[depth++]);
  }
  free(levels);
  return all;
}

static int usage(int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    struct stat info;
    int fd = open(argv[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
      printf("-\n");
      continue;
    }
    free(sum.linked);
    memset(&sum, 0, sizeof sum);
    sum.dev = info.st_dev;
    sum.bytes = (uint64_t)info.st_blocks * 512;
    sum.files = 1;
    /* Nothing is to be hidden by depth: what can't be counted is more than anybody may have. */
    if (!count_tree(fd)) sum.bytes = UNCOUNTED;
    printf("%" PRIu64 " %" PRIu64 "\n", sum.bytes, sum.files);
  }
  return 0;
}

/* ---- remove ---- */

static struct {
  int fd;
  unsigned moved;
} top;

static void remove_at(int parent, const char *name, int depth) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return;
  must(errno == EISDIR || errno == EPERM, name);
  if (depth >= MAX_DEPTH) {
    char shallow[64];
    snprintf(shallow, sizeof shallow, ".deep-%d-%u", (int)getpid(), top.moved++);
    must(renameat(parent, name, top.fd, shallow) == 0, name);
    return;
  }
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  must(fd >= 0, name);
  DIR *folder = fdopendir(fd);
  must(folder != NULL, name);
  /* What was put at the top meanwhile may be missed by a pass over it. */
  for (bool found = true; found;) {
    found = false;
    rewinddir(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
      if (is_dots(entry->d_name)) continue;
      found = true;
      if (depth == 0) top.fd = fd;
      remove_at(fd, entry->d_name, depth + 1);
    }
  }
  closedir(folder);
  must(unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT, name);
}

static int remove_trees(int argc, char **argv) {
  for (int i = 0; i < argc; i++) remove_at(AT_FDCWD, argv[i], 0);
  return 0;
}

/* ---- box: the folders that a sandbox writes to ---- */

/* RESERVE FOLDER UID MODE [LIKE]: LIKE's top folder gives mode, and with UID - owner and times, too. */
static int box(int argc, char **argv) {
  if (argc != 4 && argc != 5) return 2;
  char upper[PATH_MAX], work[PATH_MAX];
  const char *folder = argv[1];
  join(upper, folder, "upper");
  join(work, folder, "work");
  must(mkdir(folder, 0711) == 0, folder);
  /* Only now: what is there already is told before what is full. */
  if (free_bytes(folder) < strtoull(argv[0], NULL, 10)) {
    rmdir(folder);
    errno = ENOSPC;
    fail(folder);
  }
  must(mkdir(upper, 0755) == 0 && mkdir(work, 0755) == 0, folder);
  struct stat like;
  if (argc == 5) must(stat(argv[4], &like) == 0, argv[4]);
  bool copied = argc == 5 && strcmp(argv[2], "-") == 0;
  uid_t uid = copied ? like.st_uid : (uid_t)strtoul(argv[2], NULL, 10);
  gid_t gid = copied ? like.st_gid : uid;
  must(chown(upper, uid, gid) == 0, upper);
  must(chmod(upper, argc == 5 ? like.st_mode & 07777 : (mode_t)strtoul(argv[3], NULL, 8)) == 0, upper);
  if (copied) must(utimensat(AT_FDCWD, upper, (struct timespec[]){like.st_atim, like.st_mtim}, 0) == 0, upper);
  return 0;
}

/* ---- keep: what was made under a temporary name gets its own ---- */

static void write_file(const char *folder, const char *name, const char *text) {
  char path[PATH_MAX];
  join(path, folder, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  size_t length = strlen(text);
  must(fd >= 0 && write(fd, text, length) == (ssize_t)length && close(fd) == 0, path);
}

/* LASTING PARENT (FROM TO TEXT)…: names in PARENT; TEXT becomes layer.json; all are on the disk before one is renamed. */
static int keep(int argc, char **argv) {
  if (argc < 5 || (argc - 2) % 3 != 0) return 2;
  bool lasting = strcmp(argv[0], "1") == 0;
  int parent = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(parent >= 0, argv[1]);
  for (int i = 2; i < argc; i += 3) {
    char from[PATH_MAX];
    join(from, argv[1], argv[i]);
    write_file(from, "layer.json", argv[i + 2]);
  }
  if (lasting) must(syncfs(parent) == 0, argv[1]);
  for (int i = 2; i < argc; i += 3) must(renameat(parent, argv[i], parent, argv[i + 1]) == 0, argv[i]);
  if (lasting) must(fsync(parent) == 0, argv[1]);
  return 0;
}

/* ---- list: what layers there are ---- */

/* FOLDER: a line `NAME TEXT` for each entry; TEXT is its layer.json, or nothing. */
static int list(int argc, char **argv) {
  if (argc != 1) return 2;
  static char text[MAX_TEXT];
  int fd = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(fd >= 0, argv[0]);
  DIR *folder = fdopendir(fd);
  must(folder != NULL, argv[0]);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (is_dots(entry->d_name)) continue;
    char path[PATH_MAX];
    join(path, entry->d_name, "layer.json");
    int file = openat(fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text);
    if (file >= 0) close(file);
    while (length > 0 && text[length - 1] == '\n') length--;
    printf("%s %.*s\n", entry->d_name, length < 0 ? 0 : (int)length, text);
  }
  closedir(folder);
  return 0;
}

/* ---- flat: what a stack of layers shows, as one folder ---- */

/* ROOT LOWERDIR SHOWN TO [MARKS]: the lowers relative to ROOT; in a mount namespace of its own, so that the mount ends
 * with the copying whatever happens. MARKS is `userxattr` where the layers were written so. */
static int flat(int argc, char **argv) {
  if (argc != 4 && argc != 5) return 2;
  char options[4096];
  const char *marks = argc == 5 ? argv[4] : "redirect_dir=follow";
  if (snprintf(options, sizeof options, "lowerdir=%s,%s,index=off,metacopy=off", argv[1], marks) >=
      (int)sizeof options) {
    errno = E2BIG;
    fail("layers");
  }
  must(chdir(argv[0]) == 0 && mkdir(argv[2], 0700) == 0, argv[2]);
  must(unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "namespace");
  must(mount("overlay", argv[2], "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, options) == 0, "overlay");
  return copy_main(3, (char *[]){"once", argv[2], argv[3], NULL});
}

/* ---- cat: small files of the kernel's ---- */

/* For each a line with its length, then so many bytes; `-` for one that can't be read. */
static int cat(int argc, char **argv) {
  static char text[MAX_TEXT];
  for (int i = 0; i < argc; i++) {
    int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
    ssize_t length = -1, more = 0;
    if (fd >= 0) {
      for (length = 0; (more = read(fd, text + length, sizeof text - (size_t)length)) > 0;) length += more;
      if (more < 0) length = -1;
      close(fd);
    }
    if (length < 0) {
      printf("-\n");
      continue;
    }
    printf("%zd\n", length);
    fwrite(text, 1, (size_t)length, stdout);
  }
  return 0;
}

int store_main(int argc, char **argv) {
  static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
  } ops[] = {{"usage", usage}, {"remove", remove_trees}, {"box", box}, {"keep", keep},
             {"list", list},   {"flat", flat},           {"cat", cat}};
  umask(022);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  int status = 2;
  if (argc == 2 && strcmp(argv[0], "free") == 0) {
    printf("%" PRIu64 "\n", free_bytes(argv[1]));
    status = 0;
  }
  for (size_t i = 0; argc > 1 && i < sizeof ops / sizeof *ops; i++) {
    if (strcmp(argv[0], ops[i].name) == 0) status = ops[i].run(argc - 1, argv + 1);
  }
  if (status == 2) dprintf(2, "codeset-init store: see init/PROTOCOL.md\n");
  if (fflush(stdout) != 0) return 1;
  return status;
}
