/* `codeset-init pack FOLDER NAME`: FOLDER/NAME and what is below it as a pax archive on stdout, named from NAME on, as
 * whoever calls it. Other people's processes may change it meanwhile: no link below FOLDER is followed, each step is
 * taken from a descriptor. What is gone when its turn comes is left out, a file that became shorter is filled with zeros.
 *
 * Ends with 0, 2 (usage) or 1 (something could not be read; sentences are on stderr, and the rest is there). */
#define _GNU_SOURCE
#include "init.h"
#include "tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_SENTENCES 20
#define MAX_NAME 65536
#define MAX_SIZE 077777777777u /* of a file in a plain header */
#define MAX_ID 07777777u

/* The first name of a file that has several. */
struct name {
  dev_t dev;
  ino_t ino;
  char *name; /* NULL: free */
};

static struct {
  char name[MAX_NAME];
  size_t length;
  unsigned char buffer[128 << 10];
  size_t filled;
  char *records; /* of the extended header that comes next */
  size_t records_length;
  struct name *names; /* open addressing */
  size_t name_room, name_count;
  int status, sentences;
} pack;

static void say(const char *name, const char *what) {
  if (pack.sentences++ < MAX_SENTENCES) dprintf(2, "%.1024s: %s\n", name, what);
  pack.status = 1;
}

