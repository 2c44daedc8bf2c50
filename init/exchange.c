/* `codeset-init exchange read` and `exchange write`: files of one tree as a stream, and into another tree of the same
 * content, where the image has no git that could apply a patch. Names are relative to the current folder; no symlink
 * is followed on their way.
 *
 * The stream: records, ended by one without a name. A record: u32 length and the name; u8 kind ('-' nothing, 'd' a
 * folder, 'f' a file, 'x' one that can be executed, 'l' a symlink); u64 length and the content (a link's: its target). */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANGED 3 /* what is there is not what the stream says it was */

struct change {
  char *name;
  char kind;   /* as it is to be */
  bool was;    /* something was there, now in the scratch folder */
  bool placed; /* the new is in its place */
};

static struct change *changes;
static size_t count;
static char scratch[64];
static int top = -1, aside = -1; /* the current folder, and the scratch folder in it */

static void undo(void);

static _Noreturn void fail(int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vdprintf(2, format, args);
  va_end(args);
  dprintf(2, "\n");
  undo();
  exit(status);
}

static void read_exactly(void *into, size_t length) {
  for (char *at = into; length > 0;) {
    ssize_t n = read(0, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(1, "The content did not arrive whole.");
    at += n;
    length -= (size_t)n;
  }
}

static void write_fully(int fd, const void *data, size_t length, const char *name) {
  for (const char *at = data; length > 0;) {
    ssize_t n = write(fd, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(1, "%s: %s.", name, strerror(errno));
    at += n;
    length -= (size_t)n;
  }
}

/* A descriptor of the folder that `name` is in, and where its last part begins; -1 with errno. */
static int parent_of(const char *name, bool make, const char **last) {
  char part[NAME_MAX + 1];
  int folder = fcntl(top, F_DUPFD_CLOEXEC, 3);
  for (const char *slash; folder >= 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
    size_t length = (size_t)(slash - name);
    if (length == 0 || length > NAME_MAX || (length <= 2 && strncmp(name, "..", length) == 0)) {
      close(folder);
      errno = EINVAL;
      return -1;
    }
    memcpy(part, name, length);
    part[length] = 0;
    int next = -1;
    if (!make || mkdirat(folder, part, 0777) == 0 || errno == EEXIST)
      next = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int problem = errno;
    close(folder);
    errno = problem;
    folder = next;
  }
  if (folder >= 0 && (*name == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)) {
    close(folder);
    errno = EINVAL;
    return -1;
  }
  *last = name;
  return folder;
}

/* ---------------------------------------------------------------- read */

static void put_state(char kind, uint64_t length) {
  uint8_t head[9] = {(uint8_t)kind};
  put_u64(head + 1, length);
  write_fully(1, head, sizeof head, "stdout");
}

static void put_record(const char *name) {
  static char buffer[128 << 10];
  uint8_t head[4];
  struct stat st;
  const char *last;
  put_u32(head, (uint32_t)strlen(name));
  write_fully(1, head, sizeof head, "stdout");
  write_fully(1, name, strlen(name), "stdout");
  int folder = parent_of(name, false, &last);
  if (folder < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) fail(1, "%s: %s.", name, strerror(errno));
  if (folder < 0 || fstatat(folder, last, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    put_state('-', 0);
  } else if (S_ISDIR(st.st_mode)) {
    put_state('d', 0);
  } else if (S_ISLNK(st.st_mode)) {
    ssize_t n = readlinkat(folder, last, buffer, PATH_MAX);
    if (n < 0) fail(1, "%s: %s.", name, strerror(errno));
    put_state('l', (uint64_t)n);
    write_fully(1, buffer, (size_t)n, "stdout");
  } else {
    int fd = openat(folder, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) fail(1, "%s: %s.", name, strerror(errno));
    if (!S_ISREG(st.st_mode)) fail(1, "%s is neither a file nor a symlink.", name);
    put_state((st.st_mode & 0100) != 0 ? 'x' : 'f', (uint64_t)st.st_size);
    for (uint64_t left = (uint64_t)st.st_size; left > 0;) {
      ssize_t n = read(fd, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail(1, "%s changed while it was read.", name);
      write_fully(1, buffer, (size_t)n, "stdout");
      left -= (uint64_t)n;
    }
    close(fd);
  }
  if (folder >= 0) close(folder);
}

/* Names come on stdin, each ended by a NUL. */
static int read_files(void) {
  static const uint8_t end[4];
  char *name = NULL;
  size_t room = 0;
  ssize_t n;
  while ((n = getdelim(&name, &room, 0, stdin)) > 0) {
    if (name[n - 1] != 0) fail(1, "The names did not arrive whole.");
    put_record(name);
  }
  free(name);
  write_fully(1, end, sizeof end, "stdout");
  return 0;
}

/* ---------------------------------------------------------------- write */

static char *take_name(void) {
  uint8_t head[4];
  read_exactly(head, sizeof head);
  uint32_t length = get_u32(head);
  if (length == 0) return NULL;
  if (length >= PATH_MAX) fail(1, "A name is too long.");
  char *name = malloc(length + 1);
  if (name == NULL) fail(1, "Out of memory.");
  read_exactly(name, length);
  name[length] = 0;
  if (strlen(name) != length) fail(1, "A name holds a NUL.");
  return name;
}

static char take_state(uint64_t *length) {
  uint8_t head[9];
  read_exactly(head, sizeof head);
  *length = get_u64(head + 1);
  if (memchr("-dfxl", head[0], 5) == NULL || (head[0] == 'l' && *length >= PATH_MAX)) fail(1, "A record makes no sense.");
  return (char)head[0];
}

/* Compares what is there with what the stream says was there; the stream's content is read in any case. */
static void expect(const char *name) {
  static char told[64 << 10], found[64 << 10];
  uint64_t length;
  const char *last;
  struct stat st;
  char kind = take_state(&length), actual = '-';
  int folder = parent_of(name, false, &last), fd = -1;
  if (folder < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) fail(1, "%s: %s.", name, strerror(errno));
  if (folder >= 0 && fstatat(folder, last, &st, AT_SYMLINK_NOFOLLOW) == 0) {
    actual = S_ISDIR(st.st_mode) ? 'd' : S_ISLNK(st.st_mode) ? 'l' : S_ISREG(st.st_mode) ? 'f' : 'o';
  }
  if (kind == 'x') kind = 'f';
  bool same = actual == kind;
  if (same && kind == 'f') {
    fd = openat(folder, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) fail(1, "%s: %s.", name, strerror(errno));
  }
  ssize_t target = same && kind == 'l' ? readlinkat(folder, last, found, PATH_MAX) : 0;
  if (kind == 'l' && same) same = target >= 0 && (uint64_t)target == length;
  for (uint64_t left = length; left > 0;) {
    size_t want = left < sizeof told ? (size_t)left : sizeof told, have = 0;
    read_exactly(told, want);
    while (fd >= 0 && have < want) {
      ssize_t n = read(fd, found + have, want - have);
      if (n <= 0) break;
      have += (size_t)n;
    }
    if (kind == 'l') have = want;
    if (same && (have != want || memcmp(told, found, want) != 0)) same = false;
    left -= want;
  }
  char more;
  if (same && fd >= 0 && read(fd, &more, 1) != 0) same = false;
  if (fd >= 0) close(fd);
  if (folder >= 0) close(folder);
  if (!same) fail(CHANGED, "%s changed meanwhile.", name);
}

/* The new content goes into the scratch folder, as `nINDEX`. */
static void stage(struct change *change, size_t index) {
  static char buffer[64 << 10];
  uint64_t length;
  char staged[32];
  change->kind = take_state(&length);
  snprintf(staged, sizeof staged, "n%zu", index);
  int fd = -1;
  if (change->kind == 'f' || change->kind == 'x') {
    fd = openat(aside, staged, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, change->kind == 'x' ? 0777 : 0666);
    if (fd < 0) fail(1, "%s: %s.", change->name, strerror(errno));
  }
  for (uint64_t left = length; left > 0;) {
    size_t want = left < sizeof buffer - 1 ? (size_t)left : sizeof buffer - 1;
    read_exactly(buffer, want);
    if (fd >= 0) write_fully(fd, buffer, want, change->name);
    buffer[want] = 0;
    left -= want;
  }
  if (fd >= 0 && close(fd) != 0) fail(1, "%s: %s.", change->name, strerror(errno));
  if (change->kind == 'l' && symlinkat(length == 0 ? "" : buffer, aside, staged) != 0)
    fail(1, "%s: %s.", change->name, strerror(errno));
}

/* Moves `name` to `to` in the scratch folder, or back. 0 or an errno. */
static int move(const char *name, char letter, size_t index, bool back) {
  char other[32];
  const char *last;
  snprintf(other, sizeof other, "%c%zu", letter, index);
  int folder = parent_of(name, back, &last);
  if (folder < 0) return errno;
  int result = back ? renameat(aside, other, folder, last) : renameat(folder, last, aside, other);
  int problem = result == 0 ? 0 : errno;
  close(folder);
  return problem;
}

/* Folders that the patch emptied go, as git has it; the first that is not empty ends that. */
static void remove_empty_parents(const char *name) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", name);
  for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
    *slash = 0;
    const char *last;
    int folder = parent_of(path, false, &last);
    int result = folder < 0 ? -1 : unlinkat(folder, last, AT_REMOVEDIR);
    if (folder >= 0) close(folder);
    if (result != 0) return;
  }
}

static void remove_scratch(void) {
  char name[32];
  for (size_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "n%zu", i);
    unlinkat(aside, name, 0);
    snprintf(name, sizeof name, "o%zu", i);
    unlinkat(aside, name, 0);
  }
  unlinkat(top, scratch, AT_REMOVEDIR);
}

static void undo(void) {
  if (aside < 0) return;
  for (size_t i = count; i-- > 0;) {
    if (!changes[i].placed) continue;
    move(changes[i].name, 'n', i, false);
    remove_empty_parents(changes[i].name);
  }
  bool whole = true;
  for (size_t i = 0; i < count; i++) {
    if (changes[i].was && move(changes[i].name, 'o', i, true) != 0) whole = false;
  }
  if (whole) remove_scratch();
  else dprintf(2, "What was there before is in %s.\n", scratch);
}

static int write_files(void) {
  char *name;
  size_t at = 0;
  while ((name = take_name()) != NULL) {
    if (count % 64 == 0) {
      struct change *larger = realloc(changes, (count + 64) * sizeof *changes);
      if (larger == NULL) fail(1, "Out of memory.");
      changes = larger;
    }
    changes[count++] = (struct change){.name = name};
    expect(name);
  }
  strcpy(scratch, ".codeset-patch-XXXXXX");
  if (mkdtemp(scratch) == NULL) fail(1, "The workspace: %s.", strerror(errno));
  aside = openat(top, scratch, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (aside < 0) fail(1, "The workspace: %s.", strerror(errno));
  for (; (name = take_name()) != NULL; at++) {
    bool known = at < count && strcmp(name, changes[at].name) == 0;
    free(name);
    if (!known) fail(1, "The records do not match.");
    stage(&changes[at], at);
  }
  if (at != count) fail(1, "The records do not match.");
  for (size_t i = 0; i < count; i++) {
    struct stat st;
    const char *last;
    int folder = parent_of(changes[i].name, false, &last);
    bool there = folder >= 0 && fstatat(folder, last, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
    if (folder >= 0) close(folder);
    if (!there) continue;
    int problem = move(changes[i].name, 'o', i, false);
    if (problem != 0) fail(1, "%s: %s.", changes[i].name, strerror(problem));
    changes[i].was = true;
  }
  for (size_t i = 0; i < count; i++) {
    if (changes[i].was && changes[i].kind == '-') remove_empty_parents(changes[i].name);
  }
  for (size_t i = 0; i < count; i++) {
    if (strchr("-d", changes[i].kind) != NULL) continue;
    int problem = move(changes[i].name, 'n', i, true);
    if (problem != 0) fail(1, "%s: %s.", changes[i].name, strerror(problem));
    changes[i].placed = true;
  }
  remove_scratch();
  for (size_t i = 0; i < count; i++) free(changes[i].name);
  free(changes);
  return 0;
}

int exchange_main(int argc, char **argv) {
  top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (top < 0) fail(1, "The current folder: %s.", strerror(errno));
  if (argc == 1 && strcmp(argv[0], "read") == 0) return read_files();
  if (argc == 1 && strcmp(argv[0], "write") == 0) return write_files();
  dprintf(2, "usage: codeset-init exchange read | exchange write\n");
  return 2;
}
