#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SUBJECT_FILE "/run/codeset/subject"
#define SUBJECT_VARIABLE "CODESET_SUBJECT_USER"
#define REPORT_VARIABLE "CODESET_REPORT_DIR"
/* There where the subject has the script's own id, and mounts have to keep them apart. */
#define APART_FILE "/run/codeset/apart"

static int refuse(const char *what, int problem) {
  dprintf(2, "as-subject: %s: %s\n", what, strerror(problem));
  return problem == ENOENT ? 127 : 126;
}

/* The first line of the service's file; without the file, the variable that it gives to the script. */
static bool subject_user(char *buffer, size_t size) {
  FILE *file = fopen(SUBJECT_FILE, "re");
  if (file == NULL) {
    const char *set = getenv(SUBJECT_VARIABLE);
    if (set == NULL || strlen(set) >= size) return false;
    strcpy(buffer, set);
    return *buffer != 0;
  }
  const char *line = fgets(buffer, (int)size, file);
  fclose(file);
  if (line == NULL) return false;
  buffer[strcspn(buffer, "\n")] = 0;
  return *buffer != 0;
}

/*
 * `spec` is a user as resolve_user takes it, or `NAME UID:GID`: the name is good as long as it means those, else
 * they are, as /etc/passwd may be the subject's own. Returns 0 or an errno.
 */
static int resolve_subject(char *spec, struct user *user) {
  char *ids = strchr(spec, ' ');
  if (ids == NULL) return resolve_user(spec, user);
  *ids++ = 0;
  int problem = resolve_user(ids, user);
  if (problem != 0) return problem;
  struct user named;
  if (resolve_user(spec, &named) == 0 && named.uid == user->uid && named.gid == user->gid) *user = named;
  return 0;
}

/*
 * A folder that only this run of the subject may write, below the script's report folder: other users may pass
 * through the report folder, not list or change it. Returns 0 or an errno.
 */
static int make_report_folder(const struct user *user) {
  const char *reports = getenv(REPORT_VARIABLE);
  if (reports == NULL || *reports == 0) return 0;
  char path[4096];
  int n = snprintf(path, sizeof path, "%s/subject-XXXXXX", reports);
  if (n < 0 || (size_t)n >= sizeof path) return ENAMETOOLONG;
  if (mkdtemp(path) == NULL) return errno;
  if (chown(path, user->uid, user->gid) != 0 || chmod(path, 0755) != 0) return errno;
  return setenv(REPORT_VARIABLE, path, 1) == 0 ? 0 : errno;
}

static void close_inherited(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3, ~0U, 0) == 0) return;
#endif
  long limit = sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < limit; fd++) close(fd);
}

/*
 * Root as the subject keeps its user id, for the files it owns, and nothing else: with capabilities it could trace
 * the script that judges it. With an empty bounding set no later execve gives any back.
 */
static int drop_capabilities(void) {
  for (unsigned long cap = 0; cap < 64; cap++) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  if (syscall(SYS_capset, &header, none) != 0) return errno;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

/* Becomes the command, as the subject's user and without any capability: its exit is the command's own. */
int as_subject_main(int argc, char **argv) {
  if (argc > 0 && strcmp(argv[0], "--") == 0) {
    argc--;
    argv++;
  }
  if (argc == 0) {
    dprintf(2, "usage: as-subject [--] COMMAND [ARGUMENT…]\n");
    return 125;
  }
  char name[128];
  if (!subject_user(name, sizeof name)) {
    dprintf(2, "as-subject: no subject's user is set here\n");
    return 125;
  }
  struct user user;
  int problem = resolve_subject(name, &user);
  if (problem == 0) problem = make_report_folder(&user);
  if (problem != 0) {
    refuse(name, problem);
    return 125;
  }
  /* The ends of pipes only: a command that opens /dev/stdout anew would be refused otherwise. */
  for (int fd = 0; fd < 3; fd++) {
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && fchown(fd, user.uid, user.gid) != 0) continue;
  }
  close_inherited();
  unsetenv(SUBJECT_VARIABLE);
  setenv("HOME", user.home, 1);
  if (*user.name != 0) {
    setenv("USER", user.name, 1);
    setenv("LOGNAME", user.name, 1);
  }
  bool apart = access(APART_FILE, F_OK) == 0;
  const char *what = "";
  problem = apart ? stand_apart(getenv(REPORT_VARIABLE), &what) : 0;
  if (problem != 0) {
    refuse(what, problem);
    return 125;
  }
  problem = become_user(&user);
  if (problem == 0 && user.uid == 0) problem = drop_capabilities();
  if (problem == 0 && apart) problem = stay_apart();
  if (problem != 0) {
    refuse("becoming the subject", problem);
    return 125;
  }
  const char *path = getenv("PATH");
  char buffer[4096];
  const char *program = find_program(argv[0], path == NULL ? "/usr/local/bin:/usr/bin:/bin" : path, buffer, sizeof buffer);
  if (program == NULL) return refuse(argv[0], errno);
  execv(program, argv);
  return refuse(argv[0], errno);
}
