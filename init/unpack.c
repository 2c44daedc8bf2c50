/* `codeset-init unpack FOLDER`: a tar archive on stdin, unpacked in FOLDER as whoever calls it. What the archive says
 * is somebody else's, and so is what lies in the folder: a path goes through links inside it only, each step taken from
 * a descriptor. What is there already is replaced; folders are kept. Owners are the caller's; only root restores
 * modes without its umask.
 *
 * Ends with 0, 2 (usage), 4 (no space left), 3 (something is not allowed) or 1 (other entries could not be made, or it
 * is no archive); sentences are on stderr. After an entry that can't be made the others are, as tar does. */
#define _GNU_SOURCE
#include "init.h"
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DENIED 3
#define FULL 4
#define MAX_SENTENCES 20
#define MAX_LINKS 40
#define MAX_FOLDERS (1 << 20)
#define LEADS_OUT 20001 /* in place of an errno */

/* A folder whose mode and time are set last, when nothing more is made in it. */
struct folder {
  char *name;
  struct timespec mtime;
  mode_t mode;
  bool ours; /* made here */
};

static struct {
  int root;
  bool all_modes;
  mode_t mask;
  int status, sentences;
  struct folder *folders;
  size_t folder_count, folder_room;
  /* The folder that the last path led to: entries of one folder stand together. */
  char *known_name;
  int known;
} out = {.known = -1};

static struct tar_reader reader;

static void say(const char *name, int problem) {
  int status = problem == EACCES || problem == EPERM || problem == EROFS ? DENIED
               : problem == ENOSPC || problem == EDQUOT                 ? FULL
                                                                        : 1;
  const char *text = problem == LEADS_OUT ? "this leads out of the folder" : strerror(problem);
  if (out.sentences++ < MAX_SENTENCES) dprintf(2, "%.1024s: %s\n", name, text);
  if (status == FULL) exit(FULL);
  if (out.status == 0 || status == DENIED) out.status = status;
}

static void forget_known(void) {
  if (out.known >= 0 && out.known != out.root) close(out.known);
  free(out.known_name);
  out.known_name = NULL;
  out.known = -1;
}

/* ---- paths ---- */

/* Components of a path, of which links may add more. */
struct way {
  char *done; /* folders that were entered, none of them a link */
  char *rest;
};

static void *must(void *memory) {
  if (memory == NULL) {
    dprintf(2, "out of memory\n");
    exit(1);
  }
  return memory;
}

static char *joined(const char *a, const char *b) {
  char *text;
  if (asprintf(&text, "%s%s%s", a, *a != 0 && *b != 0 ? "/" : "", b) < 0) text = NULL;
  return must(text);
}

/* A descriptor of its own of `name` in `folder`, which is closed; -1 with errno. */
static int enter(int folder, const char *name) {
  int fd = openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int problem = errno;
  if (folder != out.root) close(folder);
  errno = problem;
  return fd;
}

/* Back to where `done` leads, which has been entered before. */
static int reenter(const char *done) {
  int fd = out.root;
  char *copy = must(strdup(done)), *state = NULL;
  for (char *name = strtok_r(copy, "/", &state); name != NULL && fd >= 0; name = strtok_r(NULL, "/", &state)) {
    fd = enter(fd, name);
  }
  free(copy);
  return fd;
}

/* What the link `name` names goes before the rest of the way. 0, or what is wrong. */
static int follow(struct way *way, int folder, const char *name, const char *after) {
  char target[PATH_MAX + 1];
  ssize_t length = readlinkat(folder, name, target, PATH_MAX);
  if (length < 0) return errno == EINVAL ? ENOTDIR : errno;
  target[length] = 0;
  if (*target == '/') return LEADS_OUT;
  char *rest = joined(target, after);
  free(way->rest);
  way->rest = rest;
  return 0;
}

/* The folder that `path` leads to, below the root and made as needed; the caller's, but the root itself. -1 with errno. */
static int walk(const char *path) {
  struct way way = {must(strdup("")), must(strdup(path))};
  int fd = out.root, links = 0, problem = 0;
  while (problem == 0) {
    size_t skip = strspn(way.rest, "/"), length = strcspn(way.rest + skip, "/");
    if (length == 0) break;
    char *name = must(strndup(way.rest + skip, length));
    char *after = must(strdup(way.rest + skip + length));
    bool up = strcmp(name, "..") == 0;
    if (up) {
      char *slash = strrchr(way.done, '/');
      if (*way.done == 0) problem = LEADS_OUT;
      else *(slash == NULL ? way.done : slash) = 0;
      if (fd != out.root) close(fd);
      fd = problem == 0 ? reenter(way.done) : out.root;
      if (fd < 0) problem = errno;
    } else if (strcmp(name, ".") != 0) {
      int inner = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner < 0 && errno == ENOENT && (mkdirat(fd, name, 0777) == 0 || errno == EEXIST)) {
        inner = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      }
      problem = inner >= 0 ? 0 : errno;
      if (inner >= 0) {
        char *done = joined(way.done, name);
        free(way.done);
        way.done = done;
        if (fd != out.root) close(fd);
        fd = inner;
      } else if (problem == ENOTDIR || problem == ELOOP) {
        problem = ++links > MAX_LINKS ? ELOOP : follow(&way, fd, name, after);
        free(name);
        free(after);
        continue;
      }
    }
    free(way.rest);
    way.rest = after;
    free(name);
  }
  free(way.done);
  free(way.rest);
  if (problem == 0) return fd;
  if (fd >= 0 && fd != out.root) close(fd);
  errno = problem;
  return -1;
}

