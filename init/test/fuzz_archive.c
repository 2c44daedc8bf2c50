/* Archives that are nearly right, unpacked: `fuzz-archive SEED RUNS`. Whatever an archive says, nothing outside the
 * folder changes and the sanitizers find nothing. */
#define _GNU_SOURCE
#include "../init.h"
#include "../tar.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;

static uint32_t some(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return below == 0 ? 0 : (uint32_t)(state >> 33) % below;
}

static unsigned char archive[64 << 10];
static size_t length;

static const char *const NAMES[] = {"a", "b", "a/b", "a", "b", "c", "a/c", "b/c", "c/d", "d", "d/e", "d/e/f", "a/b/c", "../canary", "a/../../canary", "/canary", "./a", "a/", "",
                                    ".", "..", "up/canary", "b/b", "//a//b", "absolute", "../outside/canary"};
static const char *const LINKS[] = {"a", "b", "..", "../outside", "../outside/canary", "/", ".", "a/..", "b/..", "../.."};
static const char TYPES[] = "0000001112225556SLKxxxgD7VM34\0z";

static const char *name(void) { return NAMES[some(sizeof NAMES / sizeof *NAMES)]; }
static const char *link_name(void) { return LINKS[some(sizeof LINKS / sizeof *LINKS)]; }

static void add_header(char type, size_t size) {
  unsigned char *block = archive + length;
  memset(block, 0, TAR_BLOCK);
  snprintf((char *)block, 100, "%s", name());
  snprintf((char *)block + 100, 8, "%07o", some(010000));
  snprintf((char *)block + 124, 12, "%011zo", some(30) == 0 ? (size_t)some(1u << 30) : size);
  snprintf((char *)block + 136, 12, "%011o", some(1u << 30));
  block[156] = (unsigned char)type;
  snprintf((char *)block + 157, 100, "%s", link_name());
  memcpy(block + 257, some(2) ? "ustar\00000" : "ustar  ", 8);
  if (type == 'S') {
    for (int i = 0; i < 4 && some(3) > 0; i++) {
      snprintf((char *)block + 386 + i * 24, 12, "%011o", some(4) * 512);
      snprintf((char *)block + 398 + i * 24, 12, "%011o", some(600));
    }
    block[482] = some(4) == 0;
    snprintf((char *)block + 483, 12, "%011o", some(8192));
  }
  /* Anything may stand anywhere, under a checksum that is right. */
  for (uint32_t i = some(4) == 0 ? some(8) : 0; i > 0; i--) block[some(TAR_BLOCK)] = (unsigned char)some(256);
  memset(block + 148, ' ', 8);
  unsigned sum = 0;
  for (size_t i = 0; i < TAR_BLOCK; i++) sum += block[i];
  snprintf((char *)block + 148, 8, "%06o", sum);
  length += TAR_BLOCK;
}

/* Content as extended headers, sparse maps and long names have it, or anything. */
static size_t content(char type, char *text) {
  static const char *const KEYS[] = {"path",  "linkpath", "size", "mtime", "GNU.sparse.major", "GNU.sparse.map",
                                     "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.offset",
                                     "GNU.sparse.numbytes", "x"};
  static const char *const VALUES[] = {"1", "0", "512", "-3.5", "99999999999999999999", "0,1,5,7", "0,1,", ""};
  size_t size = 0;
  if (strchr("xg", type) != NULL) {
    for (uint32_t i = some(5); i > 0; i--) {
      const char *value = some(3) == 0 ? name() : some(4) == 0 ? link_name() : VALUES[some(8)];
      char record[200];
      int n = snprintf(record, sizeof record, " %s=%s\n", KEYS[some(11)], value) + 2;
      size += (size_t)sprintf(text + size, "%02d%s", some(15) == 0 ? (int)some(99) : n, record);
    }
  } else if (strchr("LK", type) != NULL) {
    size = (size_t)sprintf(text, "%s", some(2) ? name() : link_name()) + 1;
  } else if (some(3) == 0) {
    size = (size_t)sprintf(text, "%u\n%u\n%u\n%u\n%u\n", some(4), some(3), some(600), some(1200), some(600));
    size = some(2) ? 512 + some(600) : size;
  } else {
    size = some(1500);
  }
  if (some(6) == 0) {
    for (uint32_t i = some(6); i > 0; i--) text[some(1000)] = (char)some(256);
  }
  return size;
}

