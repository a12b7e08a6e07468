#!/usr/bin/env python3
"""`onced dev`: its nodes are listed as `onced`, one that dies comes back, and all go with it. What
a restart cannot heal ends it; on a terminal it takes commands."""

import fcntl
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time

from cluster import check, check_equal, free_port, options, run_steps, wait_for

NODES = 3
USAGE, CORRUPT, DIRECTORY, LISTEN = 64, 65, 66, 71


class Dev:
    def __init__(self, settings, name="one", terminal=None, flags=(), data=None, port=None):
        self.once = str(pathlib.Path(settings.bin) / "once")
        self.onced = str(pathlib.Path(settings.bin) / "onced")
        self.directory = pathlib.Path(settings.data).resolve() / name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.output = self.directory / "output"
        self.port = port or free_base()
        self.data = data or self.directory / "data"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [self.onced, "dev", "--nodes", str(NODES), "--data", self.data, "--port",
                 str(self.port), "--segment-mib", "2", *flags],
                stdin=subprocess.DEVNULL if terminal is None else terminal, stdout=output,
                stderr=subprocess.STDOUT,
                # A terminal's commands are for whoever is in its foreground.
                preexec_fn=None if terminal is None else lambda: take_terminal(terminal))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()  # its nodes die with it
            self.process.wait(timeout=30)
        if kind is not None:
            print(self.output.read_text(), file=sys.stderr)
        shutil.rmtree(self.directory, ignore_errors=True)

    def text(self):
        return self.output.read_text()

    def ends(self, code, *words):
        """By itself; what it says names these words, and no flag that it does not have."""
        check_equal(self.process.wait(timeout=30), code, f"exit code: {self.text()}")
        for word in words:
            check(word in self.text(), f"{word!r} is not in {self.text()}")
        check("--listen" not in self.text(), f"dev has no such flag: {self.text()}")

    def pids(self):
        """Node -> the pid that was printed last."""
        check(self.process.poll() is None, f"dev ended: {self.output.read_text()}")
        found = re.findall(r"^node (\d+): pid (\d+)", self.output.read_text(), re.MULTILINE)
        return {int(node): int(pid) for node, pid in found}

    def write(self, name, node=1):
        return subprocess.run([self.once, "--endpoints", f"127.0.0.1:{self.port + node}",
                               "--timeout", "1000", "write", name, "v"],
                              capture_output=True, timeout=20).returncode == 0


def free_base():
    """A port such that those that dev counts up from it are free too."""
    while True:
        base = free_port()
        if all(is_free(base + offset + node) for offset in (0, 100)
               for node in range(1, NODES + 1)):
            return base


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_listed(pid):
    """As `onced`, with the flags of `start`: what ps and pgrep show."""
    process = pathlib.Path(f"/proc/{pid}")
    try:
        return (process.joinpath("comm").read_text() == "onced\n" and
                process.joinpath("cmdline").read_bytes().startswith(b"onced\0start\0"))
    except OSError:
        return False


def listed(dev):
    pids = wait_for(lambda: dev.pids() if len(dev.pids()) == NODES else None, "three pids", 20)
    for node, pid in pids.items():
        wait_for(lambda: is_listed(pid), f"node {node}, pid {pid}, is listed as onced", 5)
        check_equal(os.readlink(f"/proc/{pid}/exe"), os.readlink(f"/proc/{dev.process.pid}/exe"),
                    "the same program")
    for node in pids:
        wait_for(lambda: dev.write(f"first-{node}", node), f"node {node} takes writes", 20)


def comes_back(dev):
    old = dev.pids()[2]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: dev.pids()[2] != old, "another pid", 10)
    wait_for(lambda: is_listed(dev.pids()[2]), "it is listed as onced", 5)
    wait_for(lambda: dev.write("again", 2), "it takes writes", 20)
    check("killed by signal 9" in dev.output.read_text(), "dev says how it died")


def stops(dev):
    pids = dev.pids()
    dev.process.send_signal(signal.SIGTERM)
    check_equal(dev.process.wait(timeout=20), 0, "exit code")
    for pid in pids.values():
        check(not os.path.exists(f"/proc/{pid}"), f"pid {pid} is still there")