/* The path without what leads to the root; NULL when it leads upwards. It is changed: `.` and slashes too many go. */
static char *cleaned(char *name) {
  char *to = name;
  for (const char *from = name; *from != 0;) {
    from += strspn(from, "/");
    size_t length = strcspn(from, "/");
    if (length == 2 && memcmp(from, "..", 2) == 0) return NULL;
    if (length > 0 && !(length == 1 && *from == '.')) {
      if (to != name) *to++ = '/';
      memmove(to, from, length);
      to += length;
    }
    from += length;
  }
  *to = 0;
  return name;
}

/* The folder of a cleaned path, not the caller's to close, and its last name. -1 with errno. */
static int parent_of(char *path, const char **last) {
  char *slash = strrchr(path, '/');
  *last = slash == NULL ? path : slash + 1;
  if (slash == NULL) return out.root;
  *slash = 0;
  if (out.known_name == NULL || strcmp(out.known_name, path) != 0) {
    forget_known();
    out.known = walk(path);
    if (out.known >= 0) out.known_name = must(strdup(path));
  }
  *slash = '/';
  return out.known;
}

/* ---- entries ---- */

/* Whether what was in the way of `name` is gone. */
static bool cleared(int folder, const char *name) {
  if (errno != EEXIST && errno != ELOOP && errno != EISDIR) return false;
  forget_known(); /* the caller's is a descriptor of its own then, or the root */
  if (unlinkat(folder, name, 0) == 0) return true;
  return (errno == EISDIR || errno == EPERM) && unlinkat(folder, name, AT_REMOVEDIR) == 0;
}

static bool write_all(int fd, const unsigned char *data, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, data, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    data += n;
    length -= (size_t)n;
  }
  return true;
}

/* The next `length` bytes of the content, at the file's offset. False with errno, or the reader's problem. */
static bool write_content(int fd, uint64_t length) {
  const unsigned char *data;
  while (length > 0) {
    size_t n = tar_content(&reader, &data, length < SIZE_MAX ? (size_t)length : SIZE_MAX);
    if (n == 0) return errno = EIO, false;
    if (!write_all(fd, data, n)) return false;
    length -= n;
  }
  return true;
}

static bool make_file(int folder, const char *name, const struct tar_entry *entry) {
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(folder, name, flags, entry->mode & 0777);
  if (fd < 0 && cleared(folder, name)) fd = openat(folder, name, flags, entry->mode & 0777);
  if (fd < 0) return false;
  bool good = true;
  if (entry->sparse) {
    for (size_t i = 0; good && i < entry->piece_count; i++) {
      good = lseek(fd, (off_t)entry->pieces[i].offset, SEEK_SET) >= 0 && write_content(fd, entry->pieces[i].length);
    }
    good = good && ftruncate(fd, (off_t)entry->size) == 0;
  } else {
    good = write_content(fd, entry->size);
  }
  if (good && out.all_modes && (entry->mode & (07000 | out.mask)) != 0) good = fchmod(fd, entry->mode) == 0;
  if (good) good = futimens(fd, (struct timespec[]){{.tv_nsec = UTIME_NOW}, entry->mtime}) == 0;
  int problem = errno;
  if (close(fd) != 0 && good) return false;
  errno = problem;
  return good;
}

static bool make_folder(int folder, const char *name, const struct tar_entry *entry) {
  /* Until its turn comes, whatever is below it can be made. */
  bool ours = mkdirat(folder, name, 0700) == 0;
  if (!ours) {
    struct stat st;
    if (errno != EEXIST) return false;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return false;
    if (!S_ISDIR(st.st_mode)) {
      errno = EEXIST;
      if (!cleared(folder, name) || mkdirat(folder, name, 0700) != 0) return false;
      ours = true;
    }
  }
  if (out.folder_count == MAX_FOLDERS) return errno = ENOMEM, false;
  if (out.folder_count == out.folder_room) {
    out.folder_room = out.folder_room * 2 + 64;
    out.folders = must(realloc(out.folders, out.folder_room * sizeof *out.folders));
  }
  mode_t mode = out.all_modes ? entry->mode : entry->mode & 0777 & ~out.mask;
  out.folders[out.folder_count++] = (struct folder){must(strdup(entry->name)), entry->mtime, mode, ours};
  return true;
}

