"""Runs a program in a terminal of its own and does what lines of JSON on stdin say.

In: {"type": TEXT}, {"size": [ROWS, COLUMNS]}, {"kill": SIGNAL}, {"stty": true}. Out: {"screen": BASE64},
{"stty": MODES}, and last {"exit": STATUS or -SIGNAL, "before": MODES, "after": MODES}, the terminal's modes.
"""

import base64
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios


def main():
    master, slave = pty.openpty()
    resize(slave, 24, 80)
    before = modes(slave)
    child = subprocess.Popen(
        sys.argv[1:], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take_terminal
    )
    say(pid=child.pid)
    pending = b""
    commands = True
    while child.poll() is None:
        readable, _, _ = select.select([master] + ([0] if commands else []), [], [], 0.05)
        if master in readable:
            say(screen=base64.b64encode(os.read(master, 65536)).decode())
        if 0 in readable:
            data = os.read(0, 65536)
            commands = data != b""
            pending += data
            while b"\n" in pending:
                line, pending = pending.split(b"\n", 1)
                obey(json.loads(line), master, slave, child)
    while select.select([master], [], [], 0)[0]:
        say(screen=base64.b64encode(os.read(master, 65536)).decode())
    say(exit=child.returncode, before=before, after=modes(slave))


def obey(command, master, slave, child):
    if "type" in command:
        os.write(master, command["type"].encode())
    if "size" in command:
        resize(slave, *command["size"])
    if "kill" in command:
        child.send_signal(getattr(signal, command["kill"]))
    if "stty" in command:
        say(stty=modes(slave))


def take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def modes(fd):
    return subprocess.run(["stty", "-g"], stdin=fd, capture_output=True, text=True, check=True).stdout.strip()


def say(**what):
    print(json.dumps(what), flush=True)


main()
