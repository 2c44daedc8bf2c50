/* codeset-init: PID 1 of a sandbox. PROTOCOL.md describes the frames and the applets. */
#ifndef CODESET_INIT_H
#define CODESET_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/uio.h>

#define PROTOCOL_VERSION 1u
#define PROTOCOL_MAGIC "codeset-init-link"
#define HEADER_SIZE 24u
#define MAX_PAYLOAD (4u << 20)
#define MAX_OUTPUT_PAYLOAD (128u << 10)
#define MAX_WINDOW (64u << 20)
#define MAX_EXECS 4096u
#define MAX_PENDING_SIGNALS 16
#define BIN_DIR "/run/codeset/bin"
#define EXEC_MARK "CODESET_EXEC_ID"

enum frame_type {
  /* service to init */
  F_HELLO = 0x01,
  F_RESUME = 0x02,
  F_SPAWN = 0x04,
  F_STDIN = 0x05,
  F_STDIN_END = 0x06,
  F_ACK = 0x07,
  F_ACK_EXIT = 0x08,
  F_SIGNAL = 0x09,
  F_KILL_TREE = 0x0a,
  F_KILL_ALL = 0x0b,
  F_FREEZE = 0x0c,
  F_THAW = 0x0d,
  F_PING = 0x0e,
  F_RESIZE = 0x0f,
  /* init to service */
  F_INIT_HELLO = 0x81,
  F_EXEC_STATE = 0x82,
  F_STATE_END = 0x83,
  F_STARTED = 0x84,
  F_SPAWN_FAILED = 0x85,
  F_OUTPUT = 0x86,
  F_OUTPUT_END = 0x87,
  F_EXITED = 0x88,
  F_STDIN_CREDIT = 0x89,
  F_STDIN_CLOSED = 0x8a,
  F_DONE = 0x8b,
  F_PONG = 0x8c,
  F_ERROR = 0x8d
};

enum stage { STAGE_FRAME = 1, STAGE_RESOURCES = 2, STAGE_USER = 3, STAGE_CHDIR = 4, STAGE_EXEC = 5 };

struct frame {
  uint32_t length;
  uint8_t type;
  uint8_t stream;
  uint32_t key;
  uint32_t arg;
  uint64_t offset;
};

/* Bytes [start, end) of a stream, kept in a ring that is mapped when the first byte comes. */
struct ring {
  uint8_t *data;
  uint32_t size;
  uint64_t start;
  uint64_t end;
};

struct output {
  int fd;              /* -1: closed */
  bool armed;          /* in epoll */
  bool widened;        /* its pipe was enlarged, or could not be */
  bool ended;          /* end of file was read; ring.end is the total */
  bool end_sent;
  bool end_acked;
  uint64_t sent;       /* ring.start <= sent <= ring.end */
  struct ring ring;
};

struct input {
  int fd;
  bool armed;
  bool end_received;
  bool closed;         /* the command closed its end, or all was delivered */
  bool broken;         /* the command closed its end early; tell the service */
  bool credit_due;
  uint8_t last;        /* of the bytes written to the command; a newline before the first */
  int eofs;            /* of a terminal: VEOF characters that are still to be written, -1: not counted yet */
  struct ring ring;    /* start: written to the command; end: received from the service */
};

enum exec_phase { PHASE_STARTING, PHASE_RUNNING, PHASE_EXITED, PHASE_FAILED };

/* What a program that runs in turn may say on its descriptor WORD_FD before it exits. */
struct word {
  uint32_t flags;
  uint32_t reserved;
  uint64_t cpu_us; /* of what it had others do for it */
};
#define WORD_FD 4
#define STOP_STAND_IN 53 /* comes in place of SIGSTOP */
#define WORD_KEPT 1u      /* the shell lives on */
#define WORD_FRESH 2u     /* the shell was started for it */
#define WORD_NEVER_RAN 4u /* the shell did not get to know of it */

struct exec {
  struct exec *next_by_key;
  struct exec *next; /* all execs, in order of their start */
  struct exec *prev;
  uint32_t key;
  pid_t pid;
  enum exec_phase phase;
  bool terminal;     /* out[0].fd is a pty's master, in.fd a duplicate of it; out[1] has ended from the start */
  int slave_fd;      /* its other end, open while the command runs: it may close all it has and open /dev/tty again */
  bool draining;     /* exited, and its exit waits for what the terminal still holds of its output */
  uint64_t drain_limit;
  bool paused;       /* a new link has not said yet what it has of this exec */
  bool exit_acked;
  int status_fd;     /* close-on-exec pipe: end of file means the exec succeeded */
  uint8_t failed_stage;
  int failed_errno;
  char *turn;        /* execs with the same turn run one after another; NULL: whenever it likes */
  struct spawn_request *waiting; /* not started: its turn has not come */
  int word_fd;       /* what a program that had a turn says of itself, see struct word */
  struct word word;
  bool shell_killed; /* whatever the word says */
  int wait_status;
  struct rusage usage;
  uint64_t end_at_exit[2];
  uint8_t pending_signals[MAX_PENDING_SIGNALS];
  int pending_count;
  char *id;
  uint8_t *note;
  uint32_t note_length;
  struct input in;
  struct output out[2]; /* stdout, stderr */
};

struct string_list {
  char **items; /* NULL-terminated */
  uint32_t count;
};

struct limit {
  uint32_t resource;
  uint64_t soft;
  uint64_t hard;
};

struct spawn_request {
  uint32_t flags;
  uint32_t windows[3];
  uint16_t rows;
  uint16_t columns;
  char *id;
  char *cwd;
  char *user;
  uint8_t *note;
  uint32_t note_length;
  struct string_list argv;
  struct string_list env;
  struct limit *limits;
  uint32_t limit_count;
  char *turn; /* with SPAWN_IN_TURN */
};

