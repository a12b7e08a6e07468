#!/usr/bin/env python3
"""Nobody reads what a node says, and its standard error, a pipe of 4 KiB, is full: it goes on
answering, ends on SIGTERM, and ends with the right code when its ring fails. `onced dev` looks
after its nodes all the same."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import disks
from cluster import Cluster, check, check_equal, free_port, options, run_steps, wait_for

F_SETPIPE_SZ = 1031
LINE = re.compile(rb"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info   |warning|error  ) \S")
IO_URING_ENTER = 426
NO_URING = 69


class StuckPipe:
    """Standard error of a process that writes more than anybody reads."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        fcntl.fcntl(self.write_end, F_SETPIPE_SZ, 4096)

    def fill(self):
        # A description of its own: the process under test must go on seeing a blocking one.
        descriptor = os.open(f"/proc/self/fd/{self.write_end}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            while True:
                os.write(descriptor, b"x")
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)

    def read_all(self):
        """What has been written, as far as it comes within half a second."""
        os.set_blocking(self.read_end, False)
        text = b""
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                text += os.read(self.read_end, 65536)
            except BlockingIOError:
                time.sleep(0.01)
        return text

    def close(self):
        os.close(self.read_end)
        os.close(self.write_end)


def start_stuck(cluster, node, preexec=None):
    """A node of that cluster whose standard error is full from its first line on."""
    pipe = StuckPipe()
    pipe.fill()
    node.process = subprocess.Popen(
        [cluster.onced, "start", "--data", node.directory, "--listen", node.address,
         "--cores", str(cluster.cores)],
        stdin=subprocess.DEVNULL, stdout=pipe.write_end, stderr=pipe.write_end,
        preexec_fn=preexec)
    return pipe