static void make_archive(void) {
  length = 0;
  for (uint32_t entries = 1 + some(12); entries > 0; entries--) {
    char text[4096];
    memset(text, 0, sizeof text);
    char type = TYPES[some(sizeof TYPES - 1)];
    size_t size = strchr("123456", type) != NULL && type != 0 ? 0 : content(type, text);
    add_header(type, size);
    memcpy(archive + length, text, size);
    memset(archive + length + size, 0, -size & (TAR_BLOCK - 1));
    length += size + (-size & (TAR_BLOCK - 1));
  }
  if (some(4) > 0) {
    memset(archive + length, 0, 2 * TAR_BLOCK);
    length += 2 * TAR_BLOCK;
  }
  for (uint32_t i = some(5) == 0 ? some(4) : 0; i > 0; i--) archive[some((uint32_t)length)] = (unsigned char)some(256);
  if (some(6) == 0) length = some((uint32_t)length + 1);
}

static int removed(const char *path, const struct stat *st, int type, struct FTW *info) {
  (void)st, (void)type, (void)info;
  return remove(path);
}

/* What it said, the sanitizers' words too. */
static void show_said(int said) {
  char text[4096];
  lseek(said, 0, SEEK_SET);
  for (ssize_t n; (n = read(said, text, sizeof text)) > 0;) fwrite(text, 1, (size_t)n, stdout);
}

/* 0 to 4, as unpack_main says; anything else is a defect. */
static int unpacked(void) {
  int in = memfd_create("archive", 0), said = memfd_create("said", 0);
  if (in < 0 || said < 0 || write(in, archive, length) != (ssize_t)length) return -1;
  lseek(in, 0, SEEK_SET);
  pid_t child = fork();
  if (child == 0) {
    char *words[] = {(char *)"to", NULL};
    struct rlimit size = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &size);
    signal(SIGXFSZ, SIG_IGN);
    dup2(in, 0);
    dup2(said, 2);
    exit(unpack_main(1, words));
  }
  int status = -1;
  bool ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) <= 4;
  if (!ended) show_said(said);
  close(in);
  close(said);
  return ended ? WEXITSTATUS(status) : -1;
}

static bool untouched(void) {
  struct stat canary, folder;
  char text[8] = {0};
  int fd = open("outside/canary", O_RDONLY);
  bool same = fd >= 0 && read(fd, text, sizeof text - 1) == 4 && strcmp(text, "kept") == 0;
  if (fd >= 0) close(fd);
  return same && stat("outside/canary", &canary) == 0 && (canary.st_mode & 07777) == 0640 && canary.st_nlink == 1 &&
         stat("outside", &folder) == 0 && folder.st_nlink == 2 && access("canary", F_OK) != 0;
}

int main(int argc, char **argv) {
  unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 10) : 1, runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
  char base[] = "/tmp/cs-fuzz-XXXXXX";
  if (mkdtemp(base) == NULL || chdir(base) != 0 || mkdir("outside", 0750) != 0) return 1;
  int fd = open("outside/canary", O_WRONLY | O_CREAT, 0640);
  if (fd < 0 || fchmod(fd, 0640) != 0 || write(fd, "kept", 4) != 4) return 1;
  close(fd);
  unsigned long whole = 0;
  int result = 0;
  for (unsigned long run = 0; run < runs && result == 0; run++) {
    state = (seed + run) * 0x9e3779b97f4a7c15u + 1;
    make_archive();
    if (mkdir("to", 0755) != 0 || symlink("../outside", "to/up") != 0) result = 1;
    int status = unpacked();
    if (status == 0) whole++;
    if (status < 0 || !untouched()) {
      printf("archive: seed %lu: status %d%s\n", seed + run, status, untouched() ? "" : ", something outside changed");
      result = 1;
    }
    /* A folder may have got any mode. */
    if (nftw("to", removed, 64, FTW_DEPTH | FTW_PHYS) != 0 && system("chmod -R u+rwx to && rm -rf to") != 0) {
      printf("archive: seed %lu: what was unpacked can't be removed\n", seed + run);
      result = 1;
    }
  }
  printf("archive: %lu runs from seed %lu, %lu without a complaint\n", runs, seed, whole);
  nftw(base, removed, 64, FTW_DEPTH | FTW_PHYS);
  return result;
}
