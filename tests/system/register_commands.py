#!/usr/bin/env python3
"""Every operation on a register through `once`, as a person meets it: answers, exit codes, and what
is said about wrong input."""

import json
import secrets
import subprocess
import threading

from cluster import (Cluster, DONE, EMPTY, REFUSED, USAGE, check, check_equal, options, run_steps)

NOT_YET = 7
HIGHEST = 2**64 - 2


def ran(cluster, code, *command, **how):
    done = cluster.run(*command, **how)
    check_equal(done.returncode, code, f"once {' '.join(command)}: {done!r}")
    return done


def version_of(cluster, name):
    return json.loads(ran(cluster, DONE, "--json", "read", name).stdout)["version"]


def variables(cluster):
    for number, node in enumerate(cluster.nodes, 1):
        ran(cluster, DONE, "set", "colour", f"value-{number}", nodes=[node])
        check_equal(version_of(cluster, "colour"), number, "version after a set")
    check_equal(ran(cluster, DONE, "read", "colour").stdout, b"value-3", "the last value")


def guarded(cluster):
    ran(cluster, DONE, "cas", "guarded", "0", "first")
    taken = ran(cluster, REFUSED, "cas", "guarded", "0", "second")
    check_equal(taken.stdout, b"first", "the value that stands there")
    check(b"has version 1, not 0" in taken.stderr, f"the conflict: {taken.stderr!r}")
    ran(cluster, DONE, "cas", "guarded", "1", "second")
    answer = json.loads(ran(cluster, REFUSED, "--json", "cas", "guarded", "1", "x").stdout)
    check_equal((answer["outcome"], answer["refusal"], answer["version"]),
                ("refused", "conflict", 2), "a conflict as JSON")
    empty = ran(cluster, REFUSED, "cas", "nothing-here", "3", "x")
    check(b"nothing-here is empty" in empty.stderr, f"cas on an empty name: {empty.stderr!r}")
    check_equal(empty.stdout, b"", "no value of an empty name")
    ran(cluster, EMPTY, "read", "nothing-here")


def sealed(cluster):
    identity = secrets.token_hex(16)
    ran(cluster, DONE, "set", "frozen", "ice")
    ran(cluster, REFUSED, "seal", "frozen", "7")
    ran(cluster, DONE, "seal", "frozen", "1", "--request-id", identity)
    ran(cluster, DONE, "seal", "frozen", "1", "--request-id", identity)  # the same request again
    other = ran(cluster, REFUSED, "seal", "frozen", "2")
    check(b"never changes again" in other.stderr, f"a second seal: {other.stderr!r}")
    check_equal(other.stdout, b"ice", "the value of a sealed name")
    for command in (["set", "frozen", "fire"], ["cas", "frozen", "2", "fire"], ["next", "frozen"]):
        ran(cluster, REFUSED, *command)
    check_equal(ran(cluster, REFUSED, "write", "frozen", "fire").stdout, b"ice", "write after seal")
    check_equal(ran(cluster, DONE, "read", "frozen").stdout, b"ice", "read after seal")


def reused_id(cluster):
    identity = secrets.token_hex(16)
    ran(cluster, DONE, "cas", "reused", "0", "this", "--request-id", identity)
    ran(cluster, DONE, "cas", "reused", "0", "this", "--request-id", identity)
    again = ran(cluster, REFUSED, "cas", "reused", "0", "that", "--request-id", identity)
    check(b"with something else" in again.stderr, f"a reused id: {again.stderr!r}")
    check_equal(ran(cluster, DONE, "read", "reused").stdout, b"this", "the first payload stands")


def tokens(cluster):
    seen = []
    for node in cluster.nodes * 3:
        seen.append(int(ran(cluster, DONE, "next", "tickets", nodes=[node]).stdout))
    check_equal(seen, sorted(set(seen)), "tokens rise through whatever node")
    for node in cluster.nodes:
        ran(cluster, DONE, "check", "tickets", str(seen[-1]), nodes=[node])
        old = ran(cluster, REFUSED, "check", "tickets", str(seen[-2]), nodes=[node])
        check(f"has version {seen[-1]}".encode() in old.stderr, f"an old token: {old.stderr!r}")


def waits(cluster):
    ran(cluster, NOT_YET, "wait", "later", timeout_ms=300)
    for node in cluster.nodes:
        name = f"later-{node.number}"
        process = subprocess.Popen(
            [cluster.once, "--endpoints", node.address, "--timeout", "20000", "wait", name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        timer = threading.Timer(0.3, lambda: ran(cluster, DONE, "write", name, "here"))
        timer.start()
        out, err = process.communicate(timeout=30)
        timer.join()
        check_equal((process.returncode, out), (DONE, b"here"), f"a waiter at {name}: {err!r}")
    ran(cluster, DONE, "wait", "later-1")  # it is there already
    final = ran(cluster, REFUSED, "wait", "later-1", "1")
    check(b"never changes again" in final.stderr, f"a wait for what cannot come: {final.stderr!r}")


def wrong_input(cluster):
    for text in ("-1", str(2**64), str(HIGHEST + 1), "1.5", "0x10", "many", ""):
        for command in (["cas", "x", text, "v"], ["seal", "x", text], ["check", "x", text]):
            done = ran(cluster, USAGE, *command)
            check_equal(done.stdout, b"", f"{command}: output")
            check(done.stderr != b"", f"{command} says nothing")
    check(str(HIGHEST).encode() in ran(cluster, USAGE, "seal", "x", "many").stderr, "the bounds")
    ran(cluster, REFUSED, "cas", "x", str(HIGHEST), "v")
    for command in (["set", "x"], ["cas", "x", "1"], ["seal", "x"], ["check", "x"], ["next"],
                    ["wait"], ["set", "_system", "v"], ["next", "n" * 1025]):
        ran(cluster, USAGE, *command)
    for bound in (0, 24 * 3600 * 1000 + 1):
        ran(cluster, USAGE, "wait", "x", timeout_ms=bound)
    ran(cluster, EMPTY, "read", "x")


if __name__ == "__main__":
    with Cluster(options(), name="register") as cluster:
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in
                   (variables, guarded, sealed, reused_id, tokens, waits, wrong_input)])
