/* Reads a tar archive from a descriptor. What it says is somebody else's: every length is checked before use. */
#define _GNU_SOURCE
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What extended headers and long names may take. */
#define MAX_META (1 << 20)
#define MAX_PIECES (1 << 18)

static const char DAMAGED[] = "an entry's header is damaged";
static const char CUT[] = "it ends in the middle of an entry";
static const char MEMORY[] = "out of memory";

static int broken(struct tar_reader *r, const char *problem) {
  if (r->problem == NULL) r->problem = problem;
  return -1;
}

static bool refill(struct tar_reader *r) {
  ssize_t n;
  do n = read(r->fd, r->buffer, sizeof r->buffer);
  while (n < 0 && errno == EINTR);
  if (n < 0) broken(r, strerror(errno));
  r->at = 0;
  r->end = n > 0 ? (size_t)n : 0;
  return n > 0;
}

/* How many bytes came; fewer only at the end of the input. */
static size_t take(struct tar_reader *r, void *into, size_t length) {
  size_t got = 0;
  while (got < length) {
    if (r->at == r->end && !refill(r)) break;
    size_t n = r->end - r->at < length - got ? r->end - r->at : length - got;
    if (into != NULL) memcpy((char *)into + got, r->buffer + r->at, n);
    r->at += n;
    got += n;
  }
  return got;
}

static bool pass_over(struct tar_reader *r, uint64_t length) {
  while (length > 0) {
    size_t n = take(r, NULL, length < SIZE_MAX ? (size_t)length : SIZE_MAX);
    if (n == 0) return false;
    length -= n;
  }
  return true;
}

size_t tar_content(struct tar_reader *r, const unsigned char **data, size_t most) {
  if (r->problem != NULL || r->left == 0 || most == 0) return 0;
  if (r->at == r->end && !refill(r)) {
    broken(r, CUT);
    return 0;
  }
  size_t n = r->end - r->at;
  if (n > most) n = most;
  if (n > r->left) n = (size_t)r->left;
  *data = r->buffer + r->at;
  r->at += n;
  r->left -= n;
  return n;
}

/* ---- numbers and words ---- */

static bool octal(const unsigned char *field, size_t length, int64_t *value) {
  uint64_t sum = 0;
  size_t i = 0;
  if (field[0] & 0x80) { /* base 256, two's complement */
    bool negative = (field[0] & 0x40) != 0;
    sum = negative ? UINT64_MAX : 0;
    for (; i < length; i++) {
      unsigned char byte = i == 0 ? (negative ? field[0] : field[0] & 0x7f) : field[i];
      uint64_t top = sum >> 56;
      if (top != (negative ? 0xff : 0)) return false;
      sum = sum << 8 | byte;
    }
    *value = (int64_t)sum;
    return negative == (*value < 0);
  }
  while (i < length && field[i] == ' ') i++;
  for (; i < length && field[i] >= '0' && field[i] <= '7'; i++) {
    if (sum >> 60 != 0) return false;
    sum = sum << 3 | (uint64_t)(field[i] - '0');
  }
  for (; i < length; i++) {
    if (field[i] != 0 && field[i] != ' ') return false;
  }
  *value = (int64_t)sum;
  return true;
}

static bool size_field(const unsigned char *field, size_t length, uint64_t *value) {
  int64_t read;
  if (!octal(field, length, &read) || read < 0) return false;
  *value = (uint64_t)read;
  return true;
}

/* Decimal digits from `text` on; moves it past them. */
static bool decimal(const char **text, uint64_t *value) {
  const char *at = *text;
  uint64_t sum = 0;
  if (*at < '0' || *at > '9') return false;
  for (; *at >= '0' && *at <= '9'; at++) {
    if (sum > (uint64_t)INT64_MAX / 10 - 1) return false;
    sum = sum * 10 + (uint64_t)(*at - '0');
  }
  *text = at;
  *value = sum;
  return true;
}

static bool time_of(const char *text, struct timespec *time) {
  bool negative = *text == '-';
  uint64_t seconds;
  if (negative) text++;
  if (!decimal(&text, &seconds)) return false;
  long ns = 0, unit = 100000000;
  if (*text == '.') {
    for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10) ns += (*text - '0') * unit;
  }
  if (*text != 0) return false;
  time->tv_sec = negative ? -(time_t)seconds : (time_t)seconds;
  time->tv_nsec = ns;
  if (negative && ns > 0) {
    time->tv_sec--;
    time->tv_nsec = 1000000000 - ns;
  }
  return true;
}

