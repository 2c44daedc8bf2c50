/* Execs that run one after another, in the order in which they came. */
#include "init.h"

#include <string.h>

static bool is_over(const struct exec *exec) { return exec->phase == PHASE_EXITED || exec->phase == PHASE_FAILED; }

static struct exec *first_in_turn(const char *turn) {
  for (struct exec *exec = all_execs; exec != NULL; exec = exec->next) {
    if (exec->turn != NULL && !is_over(exec) && strcmp(exec->turn, turn) == 0) return exec;
  }
  return NULL;
}

/* Whether another one comes first, or what the last one left is still being killed. */
bool turn_is_taken(const struct exec *exec) {
  return turn_is_held(exec->turn) || first_in_turn(exec->turn) != exec;
}

/* The one that may start now, or NULL. */
struct exec *next_in_turn(const char *turn) {
  struct exec *exec = turn_is_held(turn) ? NULL : first_in_turn(turn);
  return exec != NULL && exec->waiting != NULL ? exec : NULL;
}
