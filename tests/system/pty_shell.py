"""A shell with job control on a terminal of its own, typed at and read from."""

import os
import pty
import select
import signal
import time

from cluster import check

INTERRUPT, QUIT, STOP, END_OF_INPUT = b"\x03", b"\x1c", b"\x1a", b"\x04"


class Shell:
    def __init__(self, environment):
        self.seen = b""
        self.asked = 0
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(environment)
            os.environ["PS1"] = "$ "
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.tty = os.path.relpath(os.readlink(f"/proc/{self.pid}/fd/0"), "/dev")
        self.line("stty -echo")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Ends all that has this terminal; it was started by this shell."""
        for entry in os.popen("ps -eo pid=,tty="):
            number, where = entry.split()
            if where == self.tty:
                try:
                    os.kill(int(number), signal.SIGKILL)
                except OSError:
                    pass
        os.close(self.terminal)
        os.waitpid(self.pid, 0)

    def press(self, keys):
        os.write(self.terminal, keys)

    def expect(self, text, seconds=10.0):
        """Until that was shown, after what was expected before."""
        end = time.monotonic() + seconds
        while text.encode() not in self.seen:
            check(time.monotonic() < end, f"not shown in {seconds} s: {text!r}; {self.seen!r}")
            if select.select([self.terminal], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.terminal, 65536)
                except OSError:
                    check(False, f"the terminal is gone; wanted {text!r}, {self.seen!r}")
        before, _, self.seen = self.seen.partition(text.encode())
        return before.decode(errors="replace")

    def line(self, command, seconds=10.0):
        """A command that ends by itself: what it showed, and its exit code."""
        self.press(f"{command}\n".encode())
        return self.answers(seconds)

    def answers(self, seconds=10.0):
        """The shell is back: what was shown until then, and the last exit code."""
        self.asked += 1  # quoted, so that what is typed is not taken for what is shown
        self.press(f"echo \"back=\"{self.asked}'='$?=\n".encode())
        shown = self.expect(f"back={self.asked}=", seconds)
        return shown, int(self.expect("=", 5))