static bool set_text(char **text, const char *value, size_t length) {
  char *copy = strndup(value, length);
  if (copy == NULL) return false;
  free(*text);
  *text = copy;
  return true;
}

/* ---- extended headers ---- */

struct extended {
  char *path, *link;
  bool has_size, has_mtime, has_real_size, has_sparse;
  uint64_t size, real_size, format;
  struct timespec mtime;
  uint64_t offset; /* of a piece whose length comes next */
};

static bool add_piece(struct tar_reader *r, uint64_t offset, uint64_t length) {
  struct tar_entry *entry = &r->entry;
  if (entry->piece_count == MAX_PIECES) return false;
  if (entry->piece_count == r->piece_room) {
    size_t room = r->piece_room * 2 + 64;
    struct tar_piece *larger = realloc(entry->pieces, room * sizeof *larger);
    if (larger == NULL) return false;
    entry->pieces = larger;
    r->piece_room = room;
  }
  entry->pieces[entry->piece_count++] = (struct tar_piece){offset, length};
  return true;
}

/* `OFFSET,LENGTH,OFFSET,LENGTH…` */
static bool piece_list(struct tar_reader *r, const char *text) {
  while (*text != 0) {
    uint64_t offset, length;
    if (!decimal(&text, &offset) || *text++ != ',' || !decimal(&text, &length)) return false;
    if (*text == ',') text++;
    else if (*text != 0) return false;
    if (!add_piece(r, offset, length)) return false;
  }
  return true;
}

static bool record(struct tar_reader *r, struct extended *x, const char *key, const char *value, size_t length) {
  const char *rest = value;
  if (strcmp(key, "path") == 0 || strcmp(key, "GNU.sparse.name") == 0) {
    /* The sparse name is the file's own, whatever else is said. */
    if (x->has_sparse && x->path != NULL && key[0] == 'p') return true;
    if (key[0] == 'G') x->has_sparse = true;
    return length == 0 || set_text(&x->path, value, length);
  }
  if (strcmp(key, "linkpath") == 0) return length == 0 || set_text(&x->link, value, length);
  if (strcmp(key, "size") == 0) {
    x->has_size = length > 0;
    return length == 0 || (decimal(&rest, &x->size) && *rest == 0);
  }
  if (strcmp(key, "mtime") == 0) {
    x->has_mtime = length > 0;
    return length == 0 || time_of(value, &x->mtime);
  }
  if (strncmp(key, "GNU.sparse.", 11) != 0) return true;
  x->has_sparse = true;
  key += 11;
  if (strcmp(key, "realsize") == 0 || strcmp(key, "size") == 0) {
    x->has_real_size = true;
    return decimal(&rest, &x->real_size) && *rest == 0;
  }
  if (strcmp(key, "major") == 0) return decimal(&rest, &x->format) && *rest == 0 && x->format <= 1;
  if (strcmp(key, "map") == 0) return piece_list(r, value);
  if (strcmp(key, "offset") == 0) return decimal(&rest, &x->offset) && *rest == 0;
  uint64_t bytes;
  if (strcmp(key, "numbytes") == 0) return decimal(&rest, &bytes) && *rest == 0 && add_piece(r, x->offset, bytes);
  return true;
}

/* `LENGTH KEY=VALUE\n`, where LENGTH counts itself. `text` has a 0 behind its end. */
static bool records(struct tar_reader *r, struct extended *x, char *text, size_t length) {
  for (char *at = text, *end = text + length; at < end && *at != 0;) {
    const char *digits = at;
    uint64_t size;
    if (!decimal(&digits, &size) || *digits != ' ' || size > (size_t)(end - at)) return false;
    char *key = at + (digits - at) + 1, *stop = at + size - 1;
    if (stop < key || *stop != '\n') return false;
    char *equals = memchr(key, '=', (size_t)(stop - key));
    if (equals == NULL) return false;
    *equals = *stop = 0;
    if (strlen(equals + 1) != (size_t)(stop - equals - 1)) return false;
    if (!record(r, x, key, equals + 1, (size_t)(stop - equals - 1))) return false;
    at = stop + 1;
  }
  return true;
}

