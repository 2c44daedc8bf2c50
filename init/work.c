/* What the service does inside a sandbox whose image need have no shell, no tar and no find: `give`, `check-script`,
 * `report-folder`, `merged`, `end-all` and `reports`. They run as the sandbox's root beside or after other people's
 * processes: no link of theirs is followed, each step is taken from a descriptor. Success is exit status 0; else a
 * sentence is on stderr (`check-script`: on stdout). */
#define _GNU_SOURCE
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEPTH 1000 /* a descriptor for each level */
#define MAX_NAME 65536
#define TOO_LARGE 3
#define END_TRIES 4000
#define END_PAUSE_NS 5000000
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static _Noreturn void fail(int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vdprintf(2, format, args);
  va_end(args);
  dprintf(2, "\n");
  exit(status);
}

static bool number(const char *text, uint64_t *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
}

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static void raise_descriptors(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

static const char *search_path(void) {
  const char *path = getenv("PATH");
  return path == NULL ? DEFAULT_PATH : path;
}

/* ---------------------------------------------------------------- give UID PATH */

static void give_below(int folder, uid_t uid, dev_t device, int depth) {
  if (depth > MAX_DEPTH) fail(1, "Folders are nested too deep: more than %d levels.", MAX_DEPTH);
  DIR *entries = fdopendir(folder);
  if (entries == NULL) fail(1, "A folder can't be read: %s.", strerror(errno));
  struct dirent *entry;
  while ((errno = 0, entry = readdir(entries)) != NULL) {
    struct stat st;
    if (is_dots(entry->d_name)) continue;
    if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      fail(1, "%s: %s.", entry->d_name, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
      if (st.st_uid != uid && fchownat(folder, entry->d_name, uid, uid, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
        fail(1, "%s: %s.", entry->d_name, strerror(errno));
      continue;
    }
    int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0 || fstat(below, &st) != 0) {
      /* Gone, or something else by now. */
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) continue;
      fail(1, "%s: %s.", entry->d_name, strerror(errno));
    }
    if (st.st_uid != uid && st.st_dev == device && fchown(below, uid, uid) != 0)
      fail(1, "%s: %s.", entry->d_name, strerror(errno));
    if (st.st_dev == device) give_below(below, uid, device, depth + 1);
    else close(below);
  }
  if (errno != 0) fail(1, "A folder can't be read: %s.", strerror(errno));
  closedir(entries);
}

/* All at and below PATH, on its file system, that is not UID's becomes UID's, group too. */
static int give(int argc, char **argv) {
  uint64_t uid;
  struct stat st;
  if (argc != 2 || !number(argv[0], &uid) || uid >= UINT32_MAX) fail(2, "usage: codeset-init give UID PATH");
  int folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0 || fstat(folder, &st) != 0) fail(1, "%s: %s.", argv[1], strerror(errno));
  raise_descriptors();
  if (st.st_uid != uid && fchown(folder, (uid_t)uid, (gid_t)uid) != 0) fail(1, "%s: %s.", argv[1], strerror(errno));
  give_below(folder, (uid_t)uid, st.st_dev, 0);
  return 0;
}

/* ---------------------------------------------------------------- check-script PATH */

