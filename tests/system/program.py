"""Programs that a test talks to: lines in, lines out, every wait bounded."""

import os
import queue
import signal
import subprocess
import threading
import time

from cluster import check, check_equal

PATIENCE_S = 60


class Program:
    """A process with its standard input held open; ends with the block, killed if need be."""

    def __init__(self, cluster, command, nodes=None):
        self.name = " ".join(str(word) for word in command)
        self.output = []
        self._lines = queue.Queue()
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1,
            env=dict(os.environ, ONCE_ENDPOINTS=cluster.endpoints(nodes)))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=PATIENCE_S)
        self._reader.join(timeout=PATIENCE_S)
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass  # it ended with input unread

    def line(self, seconds=PATIENCE_S):
        """Its next line; None at the end of its output."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"{self.name}: silent after {self.output}") from None
        if line is not None:
            self.output.append(line)
        return line

    def lines_so_far(self):
        """Those that are there now, without waiting; None for the end of its output."""
        while True:
            try:
                yield self._lines.get_nowait()
            except queue.Empty:
                return

    def expect(self, wanted):
        check_equal(self.line(), wanted, f"{self.name}, after {self.output[:-1]}")

    def expect_start(self, start):
        line = self.line()
        check(line is not None and line.startswith(start), f"{self.name}: {line!r}, not {start!r}")
        return line[len(start):]

    def is_silent(self, seconds):
        time.sleep(seconds)
        check(self._lines.empty(), f"{self.name} says something")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def close_input(self):
        self.process.stdin.close()

    def freeze(self):
        """Whether it is frozen now; False if it ended first, which stops nothing."""
        self.process.send_signal(signal.SIGSTOP)
        if self.process.returncode is not None:
            return False  # send_signal() looks first, and buries what has ended
        # It is frozen when the system says so; until then it may go on.
        with open(f"/proc/{self.process.pid}/stat") as stat:
            end = time.monotonic() + PATIENCE_S
            while (state := stat.read().rpartition(")")[2].split()[0]) != "T":
                if state in "ZX":
                    return False
                check(time.monotonic() < end, f"{self.name} does not stop: state {state}")
                time.sleep(0.001)
                stat.seek(0)
        return True

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=PATIENCE_S)

    def ends(self, code):
        """The exit code, and all that it said."""
        while self.line() is not None:
            pass
        got = self.process.wait(timeout=PATIENCE_S)
        check_equal(got, code, f"exit code of {self.name}: {self.output}")
        return self.output