/* The content of an entry that tells of the next one, with a 0 behind it; the caller's to free. */
static char *meta(struct tar_reader *r, uint64_t size) {
  if (size > MAX_META) {
    broken(r, "an entry's extended header is too long");
    return NULL;
  }
  char *text = malloc((size_t)size + 1);
  if (text == NULL) broken(r, MEMORY);
  else if (take(r, text, (size_t)size) == size && pass_over(r, -size & (TAR_BLOCK - 1))) return text[size] = 0, text;
  else broken(r, CUT);
  free(text);
  return NULL;
}

/* ---- sparse files ---- */

/* As old GNU tars tell it: pieces in the header and in blocks that follow. */
static bool old_pieces(struct tar_reader *r, const unsigned char *block) {
  size_t at = 386, count = 4, flag = 482;
  unsigned char more[TAR_BLOCK];
  for (;;) {
    for (size_t i = 0; i < count; i++) {
      uint64_t offset, length;
      const unsigned char *field = block + at + i * 24;
      if (field[0] == 0) break;
      if (!size_field(field, 12, &offset) || !size_field(field + 12, 12, &length)) return false;
      if (!add_piece(r, offset, length)) return false;
    }
    if (block[flag] == 0) return true;
    if (take(r, more, sizeof more) != sizeof more) return false;
    block = more;
    at = 0;
    count = 21;
    flag = 504;
  }
}

/* A line of the map that stands before the content in format 1.0. */
static bool map_line(struct tar_reader *r, uint64_t *used, uint64_t *value) {
  char line[24];
  size_t length = 0;
  for (;;) {
    if (r->left == 0 || length + 1 == sizeof line || take(r, line + length, 1) != 1) return false;
    r->left--;
    ++*used;
    if (line[length] == '\n') break;
    length++;
  }
  line[length] = 0;
  const char *rest = line;
  return decimal(&rest, value) && *rest == 0;
}

static bool content_map(struct tar_reader *r) {
  uint64_t used = 0, count, offset, length;
  if (!map_line(r, &used, &count) || count > MAX_PIECES) return false;
  for (; count > 0; count--) {
    if (!map_line(r, &used, &offset) || !map_line(r, &used, &length) || !add_piece(r, offset, length)) return false;
  }
  uint64_t padding = -used & (TAR_BLOCK - 1);
  if (padding > r->left || !pass_over(r, padding)) return false;
  r->left -= padding;
  return true;
}

/* In order, within the file, and as long together as what the archive holds. */
static bool pieces_fit(const struct tar_reader *r) {
  uint64_t end = 0, sum = 0;
  for (size_t i = 0; i < r->entry.piece_count; i++) {
    const struct tar_piece *piece = &r->entry.pieces[i];
    if (piece->offset < end || piece->offset > r->entry.size) return false;
    if (piece->length > r->entry.size - piece->offset) return false;
    end = piece->offset + piece->length;
    sum += piece->length;
  }
  return sum == r->left;
}

/* ---- entries ---- */

static bool has_content(char type) { return type != '1' && type != '2' && type != '3' && type != '4' && type != '6'; }

/* 1: a header. 0: the end. */
static int read_header(struct tar_reader *r, unsigned char *block) {
  size_t got = take(r, block, TAR_BLOCK);
  if (r->problem != NULL) return -1;
  if (got == 0) return 0;
  static const char NONE[] = "this does not look like a tar archive";
  if (got < TAR_BLOCK) return broken(r, r->begun ? CUT : NONE);
  int64_t expected, sum = 0, with_signs = 0;
  bool empty = true;
  for (size_t i = 0; i < TAR_BLOCK; i++) {
    unsigned char byte = i >= 148 && i < 156 ? ' ' : block[i];
    if (block[i] != 0) empty = false;
    sum += byte;
    with_signs += (signed char)byte;
  }
  if (empty) {
    while (refill(r)) continue;
    return r->problem == NULL ? 0 : -1;
  }
  if (!octal(block + 148, 8, &expected) || (expected != sum && expected != with_signs)) {
    return broken(r, r->begun ? DAMAGED : NONE);
  }
  r->begun = true;
  return 1;
}