static bool can_run(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Says on stdout why a file can't be executed: its own bits, or the interpreter that it names. */
static int check_script(int argc, char **argv) {
  char line[4096], buffer[PATH_MAX];
  struct stat st;
  if (argc != 1) fail(2, "usage: codeset-init check-script PATH");
  if (stat(argv[0], &st) != 0 || !S_ISREG(st.st_mode)) return dprintf(1, "there is no such file\n"), 1;
  if (access(argv[0], X_OK) != 0) return dprintf(1, "it is not executable\n"), 1;
  int fd = open(argv[0], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
  if (got < 0) return dprintf(1, "it can't be read: %s\n", strerror(errno)), 1;
  line[got] = 0;
  if (got >= 4 && memcmp(line, "\177ELF", 4) == 0) return 0;
  if (strncmp(line, "#!", 2) != 0) {
    if (can_run("/bin/sh")) return 0;
    return dprintf(1, "it names no interpreter (#!), and there is no /bin/sh here\n"), 1;
  }
  line[strcspn(line, "\n")] = 0;
  char *rest, *interpreter = strtok_r(line + 2, " \t\r", &rest);
  if (interpreter == NULL) return dprintf(1, "its #! names no interpreter\n"), 1;
  if (!can_run(interpreter)) return dprintf(1, "its interpreter %s is not there\n", interpreter), 1;
  const char *name = strrchr(interpreter, '/') == NULL ? interpreter : strrchr(interpreter, '/') + 1;
  if (strcmp(name, "env") != 0) return 0;
  char *word = strtok_r(NULL, " \t\r", &rest);
  if (word != NULL && strcmp(word, "-S") == 0) word = strtok_r(NULL, " \t\r", &rest);
  while (word != NULL && strchr(word, '=') != NULL) word = strtok_r(NULL, " \t\r", &rest);
  if (word == NULL || *word == '-') return 0;
  const char *program = find_program(word, search_path(), buffer, sizeof buffer);
  if (program != NULL && can_run(program)) return 0;
  return dprintf(1, "its interpreter %s is not there\n", word), 1;
}

/* ---------------------------------------------------------------- report-folder DIR, merged -- COMMAND */

/* Others may pass through, to what is theirs below, and see or change nothing. */
static int report_folder(int argc, char **argv) {
  if (argc != 1) fail(2, "usage: codeset-init report-folder DIR");
  umask(0);
  if (mkdir(argv[0], 0711) != 0) fail(1, "%s: %s.", argv[0], strerror(errno));
  return 0;
}

/* Becomes COMMAND with stderr going where stdout does. */
static int merged(int argc, char **argv) {
  char buffer[PATH_MAX];
  if (argc < 2 || strcmp(argv[0], "--") != 0) fail(2, "usage: codeset-init merged -- COMMAND [ARGUMENT…]");
  if (dup2(1, 2) < 0) fail(126, "stderr: %s.", strerror(errno));
  const char *program = find_program(argv[1], search_path(), buffer, sizeof buffer);
  if (program != NULL) execv(program, argv + 1);
  if (program != NULL && errno == ENOEXEC) {
    /* A script without `#!`, as every shell has it; argv[0] makes room for one word more. */
    argv[0] = (char *)"/bin/sh";
    argv[1] = (char *)program;
    execv(argv[0], argv);
  }
  int status = errno == ENOENT ? 127 : 126;
  fail(status, "%s: %s.", argv[1], strerror(errno));
}

/* ---------------------------------------------------------------- end-all */

/* kill(-1) of root spares this process and PID 1. What is killed may still end a write: it is gone when this ends. */
static int end_all(int argc) {
  if (argc != 0) fail(2, "usage: codeset-init end-all");
  for (int i = 0; i < END_TRIES; i++) {
    if (kill(-1, SIGKILL) != 0) {
      if (errno == ESRCH) return 0;
      fail(1, "The other processes can't be ended: %s.", strerror(errno));
    }
    struct timespec pause = {0, END_PAUSE_NS};
    if (i > 0) nanosleep(&pause, NULL);
  }
  fail(1, "Other processes do not end.");
}

/* ---------------------------------------------------------------- reports DIR LIMIT */

static struct {
  char name[MAX_NAME];
  size_t length;
  uint64_t left; /* bytes of the archive that may still come */
  uint64_t limit;
} pack;

static void put(const void *data, size_t length) {
  if (length > pack.left) fail(TOO_LARGE, "The reports are larger than %" PRIu64 " bytes.", pack.limit);
  pack.left -= length;
  for (const char *at = data; length > 0;) {
    ssize_t n = write(1, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(1, "The reports can't be handed on: %s.", strerror(errno));
    at += n;
    length -= (size_t)n;
  }
}

static void put_padding(uint64_t size) {
  static const char zeros[512];
  put(zeros, (size_t)(-size & 511));
}

static void put_header(const char *name, char type, uint64_t size, const struct stat *st) {
  char block[512] = {0};
  snprintf(block, 100, "%s", name);
  snprintf(block + 100, 8, "%07o", st->st_mode & 07777);
  snprintf(block + 108, 8, "%07o", 0);
  snprintf(block + 116, 8, "%07o", 0);
  snprintf(block + 124, 12, "%011" PRIo64, size & 077777777777);
  snprintf(block + 136, 12, "%011" PRIo64, (uint64_t)(st->st_mtime < 0 ? 0 : st->st_mtime) & 077777777777);
  memset(block + 148, ' ', 8);
  block[156] = type;
  memcpy(block + 257, "ustar\00000", 8);
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof block; i++) sum += (unsigned char)block[i];
  snprintf(block + 148, 7, "%06o", sum);
  put(block, sizeof block);
}

/* `LENGTH path=NAME\n`, where LENGTH counts itself. */
static void put_long_name(const struct stat *st) {
  static char record[MAX_NAME + 32];
  size_t length = pack.length + strlen(" path=\n");
  size_t digits = 1, ten = 10;
  while (length + digits >= ten) {
    digits++;
    ten *= 10;
  }
  int n = snprintf(record, sizeof record, "%zu path=%s\n", length + digits, pack.name);
  put_header("long-name", 'x', (uint64_t)n, st);
  put(record, (size_t)n);
  put_padding((uint64_t)n);
}

static void pack_file(int fd, const struct stat *st) {
  static char buffer[64 << 10];
  uint64_t size = (uint64_t)st->st_size, done = 0;
  /* Told before anything of it is read. */
  if (size > pack.left) fail(TOO_LARGE, "The reports are larger than %" PRIu64 " bytes.", pack.limit);
  if (pack.length > 99) put_long_name(st);
  put_header(pack.name, '0', size, st);
  while (done < size) {
    size_t want = size - done < sizeof buffer ? (size_t)(size - done) : sizeof buffer;
    ssize_t n = read(fd, buffer, want);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(1, "%s: %s.", pack.name, strerror(errno));
    if (n == 0) fail(1, "%s changed while it was read.", pack.name);
    put(buffer, (size_t)n);
    done += (uint64_t)n;
  }
  put_padding(size);
}

static void pack_folder(int folder, int depth) {
  if (depth > MAX_DEPTH) fail(1, "Folders are nested too deep: more than %d levels.", MAX_DEPTH);
  size_t length = pack.length;
  DIR *entries = fdopendir(folder);
  if (entries == NULL) fail(1, "A folder can't be read: %s.", strerror(errno));
  struct dirent *entry;
  while ((errno = 0, entry = readdir(entries)) != NULL) {
    struct stat st;
    if (is_dots(entry->d_name)) continue;
    size_t more = strlen(entry->d_name) + (length > 0 ? 1 : 0);
    if (length + more >= sizeof pack.name) fail(1, "Folders are nested too deep.");
    snprintf(pack.name + length, sizeof pack.name - length, "%s%s", length > 0 ? "/" : "", entry->d_name);
    pack.length = length + more;
    int fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    /* A link (ELOOP), a socket or a device without a driver (ENXIO): nothing of these is a report. */
    if (fd < 0 && errno != ELOOP && errno != ENXIO && errno != ENODEV && errno != ENOENT)
      fail(1, "%s: %s.", pack.name, strerror(errno));
    if (fd >= 0 && fstat(fd, &st) != 0) fail(1, "%s: %s.", pack.name, strerror(errno));
    if (fd >= 0 && S_ISDIR(st.st_mode)) {
      pack_folder(fd, depth + 1);
    } else if (fd >= 0) {
      if (S_ISREG(st.st_mode)) pack_file(fd, &st);
      close(fd);
    }
    pack.length = length;
    pack.name[length] = 0;
  }
  if (errno != 0) fail(1, "A folder can't be read: %s.", strerror(errno));
  closedir(entries);
}

/* The regular files below DIR as a pax archive of at most LIMIT bytes: hard links as files, links not at all. */
static int reports(int argc, char **argv) {
  static const char end[1024];
  if (argc != 2 || !number(argv[1], &pack.limit)) fail(2, "usage: codeset-init reports DIR LIMIT");
  pack.left = pack.limit;
  int folder = open(argv[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) fail(1, "%s: %s.", argv[0], strerror(errno));
  raise_descriptors();
  pack_folder(folder, 0);
  put(end, sizeof end);
  return 0;
}

/* -1: `name` is none of these. */
int work_main(const char *name, int argc, char **argv) {
  if (strcmp(name, "give") == 0) return give(argc, argv);
  if (strcmp(name, "check-script") == 0) return check_script(argc, argv);
  if (strcmp(name, "report-folder") == 0) return report_folder(argc, argv);
  if (strcmp(name, "merged") == 0) return merged(argc, argv);
  if (strcmp(name, "end-all") == 0) return end_all(argc);
  if (strcmp(name, "reports") == 0) return reports(argc, argv);
  return -1;
}
