/* Tar archives as a stream: what is read of them, entry by entry. pax, GNU and ustar, sparse files too. */
#ifndef CODESET_TAR_H
#define CODESET_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define TAR_BLOCK 512

/* A stretch of a sparse file that the archive holds. */
struct tar_piece {
  uint64_t offset, length;
};

struct tar_entry {
  char *name, *link; /* the reader's, good until the next entry */
  char type;         /* '0' file, '1' hard link, '2' symlink, '3' '4' devices, '5' folder, '6' pipe; others are skipped */
  uint32_t mode;
  uint32_t major, minor;
  struct timespec mtime;
  uint64_t size; /* of the content, holes counted */
  struct tar_piece *pieces;
  size_t piece_count;
  bool sparse;
};

struct tar_reader {
  int fd;
  const char *problem; /* why reading failed */
  bool begun;          /* a header has been read */
  size_t at, end;
  uint64_t left, padding; /* of the present entry's content */
  struct timespec default_mtime;
  bool has_default_mtime;
  char *long_name, *long_link;
  struct tar_entry entry;
  size_t piece_room;
  unsigned char buffer[128 << 10];
};

/* 1: `entry` is the next one. 0: the archive's end; all of the input is read. -1: `problem` says why not. */
int tar_next(struct tar_reader *reader);
/* The next bytes of the entry's content, at most `most`, and how many; 0 when it is at its end or `problem` is set. */
size_t tar_content(struct tar_reader *reader, const unsigned char **data, size_t most);

#endif