/* What the header itself says. */
static bool fill_entry(struct tar_reader *r, const unsigned char *block) {
  struct tar_entry *entry = &r->entry;
  int64_t mode, mtime, major = 0, minor = 0;
  if (!octal(block + 100, 8, &mode) || !octal(block + 136, 12, &mtime)) return false;
  char type = (char)block[156];
  if ((type == '3' || type == '4') && (!octal(block + 329, 8, &major) || !octal(block + 337, 8, &minor))) return false;
  entry->mode = (uint32_t)mode & 07777;
  entry->major = (uint32_t)major;
  entry->minor = (uint32_t)minor;
  entry->mtime = r->has_default_mtime ? r->default_mtime : (struct timespec){.tv_sec = (time_t)mtime};
  char name[100 + 155 + 2];
  size_t length = 0, prefix = strnlen((const char *)block + 345, 155);
  /* GNU's own headers have other things there. */
  if (memcmp(block + 257, "ustar\0", 6) == 0 && prefix > 0 && type != 'S') {
    memcpy(name, block + 345, prefix);
    name[prefix] = '/';
    length = prefix + 1;
  }
  size_t rest = strnlen((const char *)block, 100);
  memcpy(name + length, block, rest);
  length += rest;
  /* Before there was a type for folders. */
  if ((type == 0 || type == '7' || type == '0') && length > 0 && name[length - 1] == '/') type = '5';
  else if (type == 0 || type == '7' || type == 'S') type = '0';
  else if (type == 'D') type = '5';
  entry->type = type;
  return set_text(&entry->name, name, length) &&
         set_text(&entry->link, (const char *)block + 157, strnlen((const char *)block + 157, 100));
}

static bool finish_entry(struct tar_reader *r, struct extended *x, const unsigned char *block) {
  struct tar_entry *entry = &r->entry;
  /* A later word counts for more: the header's, GNU's long names, pax. */
  if (r->long_name != NULL && !set_text(&entry->name, r->long_name, strlen(r->long_name))) return false;
  if (r->long_link != NULL && !set_text(&entry->link, r->long_link, strlen(r->long_link))) return false;
  if (x->path != NULL && !set_text(&entry->name, x->path, strlen(x->path))) return false;
  if (x->link != NULL && !set_text(&entry->link, x->link, strlen(x->link))) return false;
  if (x->has_mtime) entry->mtime = x->mtime;
  uint64_t stored = 0;
  if (!size_field(block + 124, 12, &stored)) return false;
  if (x->has_size) stored = x->size;
  if (stored > INT64_MAX - TAR_BLOCK) return false;
  if (!has_content(entry->type)) stored = 0;
  r->left = entry->size = stored;
  r->padding = -stored & (TAR_BLOCK - 1);
  bool old = block[156] == 'S';
  entry->sparse = entry->type == '0' && (old || x->has_sparse);
  if (!entry->sparse) return true;
  if (old && (!size_field(block + 483, 12, &entry->size) || !old_pieces(r, block))) return false;
  if (x->has_real_size) entry->size = x->real_size;
  if (!old && x->format == 1 && !content_map(r)) return false;
  return pieces_fit(r);
}

int tar_next(struct tar_reader *r) {
  unsigned char block[TAR_BLOCK];
  struct extended x = {0};
  if (r->problem != NULL) return -1;
  if (!pass_over(r, r->left) || !pass_over(r, r->padding)) return broken(r, CUT);
  r->left = r->padding = 0;
  r->entry.piece_count = 0;
  free(r->long_name);
  free(r->long_link);
  r->long_name = r->long_link = NULL;
  int found;
  while ((found = read_header(r, block)) == 1) {
    uint64_t size = 0;
    char type = (char)block[156], *text;
    if (strchr("xXgLK", type) == NULL || type == 0) {
      if (!fill_entry(r, block) || !finish_entry(r, &x, block)) found = broken(r, DAMAGED);
      break;
    }
    if (!size_field(block + 124, 12, &size)) found = broken(r, DAMAGED);
    else if ((text = meta(r, size)) == NULL) found = -1;
    else if (type == 'L' || type == 'K') {
      char **place = type == 'L' ? &r->long_name : &r->long_link;
      free(*place);
      *place = text;
      continue;
    } else {
      struct extended global = {0};
      bool good = records(r, type == 'g' ? &global : &x, text, (size_t)size);
      free(text);
      if (type == 'g' && global.has_mtime) {
        r->default_mtime = global.mtime;
        r->has_default_mtime = true;
      }
      free(global.path);
      free(global.link);
      if (good) continue;
      found = broken(r, DAMAGED);
    }
    break;
  }
  if (found == 0 && (x.path != NULL || r->long_name != NULL)) found = broken(r, CUT);
  free(x.path);
  free(x.link);
  return found;
}
