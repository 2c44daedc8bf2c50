#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* A master of the sandbox's own devpts; -1 with errno. Non-blocking: whatever else has been put there can't hold us. */
static int open_master(void) {
  static const char *const paths[] = {"/dev/pts/ptmx", "/dev/ptmx"};
  int fd = -1;
  for (int i = 0; i < 2 && fd < 0; i++) fd = open(paths[i], O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return fd;
}

/* The other end by its master, so that no path inside the sandbox is trusted; by its path on an old kernel. */
static int open_slave(int master) {
  int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
#ifdef TIOCGPTPEER
  int fd = ioctl(master, TIOCGPTPEER, flags);
  if (fd >= 0 || (errno != ENOTTY && errno != EINVAL)) return fd;
#endif
  unsigned int number;
  char path[32];
  if (ioctl(master, TIOCGPTN, &number) != 0) return -1;
  snprintf(path, sizeof path, "/dev/pts/%u", number);
  return open(path, flags);
}

/* Opens a terminal of that size; returns 0 or an errno. */
int open_terminal(uint16_t rows, uint16_t columns, int *master, int *slave) {
  *master = *slave = -1;
  int locked = 0;
  int fd = open_master();
  if (fd < 0) return errno;
  if (ioctl(fd, TIOCSPTLCK, &locked) != 0 || (*slave = open_slave(fd)) < 0) {
    int problem = errno;
    close(fd);
    return problem;
  }
  *master = fd;
  resize_terminal(fd, rows, columns);
  return 0;
}

/* The kernel tells the foreground process group when the size has changed. */
int resize_terminal(int master, uint16_t rows, uint16_t columns) {
  struct winsize size = {.ws_row = rows == 0 ? 24 : rows, .ws_col = columns == 0 ? 80 : columns};
  return ioctl(master, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

void terminal_size(int master, uint16_t *rows, uint16_t *columns) {
  struct winsize size;
  *rows = *columns = 0;
  if (master < 0 || ioctl(master, TIOCGWINSZ, &size) != 0) return;
  *rows = size.ws_row;
  *columns = size.ws_col;
}

/* In the child: the terminal becomes its session's, and its user's. */
int take_terminal(int slave) { return ioctl(slave, TIOCSCTTY, 0) == 0 ? 0 : errno; }

/* The process group that a signal of the terminal would reach; 0 when there is none. */
pid_t terminal_foreground(int master) {
  pid_t group;
  if (master < 0 || ioctl(master, TIOCGPGRP, &group) != 0) return 0;
  return group > 1 ? group : 0;
}

/*
 * What ends input on a terminal: its VEOF character, ^D unless changed. The one that stands behind an unfinished
 * line only hands that line to the reader, so there it takes two. Returns how many to write.
 */
int terminal_end_of_input(int master, uint8_t last, uint8_t *character) {
  struct termios modes;
  *character = 4;
  if (tcgetattr(master, &modes) != 0) return 1;
  if (modes.c_cc[VEOF] != _POSIX_VDISABLE) *character = modes.c_cc[VEOF];
  bool line_ended = last == '\n' || (last == '\r' && (modes.c_iflag & ICRNL) != 0) || last == *character;
  return (modes.c_lflag & ICANON) == 0 || line_ended ? 1 : 2;
}