def junk(port, text):
    """One complaint of the node."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(text)
            peer.recv(4096)
    except OSError:
        pass


def answers_and_stops(cluster):
    node = cluster.nodes[0]
    node.stop()
    pipe = start_stuck(cluster, node)
    cluster.wait_ready()
    for number in range(40):
        junk(node.client_port, bytes([number]) * 64)
        junk(node.peer_port, bytes([number]) * 64)
    for number in range(20):
        done = cluster.run("set", f"after-{number}", "1", nodes=[node])
        check_equal(done.returncode, 0, f"set {number}: {done.stderr!r}")
    begun = time.monotonic()
    node.process.send_signal(signal.SIGTERM)
    check_equal(node.process.wait(timeout=20), 0, "exit code")
    took = time.monotonic() - begun
    node.process = None
    check(took < 5, f"SIGTERM took {took:.1f} s")
    pipe.close()
    node.start()
    cluster.wait_ready()


def says_it_when_read_again(cluster):
    """What waited comes in order, each line whole."""
    node = cluster.nodes[0]
    node.stop()
    pipe = start_stuck(cluster, node)
    cluster.wait_ready()
    junk(node.client_port, b"\xff" * 64)
    lines = pipe.read_all().lstrip(b"x").splitlines()
    check(len(lines) >= 3, f"lines: {lines}")
    for line in lines:
        check(LINE.match(line), f"no time or level: {line!r}")
    check(b"serves clients on" in b"".join(lines), f"the start is told: {lines}")
    check(b"a client connection is closed" in lines[-1], f"the junk comes last: {lines}")
    node.process.send_signal(signal.SIGTERM)
    check_equal(node.process.wait(timeout=20), 0, "exit code")
    node.process = None
    pipe.close()
    node.start()
    cluster.wait_ready()


def denied_ring(cluster):
    """What the profile of a container denies is said before anything else is tried."""
    node = cluster.nodes[0]
    node.stop()
    done = subprocess.run([cluster.onced, "start", "--data", node.directory, "--listen",
                           node.address, "--io", "uring"], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30, preexec_fn=disks.deny(IO_URING_ENTER))
    check_equal(done.returncode, NO_URING, f"io_uring_enter denied: {done.stderr!r}")
    for line in done.stderr.splitlines():
        check(LINE.match(line), f"no time or level: {line!r}")
    check(b"io_uring_enter" in done.stderr.splitlines()[-1], f"the reason: {done.stderr!r}")


def broken_ring(cluster, full):
    """A ring that can be entered by the probe alone: IORING_ENTER_EXT_ARG, of waits, is denied."""
    node = cluster.nodes[0]
    preexec = disks.deny_flag(IO_URING_ENTER, 3, 8)
    if full:
        pipe = start_stuck(cluster, node, preexec)
        begun = time.monotonic()
        check_equal(node.process.wait(timeout=20), NO_URING, "exit code, nobody reads")
        check(time.monotonic() - begun < 10, "it ends in time")
        node.process = None
        pipe.close()
        return
    before = len(node.log_path.read_bytes())
    node.start(preexec)
    check_equal(node.process.wait(timeout=20), NO_URING, f"exit code: {node.log_tail()}")
    node.process = None
    lines = node.log_path.read_bytes()[before:].splitlines()
    for line in lines:
        check(LINE.match(line), f"no time or level: {line!r}")
    check(b" error " in lines[-1] and b"io_uring_enter failed" in lines[-1], f"{lines[-1]!r}")


def closed_descriptors(cluster):
    """Nothing that the node opens may stand where lines for people go."""
    node = cluster.nodes[0]
    node.start(lambda: os.closerange(0, 3))
    cluster.wait_ready()
    standard = {os.readlink(f"/proc/{node.process.pid}/fd/{number}") for number in range(3)}
    check_equal(standard, {"/dev/null"}, "the standard descriptors")
    node.stop()


def comes_back(cluster):
    cluster.nodes[0].start()
    cluster.wait_ready()


class StuckDev:
    def __init__(self, cluster):
        self.cluster = cluster
        self.directory = cluster.directory / "dev"
        self.pipe = StuckPipe()
        self.port = free_port()
        self.process = subprocess.Popen(
            [cluster.onced, "dev", "--nodes", "1", "--data", self.directory,
             "--port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=self.pipe.write_end, stderr=self.pipe.write_end)

    def writes(self, name):
        return subprocess.run([self.cluster.once, "--endpoints", f"127.0.0.1:{self.port}",
                               "--timeout", "1000", "write", name, "v"],
                              capture_output=True, timeout=20).returncode == 0

    def child(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as children:
            return [int(pid) for pid in children.read().split()]


def dev_goes_on(cluster):
    dev = StuckDev(cluster)
    try:
        wait_for(lambda: dev.writes("first"), "dev serves", 20)
        dev.pipe.fill()
        for number in range(3):  # each death and each start is a line
            old = dev.child()
            os.kill(old[0], signal.SIGKILL)
            wait_for(lambda: dev.child() and dev.child() != old, "another node", 10)
            wait_for(lambda: dev.writes(f"again-{number}"), "it serves", 20)
        begun = time.monotonic()
        dev.process.send_signal(signal.SIGTERM)
        check_equal(dev.process.wait(timeout=20), 0, "exit code of dev")
        took = time.monotonic() - begun
        check(took < 8, f"SIGTERM took {took:.1f} s")
    finally:
        if dev.process.poll() is None:
            dev.process.kill()  # its node dies with it
            dev.process.wait(timeout=30)
        dev.pipe.close()
    shutil.rmtree(dev.directory, ignore_errors=True)


def main():
    with Cluster(options(), cores=2) as cluster:
        run_steps([
            ("a node that nobody reads answers and stops", lambda: answers_and_stops(cluster)),
            ("what waited is said", lambda: says_it_when_read_again(cluster)),
            ("a ring that is denied", lambda: denied_ring(cluster)),
            ("a ring that breaks", lambda: broken_ring(cluster, full=False)),
            ("a ring that breaks, and nobody reads", lambda: broken_ring(cluster, full=True)),
            ("closed standard descriptors", lambda: closed_descriptors(cluster)),
            ("the node comes back", lambda: comes_back(cluster)),
            ("dev that nobody reads", lambda: dev_goes_on(cluster)),
        ])


if __name__ == "__main__":
    main()
