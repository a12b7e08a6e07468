#!/usr/bin/env python3
"""What others wrote reaches a terminal as text only: values, names, lock holders, error texts and
counters of a node that is none. Into a pipe, or with --raw, a value is its bare bytes."""

import contextlib
import json
import os
import pathlib
import pty
import socket
import struct
import subprocess
import threading
import tty
import unicodedata

import protocol
from cluster import (Cluster, DONE, REFUSED, UNAVAILABLE, check, check_equal, options, run_steps,
                     wait_for)

EVIL = "\x1b]0;owned\a\x1b[31m\u009b7m\u202eback\x7f".encode() + b"\xff\x9b"
SHOWN = rb"\x1b]0;owned\x07\x1b[31m\u009b7m\u202eback\x7f\xff\x9b"
LINES = b"one\n\ttwo\r\x1b[2J"


def on_a_terminal(command, which=("stdout", "stderr")):
    """Its exit code, and what the terminal was sent; what is not of `which` is thrown away."""
    leader, follower = pty.openpty()
    tty.setraw(follower)  # line breaks as they are
    streams = {name: follower if name in which else subprocess.DEVNULL
               for name in ("stdout", "stderr")}
    environment = {**os.environ, "NO_COLOR": "1"}  # no escapes of the command's own
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment,
                          **streams) as process:
        os.close(follower)
        sent = b""
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while part := os.read(leader, 65536):
                sent += part
        os.close(leader)
        return process.wait(timeout=30), sent


def check_printable(sent, what):
    text = sent.decode()  # raises if it is no UTF-8
    bad = [c for c in text if c not in "\n\t" and (
        unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))]
    check(not bad, f"{what}: {bad} in {sent!r}")


def once(cluster, *words):
    return [cluster.once, "--endpoints", cluster.endpoints(), *words]


def values(cluster):
    check_equal(cluster.run("write", "evil", "-", stdin=EVIL).returncode, DONE, "write")
    check_equal(cluster.run("read", "evil").stdout, EVIL, "bare bytes into a pipe")
    for words, code in ((("read", "evil"), DONE), (("wait", "evil"), DONE),
                        (("write", "evil", "other"), REFUSED)):
        got, sent = on_a_terminal(once(cluster, *words), ["stdout"])
        check_equal((got, sent), (code, SHOWN + b"\n"), f"{words} on a terminal")
        got, sent = on_a_terminal(once(cluster, "--raw", *words), ["stdout"])
        check_equal((got, sent), (code, EVIL + b"\n"), f"{words} with --raw")
    check_equal(cluster.run("write", "lines", "-", stdin=LINES).returncode, DONE, "write")
    _, sent = on_a_terminal(once(cluster, "read", "lines"), ["stdout"])
    check_equal(sent, b"one\n\ttwo\\x0d\\x1b[2J\n", "line breaks and tabs stay")
    code, sent = on_a_terminal(once(cluster, "run", "evil", "--", "true"))
    check_equal(code, REFUSED, "a run of what is no run")
    check(sent.endswith(SHOWN + b"\n"), f"its value: {sent!r}")
    check_printable(sent, "run")
    done = subprocess.run(once(cluster, "run", "evil", "--", "true"), capture_output=True,
                          timeout=30)
    check_equal(done.stdout, EVIL + b"\n", "into a pipe")


def json_documents(cluster):
    name = EVIL[:-2].decode()
    check_equal(cluster.run("write", name, EVIL[:-2]).returncode, DONE, "write")
    done = cluster.run("read", name, json_output=True)
    check_printable(done.stdout, "JSON")
    told = json.loads(done.stdout)
    check_equal((told["name"], told["value"]), (name, name), "JSON says the same")


def messages(cluster):
    """Names go into messages, and these into logs: never raw, wherever they go."""
    name = "x\nunavailable: nothing happened\x1b[31m\u202e"
    for words in (("read", name), ("wait", name), ("cas", name, "7", "v"), ("check", name, "3"),
                  ("write", "evil", name), ("seal", name, "1"),
                  ("no\nunavailable: nothing\x1b[2J",),
                  ("cas", "x", "7\nunavailable: nothing", "v"),
                  ("read", "--x\n=\x1b=")):
        done = cluster.run(*words, timeout_ms=500)
        check(done.returncode != DONE, f"{words}: {done}")
        check_printable(done.stderr, words)
        check(b"\nunavailable" not in done.stderr, f"a forged line: {done.stderr!r}")


