#include "init.h"

#include <stdlib.h>
#include <string.h>

struct cursor {
  const uint8_t *at;
  size_t left;
  bool bad;
};

static uint32_t take_u32(struct cursor *c) {
  if (c->left < 4) {
    c->bad = true;
    c->left = 0;
    return 0;
  }
  uint32_t value = get_u32(c->at);
  c->at += 4;
  c->left -= 4;
  return value;
}

static uint64_t take_u64(struct cursor *c) {
  uint64_t low = take_u32(c);
  return low | (uint64_t)take_u32(c) << 32;
}

/* A copy with a NUL behind it. */
static uint8_t *take_bytes(struct cursor *c, uint32_t *length) {
  *length = take_u32(c);
  if (c->bad || *length > c->left) {
    c->bad = true;
    return NULL;
  }
  uint8_t *copy = malloc((size_t)*length + 1);
  if (copy == NULL) {
    c->bad = true;
    return NULL;
  }
  memcpy(copy, c->at, *length);
  copy[*length] = 0;
  c->at += *length;
  c->left -= *length;
  return copy;
}

static char *take_string(struct cursor *c) {
  uint32_t length;
  char *text = (char *)take_bytes(c, &length);
  if (text != NULL && strlen(text) != length) c->bad = true;
  return text;
}

static void take_list(struct cursor *c, struct string_list *list) {
  uint32_t count = take_u32(c);
  if (c->bad || count > c->left / 4) {
    c->bad = true;
    return;
  }
  list->items = calloc((size_t)count + 1, sizeof(char *));
  if (list->items == NULL) {
    c->bad = true;
    return;
  }
  for (; list->count < count && !c->bad; list->count++) list->items[list->count] = take_string(c);
}

/* Returns false for a malformed request; free_spawn is due either way. */
bool parse_spawn(const uint8_t *payload, uint32_t length, struct spawn_request *request) {
  struct cursor c = {payload, length, false};
  memset(request, 0, sizeof *request);
  request->flags = take_u32(&c);
  for (int i = 0; i < 3; i++) {
    request->windows[i] = take_u32(&c);
    if (request->windows[i] < 4096 || request->windows[i] > MAX_WINDOW) c.bad = true;
  }
  uint32_t size = take_u32(&c);
  request->rows = (uint16_t)size;
  request->columns = (uint16_t)(size >> 16);
  if (c.bad) return false;
  request->id = take_string(&c);
  request->cwd = take_string(&c);
  request->user = take_string(&c);
  request->note = take_bytes(&c, &request->note_length);
  take_list(&c, &request->argv);
  take_list(&c, &request->env);
  uint32_t limits = take_u32(&c);
  if (c.bad || limits > 32) return false;
  request->limits = calloc((size_t)limits + 1, sizeof(struct limit));
  if (request->limits == NULL) return false;
  for (; request->limit_count < limits; request->limit_count++) {
    struct limit *limit = &request->limits[request->limit_count];
    limit->resource = take_u32(&c);
    limit->soft = take_u64(&c);
    limit->hard = take_u64(&c);
  }
  if ((request->flags & SPAWN_IN_TURN) != 0) request->turn = take_string(&c);
  bool turn_is_good = request->turn == NULL || (*request->turn != 0 && strlen(request->turn) < 256);
  return !c.bad && c.left == 0 && request->argv.count > 0 && turn_is_good;
}

static void free_list(struct string_list *list) {
  for (uint32_t i = 0; i < list->count; i++) free(list->items[i]);
  free(list->items);
}

void free_spawn(struct spawn_request *request) {
  free(request->id);
  free(request->cwd);
  free(request->user);
  free(request->note);
  free_list(&request->argv);
  free_list(&request->env);
  free(request->limits);
  free(request->turn);
  memset(request, 0, sizeof *request);
}
