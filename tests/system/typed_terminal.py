"""A terminal with a shell in it, into which typed_docs.py types."""

import errno
import fcntl
import os
import re
import secrets
import select
import signal
import struct
import subprocess
import termios
import time

from cluster import check

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """An interactive bash on a pseudo terminal: what a reader of the page has in front of them."""

    def __init__(self, directory, environment, columns=200):
        self._mark = f"@@{secrets.token_hex(8)}:"
        ours, theirs = os.openpty()
        self._fd = ours
        modes = termios.tcgetattr(theirs)
        modes[3] &= ~termios.ECHO  # the page has the commands; only what they print is compared
        termios.tcsetattr(theirs, termios.TCSANOW, modes)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "--noediting", "-i"], stdin=theirs, stdout=theirs,
            stderr=theirs, cwd=directory, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=dict(environment, PS1=f"{self._mark}$?@@", PS2="", TERM="dumb", HISTFILE=""))
        os.close(theirs)
        self._kept = ""
        self._until_prompt(20)

    def type(self, text, seconds):
        """(lines, exit code) of a command."""
        os.write(self._fd, text.encode() + b"\n")
        return self._until_prompt(seconds)

    def _until_prompt(self, seconds):
        end = time.monotonic() + seconds
        prompt = re.compile(re.escape(self._mark) + r"(\d+)@@")
        while True:
            found = prompt.search(self._kept)
            if found:
                text, self._kept = self._kept[:found.start()], self._kept[found.end():]
                lines = ESCAPES.sub("", text.replace("\r", "")).split("\n")
                return (lines if lines[-1] else lines[:-1]), int(found.group(1))
            check(time.monotonic() < end, f"no prompt after {seconds} s; so far: {self._kept!r}")
            if select.select([self._fd], [], [], 0.2)[0]:
                self._kept += self._read()

    def _read(self):
        try:
            data = os.read(self._fd, 65536)
        except OSError as error:
            check(error.errno == errno.EIO, f"terminal: {error}")
            data = b""
        check(data, f"the shell ended: {self._kept!r}")
        return data.decode(errors="replace")

    def close(self):
        """Ends the shell and all that was started in it: what is in its session."""
        for _ in range(20):
            left = session(self._shell.pid)
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not left:
                break
            self._shell.poll()
            time.sleep(0.05)
        self._shell.wait(timeout=20)
        os.close(self._fd)


def session(leader):
    """Living processes of the session of a process that we started."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(name))
    return found