def lock_holders(cluster):
    owner = "me\u009b31m\u202e"  # of a program that names itself as it likes
    value = f"once-lock 1 held ttl_ms=10000 token=1 owner={owner}\n"
    check_equal(cluster.run("set", "locked", value).returncode, DONE, "set")
    code, sent = on_a_terminal(once(cluster, "lock", "--wait", "0", "locked", "--", "true"))
    check_equal(code, REFUSED, f"held by somebody: {sent!r}")
    check_printable(sent, "lock")
    check(rb"me\u009b31m\u202e" in sent, f"the holder: {sent!r}")
    claim = '{"host": "h\\u001b[31m\\n", "pid": 1, "time": "t\\u202e", "run": "00"}'
    check_equal(cluster.run("write", "claimed", claim).returncode, DONE, "write")
    code, sent = on_a_terminal(once(cluster, "run", "--wait", "0", "claimed", "--", "true"))
    check_printable(sent, "run")
    check(rb"h\x1b[31m\x0a" in sent and rb"t\u202e" in sent, f"the claim: {sent!r}")


def inspected(cluster):
    data = cluster.nodes[0].directory
    done = subprocess.run([cluster.onced, "inspect", "--data", data, "evil"], capture_output=True,
                          timeout=60)
    check_printable(done.stdout, "inspect")
    check(SHOWN in done.stdout, f"the value: {done.stdout!r}")
    done = subprocess.run([cluster.onced, "inspect", "--data", data, EVIL], capture_output=True,
                          timeout=60)
    check_printable(done.stdout, "inspect of a name")


@contextlib.contextmanager
def false_node(*frames):
    """Sends each client these frames, whatever it asks."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client = door.accept()[0]
                    with contextlib.suppress(OSError), client:
                        client.settimeout(5)
                        client.recv(65536)
                        client.sendall(b"".join(frames))
                        client.recv(65536)
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{door.getsockname()[1]}"


def server_hello():
    """Of a cluster of one, which is node 7."""
    body = struct.pack("<HHHH16xQQH6x", protocol.VERSION, 64, 7, 0, 1, 1, 1)
    body += struct.pack("<HHH", 7, 1, 0)
    return protocol.frame(protocol.SERVER_HELLO, 0, body)


def counters(*names):
    body = struct.pack("<HHIQ", 7, len(names), 0, 4711)
    for name in names:
        body += struct.pack("<H", len(name)) + name + struct.pack("<Q", 1)
    return protocol.frame(protocol.STATUS_REPLY, 1, body)


def false_nodes(cluster):
    says = protocol.frame(protocol.ERROR, 0, b"no\n\x1b]0;owned\a" + EVIL)
    with false_node(says) as address:
        for words in (("status",), ("read", "x"), ("write", "x", "y"),
                      ("run", "x", "--", "true"), ("lock", "x", "--wait", "0", "--", "true")):
            for flags in ((), ("--json",)):
                command = [cluster.once, "--endpoints", address, "--timeout", "700", *flags, *words]
                code, sent = on_a_terminal(command)
                check_equal(code, UNAVAILABLE, f"{words} of a false node: {sent!r}")
                check_printable(sent, words)
                check(rb"no\x0a\x1b]0;owned" in sent.replace(b"\\\\", b"\\"), f"{words}: {sent!r}")
    told = counters(b"names", b"peer_" + EVIL + b"_round_trip_us")
    with false_node(server_hello(), told) as address:
        for flags in ((), ("--json",)):
            code, sent = on_a_terminal([cluster.once, "--endpoints", address, *flags, "status"])
            check_equal(code, DONE, f"status: {sent!r}")
            check_printable(sent, "status")
        check_equal(on_a_terminal([cluster.once, "--endpoints", address, "status"])[1].count(b"\n"),
                    3, "verdict and lines of the table")
    with false_node(says) as address:
        bench = pathlib.Path(cluster.once).with_name("once-bench")
        if bench.exists():
            _, sent = on_a_terminal([bench, "--endpoints", address, "--seconds", "1"], ["stderr"])
            check_printable(sent.replace(b"\r\x1b[K", b""), "once-bench")


def logs(cluster):
    """Whatever a stranger sends: the log of a node has lines of its own only."""
    for port in (cluster.nodes[0].client_port, cluster.nodes[0].peer_port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
            stranger.sendall(protocol.frame(protocol.REQUEST, 1, EVIL * 9) + EVIL)
            with contextlib.suppress(OSError):
                while stranger.recv(65536):
                    pass
    log = cluster.nodes[0].log_path
    wait_for(lambda: b"closed" in log.read_bytes(), "a line about it")
    check_printable(log.read_bytes(), "the log")


def main():
    where = options()
    with Cluster(where, name="terminal") as cluster:
        run_steps([(step.__name__.replace("_", " "), lambda step=step: step(cluster))
                   for step in (values, json_documents, messages, lock_holders, inspected,
                                false_nodes, logs)])


if __name__ == "__main__":
    main()