#define SPAWN_STDIN 1u    /* stdin is a pipe, else /dev/null */
#define SPAWN_TERMINAL 2u /* a terminal is its stdin, stdout and stderr */
#define SPAWN_OR_SHELL 4u /* where argv[0] is not found, /bin/sh takes its place */
#define SPAWN_IN_TURN 8u  /* one after another among those with the same turn */

struct user {
  uid_t uid;
  gid_t gid;
  gid_t groups[64];
  int group_count;
  char name[64];
  char home[256];
};

/* init.c: what the frames mean */
extern struct exec *all_execs;
struct exec *find_exec(uint32_t key);
void handle_frame(const struct frame *frame, const uint8_t *payload);
void link_opened(void);
void drop_finished_execs(void);
void read_output(struct exec *exec, int which);
void read_status(struct exec *exec);
void write_input(struct exec *exec);
void break_input(struct exec *exec);
void reap_children(void);

/* main.c: epoll */
enum watch { WATCH_LISTEN, WATCH_LINK_IN, WATCH_LINK_OUT, WATCH_SIGNALS, WATCH_STDOUT, WATCH_STDERR, WATCH_STDIN, WATCH_STATUS,
             WATCH_ATTACH_IN, WATCH_ATTACH_OUT, WATCH_ATTACH_LINK };
bool watch_fd(int fd, uint32_t events, enum watch kind, uint32_t key);
void change_watch(int fd, uint32_t events, enum watch kind, uint32_t key);
void unwatch_fd(int fd);

/* link.c: bytes to frames and back */
bool link_is_open(void);
void link_open(int in_fd, int out_fd);
void link_close(void);
void link_readable(void);
bool link_feed(const uint8_t *data, size_t length);
void link_flush(void);
void send_frame(const struct frame *frame, const void *payload);
void send_error(uint32_t key, const char *text);
uint32_t get_u32(const uint8_t *p);
uint64_t get_u64(const uint8_t *p);
void put_u32(uint8_t *p, uint32_t v);
void put_u64(uint8_t *p, uint64_t v);

/* attach.c: a link through a container's stdin and stdout */
#define ATTACH_SECRET "CODESET_LINK_SECRET"
bool attach_open(int in, int out);
void attach_ready(enum watch kind, uint32_t events);

/* ring.c */
uint32_t ring_room(const struct ring *ring);
bool ring_map(struct ring *ring);
void ring_unmap(struct ring *ring);
int ring_free_parts(const struct ring *ring, struct iovec parts[2]);
int ring_used_parts(const struct ring *ring, uint64_t from, uint32_t length, struct iovec parts[2]);
void ring_put(struct ring *ring, const uint8_t *data, uint32_t length);
void ring_drop(struct ring *ring, uint64_t upto);

/* request.c */
bool parse_spawn(const uint8_t *payload, uint32_t length, struct spawn_request *request);
void free_spawn(struct spawn_request *request);

/* spawn.c: returns 0, or an errno when nothing could be started */
int spawn_exec(struct exec *exec, const struct spawn_request *request);

/* tty.c: functions that return int give 0 or an errno unless they say otherwise */
int open_terminal(uint16_t rows, uint16_t columns, int *master, int *slave);
int take_terminal(int slave);
int resize_terminal(int master, uint16_t rows, uint16_t columns);
void terminal_size(int master, uint16_t *rows, uint16_t *columns);
pid_t terminal_foreground(int master);
int terminal_end_of_input(int master, uint8_t last, uint8_t *character);

/* turn.c */
bool turn_is_taken(const struct exec *exec);
struct exec *next_in_turn(const char *turn);

/* tree.c */
#define MAX_TOLD 64
struct shell_command {
  const char *id;     /* its mark */
  const char *shell;  /* the shell's mark */
  pid_t leader;       /* the shell */
  pid_t applet;       /* has the command's mark, and is not meant */
  uint64_t since;     /* when it began, as start_of tells it */
  struct told_child { /* the shell's own children that the last signal went to */
    pid_t pid;
    uint64_t started;
    bool program; /* not the shell's own image any more */
  } told[MAX_TOLD];
  int told_count;
};
int signal_group(pid_t leader, int signal_number);
int kill_tree(const char *id, const char *turn, pid_t leader, int signal_number, uint32_t request_id);
bool turn_is_held(const char *turn);
uint64_t start_of(pid_t pid);
int signal_command(struct shell_command *command, int signal_number);
void signal_missed(struct shell_command *command, int signal_number);
bool catches(pid_t pid, int signal_number);
char *kill_tree_done(pid_t helper, int status, bool *was_helper);
int signal_everything(int signal_number);
void wait_until_stopped(void);

/* user.c */
int resolve_user(const char *spec, struct user *user);
int become_user(const struct user *user);
void note_bounding_set(void);
const char *find_program(const char *name, const char *path, char *buffer, size_t size);

/* applets */
int as_subject_main(int argc, char **argv);
int fs_main(int argc, char **argv);
int listen_main(int argc, char **argv);
int in_shell_main(int argc, char **argv);
int keep_shell_main(int argc, char **argv);
int network_main(int argc, char **argv);
int exchange_main(int argc, char **argv);
int unpack_main(int argc, char **argv);
int pack_main(int argc, char **argv);
int work_main(const char *name, int argc, char **argv);
int inside_main(int argc, char **argv);

/* apart.c: what as-subject does where there is one id for all */
int stand_apart(const char *reports, const char **what);
int stay_apart(void);

/* copy.c: copies trees on the host, also while they are written to. */
int copy_main(int argc, char **argv);
int store_main(int argc, char **argv);

#endif
