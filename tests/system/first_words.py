#!/usr/bin/env python3
"""What somebody sees who makes a slip, or where nobody answers: endpoints, ports, a line after a
second on a terminal, who holds the lock; in rows that fit the terminal."""

import contextlib
import os
import pty
import re
import select
import socket
import subprocess
import threading
import time

from cluster import (Cluster, DONE, REFUSED, UNAVAILABLE, USAGE, check, check_equal, free_port,
                     options, run_steps, wait_for)
from program import Program
from pty_shell import INTERRUPT, Shell

TOO_FEW = "answers, and reaches too few of the others; `once status` shows them"
HINT = "no node answers; is a cluster running? `make run` or `onced dev`"


class Terminal:
    """A command whose standard error is a terminal; its text so far, and all of it at the end."""

    def __init__(self, *command, **variables):
        self.leader, follower = pty.openpty()
        self.began = time.monotonic()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=follower,
                                        env={**os.environ, **variables})
        os.close(follower)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=30)
        os.close(self.leader)

    def read(self, seconds):
        """False: it has ended."""
        if not select.select([self.leader], [], [], seconds)[0]:
            return True
        part = b""
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            part = os.read(self.leader, 65536)
        self.text += part.decode()
        return bool(part)

    def expect(self, words, seconds=20):
        end = time.monotonic() + seconds
        while words not in self.text:
            check(time.monotonic() < end and self.read(0.05), f"no {words!r} in {self.text!r}")

    def ends(self, code):
        while self.read(30):
            pass
        check_equal(self.process.wait(timeout=30), code, f"exit code, after {self.text!r}")
        return self.text


def said(once, *words, code, **variables):
    """Standard error of a command that ends at once."""
    began = time.monotonic()
    done = subprocess.run([once, *words], capture_output=True, timeout=60,
                          env={**os.environ, **variables})
    check_equal(done.returncode, code, f"{words} {variables}: {done!r}")
    took = time.monotonic() - began
    check(took < 3, f"{words} {variables} took {took:.1f} s, and it was clear at once")
    return done.stderr.decode()


def slips(cluster):
    good = cluster.nodes[0].address
    for listed, words in (("127.0.0.1", "no port"), (f"{good},,{good}", "is empty"),
                          (f"{good},", "is empty"), ("::1:7401", "brackets"),
                          (f"{good} {good}", "a blank"), (f"http://{good}", "a scheme"),
                          ("127.0.0.1:70000", "65535"), ("127.0.0.1:0", "65535"),
                          ("10.0.0.256:7401", "no IPv4 address"), (":7401", "no host")):
        for command in (("read", "x"), ("status",), ("run", "x", "--", "true"),
                        ("lock", "x", "--", "true")):
            text = said(cluster.once, "--timeout", "20000", *command, code=USAGE,
                        ONCE_ENDPOINTS=listed)
            check("ONCE_ENDPOINTS" in text and words in text, f"{listed}: {text!r}")
        text = said(cluster.once, "--endpoints", listed, "read", "x", code=USAGE)
        check("--endpoints" in text and words in text, f"{listed}: {text!r}")
    check_equal(cluster.run("write", "x", "v").returncode, DONE, "write")
    for blank in (", ", " , ", ",\t", ",\n"):
        listed = blank.join(["127.0.0.1:1", cluster.nodes[1].address, cluster.nodes[2].address])
        said(cluster.once, "read", "x", code=DONE, ONCE_ENDPOINTS=listed + "\n")


