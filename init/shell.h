/* What `in-shell` and the keeper of a shell tell each other, over a SOCK_SEQPACKET socket. */
#ifndef CODESET_SHELL_H
#define CODESET_SHELL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* First a `shell_request`, then a `shell_signal` for each signal; a `shell_taken`, then one `shell_end`. */
struct shell_request {
  int32_t before_fd; /* of the sender: a script for the shell's variables and directory; -1: none */
  int32_t job_fd;    /* of the sender: the command */
  char id[256];      /* the mark of what the command starts */
};

struct shell_signal {
  int32_t number;
};

enum shell_answer { SHELL_TAKEN = 1, SHELL_END = 2 };

struct shell_reply {
  int32_t kind;
  int32_t wait_status; /* as waitpid tells it */
  uint32_t flags;      /* WORD_KEPT, WORD_FRESH */
  uint32_t began;      /* the shell was there and took the command */
  uint64_t cpu_us;
};

#define KEEPER_LISTEN_FD 3

/*
 * Whether a process has capabilities. Where a sandbox has one id, that is what tells root from the agent: they have
 * shells apart, and neither takes the other's commands.
 */
static inline bool has_capabilities(pid_t pid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  unsigned long long permitted = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "CapPrm: %llx", &permitted) == 1) break;
  }
  fclose(file);
  return permitted != 0;
}

/* Only what a shell takes for one plain word may stand in its script. */
static inline bool is_plain_mark(const char *id) {
  return *id != 0 && id[strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-")] == 0;
}

#endif