static void set_time(int folder, const char *name, const struct tar_entry *entry) {
  utimensat(folder, name, (struct timespec[]){{.tv_nsec = UTIME_NOW}, entry->mtime}, AT_SYMLINK_NOFOLLOW);
}

static bool make_special(int folder, const char *name, const struct tar_entry *entry) {
  mode_t type = entry->type == '3' ? S_IFCHR : entry->type == '4' ? S_IFBLK : S_IFIFO;
  dev_t device = type == S_IFIFO ? 0 : makedev(entry->major, entry->minor);
  mode_t mode = type | (entry->mode & 0777);
  if (mknodat(folder, name, mode, device) != 0 &&
      !(cleared(folder, name) && mknodat(folder, name, mode, device) == 0)) {
    return false;
  }
  set_time(folder, name, entry);
  return true;
}

static bool make_symlink(int folder, const char *name, const struct tar_entry *entry) {
  const char *target = entry->link;
  if (symlinkat(target, folder, name) != 0 && !(cleared(folder, name) && symlinkat(target, folder, name) == 0)) {
    return false;
  }
  set_time(folder, name, entry);
  return true;
}

static bool make_link(int folder, const char *name, const struct tar_entry *entry) {
  char *slash;
  if (cleaned(entry->link) == NULL) return errno = LEADS_OUT, false;
  slash = strrchr(entry->link, '/');
  if (slash != NULL) *slash = 0;
  const char *last = slash == NULL ? entry->link : slash + 1;
  int from = slash == NULL ? out.root : walk(entry->link);
  if (from < 0) return false;
  struct stat there, here;
  bool same = fstatat(from, last, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
              fstatat(folder, name, &here, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == here.st_ino &&
              there.st_dev == here.st_dev;
  bool good = same || linkat(from, last, folder, name, 0) == 0 ||
              (cleared(folder, name) && linkat(from, last, folder, name, 0) == 0);
  int problem = errno;
  if (from != out.root) close(from);
  errno = problem;
  return good;
}

static void make(struct tar_entry *entry) {
  char *shown = must(strdup(entry->name));
  const char *last;
  int folder = -1;
  bool good = false;
  if (cleaned(entry->name) == NULL) errno = LEADS_OUT;
  else if (*entry->name == 0) {
    /* The folder itself, which is there. */
    good = entry->type == '5';
    errno = EEXIST;
  } else if ((folder = parent_of(entry->name, &last)) >= 0) {
    /* A descriptor of its own: what is known may be forgotten on the way. */
    int own = folder == out.root ? out.root : fcntl(folder, F_DUPFD_CLOEXEC, 3);
    if (own >= 0) {
      if (entry->type == '5') good = make_folder(own, last, entry);
      else if (entry->type == '2') good = make_symlink(own, last, entry);
      else if (entry->type == '1') good = make_link(own, last, entry);
      else if (entry->type == '3' || entry->type == '4' || entry->type == '6') good = make_special(own, last, entry);
      else good = make_file(own, last, entry);
    }
    int problem = errno;
    if (own >= 0 && own != out.root) close(own);
    errno = problem;
  }
  if (!good && reader.problem == NULL) say(shown, errno);
  free(shown);
}

/* Last entries first, so that no folder is closed to us before those below it are done. */
static void finish_folders(void) {
  forget_known();
  while (out.folder_count > 0) {
    struct folder *folder = &out.folders[--out.folder_count];
    const char *last;
    int parent = parent_of(folder->name, &last), fd = -1;
    if (parent >= 0) fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* One that was there may be somebody else's, and one of ours may have been replaced by a later entry. */
    if (fd >= 0 && (fchmod(fd, folder->mode) != 0 ||
                    futimens(fd, (struct timespec[]){{.tv_nsec = UTIME_NOW}, folder->mtime}) != 0) &&
        folder->ours) {
      say(folder->name, errno);
    }
    if (fd >= 0) close(fd);
    free(folder->name);
  }
}

int unpack_main(int argc, char **argv) {
  if (argc != 1) {
    dprintf(2, "usage: codeset-init unpack FOLDER\n");
    return 2;
  }
  out.root = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (out.root < 0) {
    say(argv[0], errno);
    return out.status;
  }
  out.mask = umask(0);
  umask(out.mask);
  out.all_modes = geteuid() == 0;
  int found;
  while ((found = tar_next(&reader)) == 1) {
    if (reader.entry.type == 'V') continue;
    if (reader.entry.type == 'M') say(reader.entry.name, ENOSYS);
    else make(&reader.entry);
  }
  finish_folders();
  if (found == 0) return out.status;
  dprintf(2, "%s\n", reader.problem);
  return out.status == 0 ? 1 : out.status;
}