@contextlib.contextmanager
def speaker(answer):
    """Something that is no node: says this to whoever has said something."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client = door.accept()[0]
                    with contextlib.suppress(OSError), client:
                        client.settimeout(5)
                        client.recv(65536)
                        client.sendall(answer)
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{door.getsockname()[1]}"


def wrong_ports(cluster):
    peers = ",".join(f"127.0.0.1:{node.peer_port}" for node in cluster.nodes)
    with speaker(b"HTTP/1.1 400 Bad Request\r\n\r\n") as web:
        for where, words in ((peers, "a port between nodes"), (web, "an HTTP server")):
            for command in (("read", "x"), ("write", "y", "v"), ("status",), ("wait", "y"),
                            ("list",),
                            ("run", "y", "--", "true"), ("lock", "y", "--", "true")):
                text = said(cluster.once, "--endpoints", where, "--timeout", "20000", *command,
                            code=USAGE)
                check(words in text, f"{command} to {where}: {text!r}")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            where = f"127.0.0.1:{silent.getsockname()[1]}"
            for command in (("read", "x"), ("status",), ("list",), ("explain", "x"), ("wait", "y")):
                done = subprocess.run([cluster.once, "--endpoints", where, "--timeout", "1500",
                                       *command], capture_output=True, text=True, timeout=30)
                check_equal(done.returncode, UNAVAILABLE, f"{command} to a silent port: {done!r}")
                check("does not speak once's protocol" in done.stderr, f"{command}: {done!r}")
        # Beside others it is only not used.
        said(cluster.once, "--endpoints", f"{web},{cluster.nodes[0].address}", "read", "x",
             code=DONE)
    check_equal(cluster.run("read", "y").returncode, 4, "nothing was written")


def nobody_there(cluster):
    """Said after a second, on a terminal alone; the end names all that were tried."""
    nowhere = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    listed = ",".join(nowhere)
    for command in (("read", "x"), ("wait", "x"), ("write", "x", "v"), ("list",),
                    ("run", "x", "--", "true"), ("lock", "--wait", "2", "x", "--", "true")):
        with Terminal(cluster.once, "--endpoints", listed, "--timeout", "2500",
                      *command) as terminal:
            terminal.expect(HINT)
            took = time.monotonic() - terminal.began
            check(0.8 < took, f"{command}: said after {took:.1f} s")
            text = terminal.ends(UNAVAILABLE)
        check_equal(text.count("waiting for"), 1, f"once, not again and again: {text!r}")
        for address in nowhere:
            check(text.count(address) >= 2, f"{command}: {address} in {text!r}")
        if command[0] in ("read", "wait", "list"):
            check("nothing happened" not in text, f"a read changes nothing anyway: {text!r}")
    for extra in ((), ("--json",)):
        done = subprocess.run([cluster.once, "--endpoints", listed, "--timeout", "1500", *extra,
                               "read", "x"], capture_output=True, timeout=30)
        check(b"waiting for" not in done.stderr, f"only on a terminal: {done.stderr!r}")
    with Terminal(cluster.once, "--json", "--endpoints", listed, "--timeout", "1500", "read",
                  "x") as terminal:
        check("waiting for" not in terminal.ends(UNAVAILABLE), "JSON is for programs")
    with Terminal(cluster.once, "--endpoints", cluster.endpoints(), "--timeout", "1800", "wait",
                  "never") as terminal:
        check("waiting for" not in terminal.ends(7), "nodes answer: that is what a wait is for")


def in_rows(cluster):
    """On a terminal of 80 columns no word is cut, and what follows Ctrl-C has a line of its own."""
    nowhere = ",".join(f"127.0.0.1:{free_port()}" for _ in range(3))
    with Shell({"ONCE_ENDPOINTS": nowhere}) as shell:
        shell.line("stty columns 80")
        shown, code = shell.line(f"{cluster.once} --timeout 1500 read x")
        rows = shown.split("\r\n")
        check_equal(code, UNAVAILABLE, f"nobody there: {rows}")
        check(len(rows) > 4 and all(len(row) <= 80 for row in rows), f"rows: {rows}")
        check(HINT in " ".join(row.strip() for row in rows), f"words are whole: {rows}")
        check(any(nowhere.replace(",", ", ") in row for row in rows), f"rows are filled: {rows}")
        for command in ("run x -- true", "write x v", "lock x -- true"):
            shell.press(f"{cluster.once} {command}\n".encode())
            time.sleep(0.4)
            shell.press(INTERRUPT)
            rows = shell.answers()[0].split("\r\n")
            said = next((i for i, row in enumerate(rows) if "signal 2" in row), 0)
            check(said > 0 and rows[said - 1] == "", f"{command}: {rows}")


def no_majority(cluster):
    """One of three answers, and says at once that it reaches no majority: so it is said here."""
    once = [cluster.once, "--endpoints", cluster.endpoints()]
    alone = cluster.nodes[0]
    for node in cluster.nodes[1:]:
        node.kill()
    wait_for(lambda: b"no majority" in cluster.run("status", timeout_ms=2000).stdout, "it is noted")
    for command in (("read", "nobody"), ("write", "new", "v"), ("next", "new"),
                    ("run", "new", "--", "true"), ("lock", "--wait", "2", "new", "--", "true")):
        with Terminal(*once, "--timeout", "1800", *command) as terminal:
            terminal.expect(TOO_FEW)
            took = time.monotonic() - terminal.began
            check(0.8 < took, f"{command}: said after {took:.1f} s")
            text = terminal.ends(UNAVAILABLE)
        check_equal(text.count("waiting for"), 1, f"once, not again and again: {text!r}")
        check(f"waiting for a majority of the nodes: {alone.address} answers" in text, text)
        check(f"{alone.address} reaches no majority of the nodes" in text, f"the end: {text!r}")
    for extra in ((), ("--json",)):
        done = subprocess.run([*once, "--timeout", "1500", *extra, "read", "nobody"],
                              capture_output=True, timeout=30)
        check(b"waiting for" not in done.stderr, f"only on a terminal: {done.stderr!r}")
    # It comes back while somebody waits.
    with Terminal(*once, "--timeout", "30000", "write", "late", "v") as terminal:
        terminal.expect(TOO_FEW)
        cluster.start()
        terminal.ends(DONE)


def holder_of_a_lock(cluster):
    """On a terminal: who is waited for and since when, again when it changes hands."""
    once = [cluster.once, "--endpoints", cluster.endpoints()]
    show = ["sh", "-c", "echo held; read end"]
    with Program(cluster, [*once, "lock", "--ttl", "2", "job", "--", *show]) as first:
        first.expect("held")
        with Program(cluster, [*once, "lock", "--ttl", "2", "job", "--", *show]) as second, \
                Terminal(*once, "lock", "--wait", "40", "job", "--", "true") as waiting:
            waiting.expect("waiting for it, 40 s at most")
            line = re.search(r"job is held by (\S+) since (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ);",
                             waiting.text)
            check(line and line[1].startswith(socket.gethostname()), f"who: {waiting.text!r}")
            time.sleep(2.5)  # renewals, of which nobody hears
            check_equal(waiting.text.count("is held by"), 1, f"said once: {waiting.text!r}")
            first.tell("end")
            first.ends(DONE)
            # One of those who wait has it now; if it is the other one, that is said.
            end = time.monotonic() + 20
            while waiting.read(0.05) and waiting.text.count("is held by") < 2:
                check(time.monotonic() < end, f"it changed hands: {waiting.text!r}")
            second.tell("end")
            second.ends(DONE)
            text = waiting.ends(DONE)
            check(text.count("is held by") <= 2, f"once for each holder: {text!r}")
        with Program(cluster, [*once, "lock", "--ttl", "2", "job", "--", *show]) as third:
            third.expect("held")
            done = subprocess.run([*once, "lock", "--wait", "1", "job", "--", "true"],
                                  capture_output=True, timeout=30)
            check_equal(done.returncode, REFUSED, f"still held: {done!r}")
            check(b"waiting for it" not in done.stderr, f"only on a terminal: {done.stderr!r}")
            check(b" since 20" in done.stderr, f"at the end it is said anyway: {done.stderr!r}")
            third.tell("end")
            third.ends(DONE)


if __name__ == "__main__":
    with Cluster(options(), name="first-words") as here:
        run_steps([(step.__name__, lambda step=step: step(here)) for step in
                   (slips, wrong_ports, nobody_there, in_rows, no_majority, holder_of_a_lock)])