def take_terminal(terminal):
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def another_one(settings):
    """On the same data, and on the same ports: refused, and nobody is disturbed."""
    with Dev(settings) as dev:
        listed(dev)
        pids = dev.pids()
        with Dev(settings, "same-data", data=dev.data, port=free_base()) as second:
            second.ends(USAGE, f"--port {dev.port}", "--data")
        with Dev(settings, "same", data=dev.data, port=dev.port) as second:
            second.ends(DIRECTORY, f"in use by process {pids[1]}", "--data")
        with Dev(settings, "same-ports", port=dev.port) as second:
            second.ends(LISTEN, f"127.0.0.1:{dev.port + 1} is in use", "--port")
            check(not second.data.exists(), "nothing was made")
        check_equal(dev.pids(), pids, "the first one's nodes")
        stops(dev)


def hopeless(settings):
    """What a node meets while all run: its port is taken, its log is damaged."""
    with Dev(settings) as dev:
        listed(dev)
        node = dev.data / "node-2" / "identity"
        node.write_bytes(node.read_bytes().replace(b"epoch=1", b"epoch=2"))
        os.kill(dev.pids()[2], signal.SIGKILL)
        dev.ends(DIRECTORY, "node 2 ended with exit code 66", "--data")
    with Dev(settings) as dev:
        listed(dev)
        os.kill(dev.pids()[2], signal.SIGKILL)
        (dev.data / "node-2" / "log-0-1.seg").write_bytes(b"x" * (2 << 20))
        dev.ends(CORRUPT, "node 2 ended with exit code 65", "begin afresh")
    with Dev(settings, flags=["--memory", "1MiB"]) as dev:
        dev.ends(USAGE, "--memory")


def stays_down(settings):
    with Dev(settings, flags=["--no-restart"]) as dev:
        listed(dev)
        os.kill(dev.pids()[3], signal.SIGKILL)
        wait_for(lambda: "it stays down" in dev.text(), "dev says so", 10)
        time.sleep(1.5)  # longer than it waits before it starts one again
        check_equal(dev.text().count("node 3: pid"), 1, "starts of node 3")
        check(dev.write("two-are-enough", 1), "the others take writes")
        stops(dev)


def console(settings):
    leader, follower = pty.openpty()

    def type_in(line):
        os.write(leader, line.encode() + b"\n")

    def said(text, times=1):
        wait_for(lambda: dev.text().count(text) >= times, f"it says {text!r}", 20)

    with Dev(settings, terminal=follower) as dev:
        os.close(follower)
        listed(dev)
        said("type here:")
        type_in("kill 2")
        said("node 2 is dead; start 2 brings it back")
        time.sleep(1.5)
        check_equal(dev.text().count("node 2: pid"), 1, "it stays down")
        check(dev.write("while-it-is-dead", 1), "the others take writes")
        said("node 2 (127.0.0.1:", 2)  # the others tell of it
        wait_for(lambda: re.search(r"node 2 \(.*\) is lost", dev.text()), "it is lost", 10)
        type_in("status")
        said("2 of 3 nodes run: writes go on, and one more failure stops them")
        type_in("kill 3")
        said("node 3 is dead")
        wait_for(lambda: "the majority is lost" in dev.text(), "the majority is lost", 10)
        type_in("status")
        said("no majority")
        for line, words in (("strat 2", "did you mean start?"), ("kill 9", "1 to 3"),
                            ("help", "start N")):
            type_in(line)
            said(words)
        type_in("start 2")
        type_in("start 3")
        wait_for(lambda: "the majority is back" in dev.text(), "the majority is back", 20)
        wait_for(lambda: dev.write("after", 2), "node 2 takes writes", 20)
        type_in("quit")
        check_equal(dev.process.wait(timeout=20), 0, "exit code")
    os.close(leader)


def not_from_a_pipe(settings):
    """A script's input is not for it."""
    reading, writing = os.pipe()
    with Dev(settings) as other, subprocess.Popen(
            [other.onced, "dev", "--data", other.directory / "pipe", "--port", str(free_base()),
             "--segment-mib", "2"], stdin=reading, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True) as dev:
        os.close(reading)
        os.write(writing, b"quit\n")
        listed(other)
        check(dev.poll() is None, "it goes on")
        dev.send_signal(signal.SIGTERM)
        check_equal(dev.wait(timeout=20), 0, "exit code")
        check("type here" not in dev.stdout.read(), "it does not ask for commands")
        stops(other)
    os.close(writing)


def first_cluster(settings):
    with Dev(settings) as dev:
        run_steps([("listed as onced", lambda: listed(dev)),
                   ("comes back", lambda: comes_back(dev)),
                   ("stops", lambda: stops(dev))])


if __name__ == "__main__":
    given = options()
    run_steps([(step.__name__, lambda step=step: step(given)) for step in
               (first_cluster, another_one, hopeless, stays_down, console, not_from_a_pipe)])