static _Noreturn void give_up(const char *what) {
  dprintf(2, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* ---- output ---- */

static void write_all(const unsigned char *data, size_t length) {
  while (length > 0) {
    ssize_t n = write(1, data, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) give_up("output");
    data += n;
    length -= (size_t)n;
  }
}

static void flush(void) {
  write_all(pack.buffer, pack.filled);
  pack.filled = 0;
}

static void put(const void *data, size_t length) {
  for (const unsigned char *at = data; length > 0;) {
    size_t room = sizeof pack.buffer - pack.filled, n = length < room ? length : room;
    memcpy(pack.buffer + pack.filled, at, n);
    pack.filled += n;
    at += n;
    length -= n;
    if (pack.filled == sizeof pack.buffer) flush();
  }
}

static void put_zeros(uint64_t length) {
  static const unsigned char zeros[4096];
  for (; length > 0;) {
    size_t n = length < sizeof zeros ? (size_t)length : sizeof zeros;
    put(zeros, n);
    length -= n;
  }
}

static void put_padding(uint64_t size) { put_zeros(-size & (TAR_BLOCK - 1)); }

/* ---- headers ---- */

/* `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
static void add_record(const char *key, const char *value) {
  size_t length = strlen(key) + strlen(value) + 3, digits = 1, ten = 10;
  while (length + digits >= ten) {
    digits++;
    ten *= 10;
  }
  length += digits;
  char *larger = realloc(pack.records, pack.records_length + length + 1);
  if (larger == NULL) give_up("memory");
  pack.records = larger;
  snprintf(larger + pack.records_length, length + 1, "%zu %s=%s\n", length, key, value);
  pack.records_length += length;
}

static void add_number(const char *key, uint64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%" PRIu64, value);
  add_record(key, text);
}

static void put_block(const char *name, const char *link, char type, uint64_t size, const struct stat *st) {
  char block[TAR_BLOCK] = {0};
  bool device = type == '3' || type == '4';
  uint64_t seconds = st->st_mtime < 0 ? 0 : (uint64_t)st->st_mtime;
  memcpy(block, name, strnlen(name, 100));
  snprintf(block + 100, 8, "%07o", st->st_mode & 07777);
  snprintf(block + 108, 8, "%07o", st->st_uid > MAX_ID ? 0 : st->st_uid);
  snprintf(block + 116, 8, "%07o", st->st_gid > MAX_ID ? 0 : st->st_gid);
  snprintf(block + 124, 12, "%011" PRIo64, size > MAX_SIZE ? 0 : size);
  snprintf(block + 136, 12, "%011" PRIo64, seconds > MAX_SIZE ? 0 : seconds);
  memset(block + 148, ' ', 8);
  block[156] = type;
  memcpy(block + 157, link, strnlen(link, 100));
  memcpy(block + 257, "ustar\00000", 8);
  snprintf(block + 329, 8, "%07o", device ? major(st->st_rdev) & MAX_ID : 0);
  snprintf(block + 337, 8, "%07o", device ? minor(st->st_rdev) & MAX_ID : 0);
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof block; i++) sum += (unsigned char)block[i];
  snprintf(block + 148, 8, "%06o", sum);
  block[155] = ' ';
  put(block, sizeof block);
}

/* Long names are cut in the plain header, where no reader of pax looks at them. */
static void put_header(const char *link, char type, uint64_t size, const struct stat *st) {
  char time[64];
  pack.records_length = 0;
  if (pack.length > 100) add_record("path", pack.name);
  if (strlen(link) > 100) add_record("linkpath", link);
  if (size > MAX_SIZE) add_number("size", size);
  if (st->st_uid > MAX_ID) add_number("uid", st->st_uid);
  if (st->st_gid > MAX_ID) add_number("gid", st->st_gid);
  int64_t seconds = st->st_mtim.tv_sec;
  long ns = st->st_mtim.tv_nsec;
  if (seconds < 0 || seconds > (int64_t)MAX_SIZE || ns != 0) {
    bool below = seconds < 0 && ns != 0; /* -1.5 is 500 million nanoseconds after -2 */
    if (below) {
      seconds++;
      ns = 1000000000 - ns;
    }
    const char *sign = below && seconds == 0 ? "-" : "";
    snprintf(time, sizeof time, ns == 0 ? "%s%" PRId64 : "%s%" PRId64 ".%09ld", sign, seconds, ns);
    add_record("mtime", time);
  }
  if (pack.records_length > 0) {
    struct stat plain = {.st_mode = 0644, .st_mtime = st->st_mtime};
    put_block("pax-header", "", 'x', pack.records_length, &plain);
    put(pack.records, pack.records_length);
    put_padding(pack.records_length);
  }
  put_block(pack.name, link, type, size, st);
}

/* ---- files ---- */

static struct name *slot(struct name *names, size_t room, dev_t dev, ino_t ino) {
  size_t at = (size_t)((ino ^ dev << 20) * 0x9e3779b97f4a7c15u) & (room - 1);
  while (names[at].name != NULL && (names[at].dev != dev || names[at].ino != ino)) at = (at + 1) & (room - 1);
  return &names[at];
}

/* The name under which this file is in the archive already; else NULL, and from now on it is this one. */
static const char *earlier_name(const struct stat *st) {
  if (pack.name_count * 2 >= pack.name_room) {
    size_t room = pack.name_room == 0 ? 256 : pack.name_room * 2;
    struct name *larger = calloc(room, sizeof *larger);
    if (larger == NULL) give_up("memory");
    for (size_t i = 0; i < pack.name_room; i++) {
      const struct name *old = &pack.names[i];
      if (old->name != NULL) *slot(larger, room, old->dev, old->ino) = *old;
    }
    free(pack.names);
    pack.names = larger;
    pack.name_room = room;
  }
  struct name *found = slot(pack.names, pack.name_room, st->st_dev, st->st_ino);
  if (found->name != NULL) return found->name;
  *found = (struct name){st->st_dev, st->st_ino, strdup(pack.name)};
  if (found->name == NULL) give_up("memory");
  pack.name_count++;
  return NULL;
}

static void put_content(int fd, uint64_t size) {
  uint64_t left = size;
  while (left > 0) {
    size_t room = sizeof pack.buffer - pack.filled;
    ssize_t n = read(fd, pack.buffer + pack.filled, left < room ? (size_t)left : room);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) say(pack.name, strerror(errno));
    if (n <= 0) break;
    pack.filled += (size_t)n;
    left -= (uint64_t)n;
    if (pack.filled == sizeof pack.buffer) flush();
  }
  put_zeros(left);
  put_padding(size);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void pack_entry(int folder, const char *name);

/* What is in a folder, by name. */
static void pack_inside(int fd) {
  char **list = NULL;
  size_t count = 0, room = 0, length = pack.length;
  DIR *entries = fdopendir(fd);
  if (entries == NULL) give_up(pack.name);
  struct dirent *entry;
  while ((errno = 0, entry = readdir(entries)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (count == room) {
      room = room * 2 + 64;
      list = realloc(list, room * sizeof *list);
      if (list == NULL) give_up("memory");
    }
    list[count] = strdup(entry->d_name);
    if (list[count++] == NULL) give_up("memory");
  }
  if (errno != 0) say(pack.name, strerror(errno));
  if (count > 0) qsort(list, count, sizeof *list, by_name);
  for (size_t i = 0; i < count; i++) {
    size_t more = strlen(list[i]);
    if (length + more + 2 > sizeof pack.name) {
      say(list[i], strerror(ENAMETOOLONG));
    } else {
      /* A folder's name ends with a slash already. */
      memcpy(pack.name + length, list[i], more + 1);
      pack.length = length + more;
      pack_entry(fd, list[i]);
    }
    free(list[i]);
  }
  pack.length = length;
  pack.name[length] = 0;
  free(list);
  closedir(entries);
}

static void pack_link(int folder, const char *name, const struct stat *st) {
  static char target[PATH_MAX + 1];
  ssize_t length = readlinkat(folder, name, target, PATH_MAX);
  if (length < 0) {
    if (errno != ENOENT) say(pack.name, strerror(errno));
    return;
  }
  target[length] = 0;
  put_header(target, '2', 0, st);
}

static void pack_entry(int folder, const char *name) {
  struct stat st;
  if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) say(pack.name, strerror(errno));
    return;
  }
  int fd = -1;
  if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
    /* It may have become something else: nothing that is opened here blocks or is acted upon. */
    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
      if (errno != ENOENT) say(pack.name, strerror(errno));
      if (fd >= 0) close(fd);
      return;
    }
  }
  const char *first = S_ISDIR(st.st_mode) || st.st_nlink < 2 ? NULL : earlier_name(&st);
  if (first != NULL) {
    put_header(first, '1', 0, &st);
  } else if (fd >= 0 && S_ISDIR(st.st_mode)) {
    if (pack.length == 0 || pack.name[pack.length - 1] != '/') {
      pack.name[pack.length++] = '/';
      pack.name[pack.length] = 0;
    }
    put_header("", '5', 0, &st);
    pack_inside(fd);
    return;
  } else if (fd >= 0 && S_ISREG(st.st_mode)) {
    put_header("", '0', (uint64_t)st.st_size, &st);
    put_content(fd, (uint64_t)st.st_size);
  } else if (S_ISLNK(st.st_mode)) {
    pack_link(folder, name, &st);
  } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode)) {
    put_header("", S_ISCHR(st.st_mode) ? '3' : S_ISBLK(st.st_mode) ? '4' : '6', 0, &st);
  }
  /* Nothing is left of a socket without who listens. */
  if (fd >= 0) close(fd);
}

int pack_main(int argc, char **argv) {
  if (argc != 2 || strlen(argv[1]) >= PATH_MAX) {
    dprintf(2, "usage: codeset-init pack FOLDER NAME\n");
    return 2;
  }
  int folder = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) give_up(argv[0]);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  strcpy(pack.name, argv[1]);
  pack.length = strlen(argv[1]);
  pack_entry(folder, argv[1]);
  put_zeros(2 * TAR_BLOCK);
  flush();
  return pack.status;
}
