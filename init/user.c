#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* /etc/passwd is read by hand: libc's own way loads plug-ins, which a static program can't. */
static bool split_fields(char *line, char **fields, int count) {
  line[strcspn(line, "\n")] = 0;
  for (int i = 0; i < count; i++) {
    fields[i] = line;
    if (i == count - 1) break;
    char *colon = strchr(line, ':');
    if (colon == NULL) return false;
    *colon = 0;
    line = colon + 1;
  }
  return true;
}

static bool parse_id(const char *text, uint32_t *id) {
  if (*text < '0' || *text > '9') return false;
  char *end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (*end != 0 || errno != 0 || value >= UINT32_MAX) return false;
  *id = (uint32_t)value;
  return true;
}

static void find_groups(struct user *user) {
  FILE *file = fopen("/etc/group", "re");
  if (file == NULL) return;
  char line[8192];
  char *f[4];
  while (fgets(line, sizeof line, file) != NULL) {
    uint32_t gid;
    if (!split_fields(line, f, 4) || !parse_id(f[2], &gid)) continue;
    char *rest;
    for (char *name = strtok_r(f[3], ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
      if (strcmp(name, user->name) == 0 && user->group_count < 64) user->groups[user->group_count++] = gid;
    }
  }
  fclose(file);
}

/* `spec` is a name of /etc/passwd, `uid` or `uid:gid`; '' is whoever init is. Returns 0 or an errno. */
int resolve_user(const char *spec, struct user *user) {
  memset(user, 0, sizeof *user);
  strcpy(user->home, "/");
  user->uid = geteuid();
  user->gid = getegid();
  char wanted[64];
  if (strlen(spec) >= sizeof wanted) return ENOENT;
  strcpy(wanted, spec);
  bool explicit_gid = false;
  char *colon = strchr(wanted, ':');
  if (colon != NULL) {
    *colon = 0;
    if (!parse_id(colon + 1, &user->gid)) return ENOENT;
    explicit_gid = true;
  }
  bool numeric = *wanted == 0 || parse_id(wanted, &user->uid);
  if (numeric && *wanted != 0 && !explicit_gid) user->gid = user->uid;
  bool found = false;
  FILE *file = fopen("/etc/passwd", "re");
  char line[4096];
  char *f[7];
  while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
    uint32_t uid, gid;
    if (!split_fields(line, f, 7) || !parse_id(f[2], &uid) || !parse_id(f[3], &gid)) continue;
    if (numeric ? uid != user->uid : strcmp(f[0], wanted) != 0) continue;
    /* Of several names for root's id the number means root's own. */
    if (numeric && uid == 0 && strcmp(f[0], "root") != 0) continue;
    found = true;
    user->uid = uid;
    if (!explicit_gid) user->gid = gid;
    if (strlen(f[0]) < sizeof user->name) strcpy(user->name, f[0]);
    if (*f[5] != 0 && strlen(f[5]) < sizeof user->home) strcpy(user->home, f[5]);
  }
  if (file != NULL) fclose(file);
  if (!found && !numeric) return ENOENT;
  user->groups[user->group_count++] = user->gid;
  if (found) find_groups(user);
  return 0;
}

/* What may be there to drop: a bounding set never grows, so that looking once is enough. */
static uint64_t bounding_set = ~0ull;

void note_bounding_set(void) {
  uint64_t found = 0;
  for (unsigned long cap = 0; cap < 64; cap++) {
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) found |= 1ull << cap;
  }
  bounding_set = found;
}

/* A user with another name that has root's id is one where a sandbox has no second id: it is not root. */
static bool is_root(const struct user *user) {
  return user->uid == 0 && (*user->name == 0 || strcmp(user->name, "root") == 0);
}

/*
 * Takes the user's ids. Everyone but the sandbox's root loses every capability, the bounding set too, and the
 * way to gain any. Returns 0 or an errno.
 */
int become_user(const struct user *user) {
  bool root = is_root(user);
  bool same = user->uid == geteuid() && user->gid == getegid();
  if (!root) {
    for (unsigned long cap = 0; cap < 64; cap++) {
      if ((bounding_set >> cap & 1) != 0) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  }
  /* An ordinary user's init may not set groups, and need not when the user stays the same. */
  if (setgroups((size_t)user->group_count, user->groups) != 0 && !(same && errno == EPERM)) return errno;
  if (setresgid(user->gid, user->gid, user->gid) != 0) return errno;
  if (setresuid(user->uid, user->uid, user->uid) != 0) return errno;
  if (root) return 0;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  if (syscall(SYS_capset, &header, none) != 0) return errno;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return 0;
}

/* Finds a program as a shell does; the name itself when it has a slash. NULL with errno ENOENT or EACCES. */
const char *find_program(const char *name, const char *path, char *buffer, size_t size) {
  if (*name == 0) {
    errno = ENOENT;
    return NULL;
  }
  if (strchr(name, '/') != NULL) return name;
  int problem = ENOENT;
  while (true) {
    size_t length = strcspn(path, ":");
    const char *directory = length == 0 ? "." : path;
    int n = snprintf(buffer, size, "%.*s/%s", length == 0 ? 1 : (int)length, directory, name);
    struct stat st;
    if (n > 0 && (size_t)n < size && stat(buffer, &st) == 0 && S_ISREG(st.st_mode)) {
      if (access(buffer, X_OK) == 0) return buffer;
      problem = EACCES;
    }
    if (path[length] == 0) break;
    path += length + 1;
  }
  errno = problem;
  return NULL;
}
