"""Real clusters for the system tests: formats data directories, starts and kills `onced` processes.

Kills only processes that it started. Every wait is bounded.
"""

import argparse
import json
import os
import pathlib
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

DONE, OTHER_ERROR, USAGE, REFUSED, EMPTY, UNKNOWN, UNAVAILABLE = range(7)

# Of a program that has just run a command, LeakSanitizer hangs once in twenty times while it stops
# the threads. The unit tests look for leaks.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"

_given_ports = set()

# Where the tests run in the background, or under nohup, these are ignored, and so they would be in
# all that is started here. What has a handler of Python's own is as usual there.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


def free_port():
    """A free loopback port outside the range that outgoing connections draw from, given once."""
    while True:
        port = random.randrange(20000, 32000)
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port


def wait_for(condition, what, seconds=30.0, pause=0.02):
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(pause)


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def check_equal(got, wanted, message):
    if got != wanted:
        raise AssertionError(f"{message}: got {got!r}, wanted {wanted!r}")


class Node:
    def __init__(self, cluster, number):
        self.cluster = cluster
        self.number = number
        self.directory = cluster.directory / f"node-{number}"
        self.log_path = cluster.directory / f"node-{number}.log"
        self.peer_port = free_port()
        self.client_port = free_port()
        self.cores = None  # as its cluster's, unless a test says otherwise
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.client_port}"

    def format(self):
        done = subprocess.run(
            [self.cluster.onced, "format", "--data", self.directory, "--node", str(self.number),
             "--cluster", self.cluster.members(), "--cluster-id", self.cluster.cluster_id,
             *self.cluster.format_flags],
            capture_output=True, timeout=60)
        check_equal(done.returncode, 0, f"format of node {self.number}: {done.stderr!r}")

    def start(self, preexec=None):
        check(self.process is None, f"node {self.number} already runs")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.cluster.onced, "start", "--data", self.directory, "--listen", self.address,
                 "--cores", str(self.cores or self.cluster.cores), *self.cluster.start_flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=preexec)

    def log_text(self):
        """Empty before its first start."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def check_running(self):
        check(self.is_running(), f"node {self.number} ended: {self.log_tail()}")

    def kill(self):
        """kill -9, and wait until it is gone."""
        self.check_running()
        self.process.kill()
        self.process.wait(timeout=30)
        self.process = None

    def stop(self):
        """A clean stop."""
        self.check_running()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.process = None
        check_equal(code, 0, f"exit code of node {self.number}: {self.log_tail()}")

    def log_tail(self):
        if not self.log_path.exists():
            return "(no log)"
        return "\n" + "\n".join(self.log_text().splitlines()[-15:])


class Cluster:
    def __init__(self, options, nodes=3, cores=1, name="cluster", format_flags=(),
                 start_flags=()):
        self.onced = str(pathlib.Path(options.bin) / "onced")
        self.once = str(pathlib.Path(options.bin) / "once")
        self.cores = cores
        self.format_flags = list(format_flags)
        io = getattr(options, "io", None)
        # Of hundreds of short runs, each would clear memory that it never uses.
        ready = [] if "--ready" in start_flags else ["--ready", "0"]
        self.start_flags = [*(["--io", io] if io else []), *ready, *start_flags]
        self.directory = pathlib.Path(options.data).resolve() / name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.cluster_id = secrets.token_hex(16)
        self.nodes = [Node(self, number) for number in range(1, nodes + 1)]

    def members(self):
        return ",".join(f"{node.number}=127.0.0.1:{node.peer_port}" for node in self.nodes)

    def endpoints(self, nodes=None):
        return ",".join(node.address for node in nodes or self.nodes)

    def __enter__(self):
        try:
            for node in self.nodes:
                node.format()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for node in self.nodes:
                print(f"--- node {node.number}: {node.log_tail()}", file=sys.stderr)
        self.close()
        if kind is None:
            shutil.rmtree(self.directory, ignore_errors=True)

    def close(self):
        for node in self.nodes:
            if node.is_running():
                node.process.kill()
                node.process.wait(timeout=30)
            node.process = None

    def start(self):
        for node in self.nodes:
            if node.process is None:
                node.start()
        self.wait_ready()

    def kill_all(self):
        for node in self.nodes:
            node.check_running()
            node.process.kill()
        for node in self.nodes:
            node.process.wait(timeout=30)
            node.process = None

    def wait_ready(self, seconds=30):
        """Every running node answers, and writes through each succeed."""
        for node in self.nodes:
            if node.process is not None:
                self._wait_writable(node, seconds)

    def _wait_writable(self, node, seconds):
        end = time.monotonic() + seconds
        while True:
            node.check_running()
            done = self.run("write", f"ready-{secrets.token_hex(6)}", "x", nodes=[node],
                            timeout_ms=1000)
            if done.returncode == DONE:
                return
            check(time.monotonic() < end, f"node {node.number} not writable: {done.stderr!r}")
            time.sleep(0.02)

    def run(self, *arguments, nodes=None, timeout_ms=5000, stdin=b"", json_output=False):
        """The `once` command; returns the finished process with stdout and stderr as bytes."""
        command = [self.once, "--endpoints", self.endpoints(nodes), "--timeout", str(timeout_ms)]
        if json_output:
            command.append("--json")
        return subprocess.run(command + list(arguments), input=stdin, capture_output=True,
                              timeout=timeout_ms / 1000 + 20)

    def status(self, nodes=None):
        """As the nodes are now: what they tell was made at most a tenth of a second ago."""
        time.sleep(0.11)
        done = self.run("status", nodes=nodes, json_output=True, timeout_ms=2000)
        return json.loads(done.stdout)

    def counters(self, node):
        """Of one node, once it answers."""
        def answer():
            return next((entry for entry in self.status([node])
                         if entry["node"] == node.number and entry["reachable"]), None)
        return wait_for(answer, f"node {node.number} answers", 20)

    def check_healthy(self):
        for node in self.nodes:
            node.check_running()
        self.wait_ready(10)


def options(extra=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--data", default="build/system-tests/manual")
    parser.add_argument("--io", choices=("uring", "epoll"), help="how the nodes ask the kernel")
    if extra:
        extra(parser)
    parsed = parser.parse_args()
    # A relative path to the binaries must survive a change of directory.
    parsed.bin = os.path.abspath(parsed.bin)
    return parsed


def run_steps(steps):
    """Runs (name, function) in order and prints how long each took; the first failure ends it."""
    for name, step in steps:
        begin = time.monotonic()
        step()
        print(f"ok {name} ({(time.monotonic() - begin) * 1000:.0f} ms)", flush=True)
