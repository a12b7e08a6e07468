#!/usr/bin/env python3
"""`once explain NAME` on a real cluster: a name that is decided, one that nobody wrote, one that
was only promised, a node that is down; and that looking leaves nothing behind."""

import json
import signal
import subprocess
import time

from cluster import (Cluster, DONE, UNAVAILABLE, USAGE, check, check_equal, options, run_steps,
                     wait_for)

EMPTY, OPEN = 4, 5


def explained(cluster, name, code, *arguments, nodes=None):
    done = cluster.run("explain", name, *arguments, nodes=nodes)
    check_equal(done.returncode, code, f"explain {name}: {done!r}")
    lines = done.stdout.decode().splitlines()
    check(max(map(len, lines)) <= 80, f"a terminal of 80 columns: {lines}")
    return lines, done.stderr.decode()


def as_json(cluster, name):
    done = cluster.run("explain", name, json_output=True)
    check_equal(done.stdout.count(b"\n"), 1, "one line")
    return json.loads(done.stdout)


def decided(cluster):
    for value in ("one", "four!"):
        check_equal(cluster.run("set", "variable", value).returncode, DONE, "set")
    wait_for(lambda: explained(cluster, "variable", DONE)[0][0]
             == "decided: 3 of 3 nodes hold version 2", "all have heard")
    for nodes in ([cluster.nodes[0]], [cluster.nodes[2]]):
        lines, errors = explained(cluster, "variable", DONE, nodes=nodes)
        check_equal((len(lines), errors), (5, ""), "a verdict, a title, a line for each node")
    check_equal(sum(" home" in line for line in lines[2:]), 1, f"one is its home: {lines}")
    told = as_json(cluster, "variable")
    check_equal((told["verdict"], told["version"], told["members"]), ("decided", 2, 3), "as JSON")
    for node in told["nodes"]:
        check_equal((node["version"], node["value_bytes"], node["sealed"]), (2, 5, False), "held")
        check("four!" not in json.dumps(node), "the value is not shown")
        check_equal(len(node["writer"]), 32, "its writer")
        check_equal(node["accepted"], node["promised"], "under one ballot")
    check_equal(cluster.run("seal", "variable", "2").returncode, DONE, "seal")
    wait_for(lambda: all("sealed" in line for line in explained(cluster, "variable", DONE)[0][2:]),
             "the state")


def never_written(cluster):
    before = [node["names"] for node in cluster.status()]
    lines, _ = explained(cluster, "nobody-wrote-this", EMPTY)
    check_equal(lines[0], "nobody wrote it: 3 of 3 nodes hold nothing", "the verdict")
    told = as_json(cluster, "nobody-wrote-this")
    check_equal([node["known"] for node in told["nodes"]], [False] * 3, "nobody knows the name")
    check_equal([node["names"] for node in cluster.status()], before, "and nobody does now")


def waiters(cluster):
    waiter = subprocess.Popen([cluster.once, "--endpoints", cluster.nodes[0].address, "--timeout",
                               "20000", "wait", "not-yet"], stdout=subprocess.DEVNULL)
    wait_for(lambda: [node["waits"] for node in as_json(cluster, "not-yet")["nodes"]] == [1, 0, 0],
             "who waits is seen")
    lines, _ = explained(cluster, "not-yet", EMPTY)
    check(any("1 waiting for a newer version" in line for line in lines), f"and said: {lines}")
    check_equal(cluster.run("write", "not-yet", "now").returncode, DONE, "write")
    check_equal(waiter.wait(20), DONE, "and told")


def wrong_words(cluster):
    for arguments in (["explain"], ["explain", ""], ["explain", "x", "extra"],
                      ["explain", "x" * 1025]):
        done = cluster.run(*arguments)
        check_equal(done.returncode, USAGE, f"{arguments}: {done!r}")
    done = cluster.run("explain", "a\x1b[31m", json_output=True)
    check_equal(done.returncode, EMPTY, "any bytes")
    check(b"\x1b" not in done.stdout, f"and none of them reach a terminal: {done.stdout!r}")


def home_of(cluster, node):
    """A name whose home is that node, and that nobody has written."""
    for number in range(100):
        name = f"homed-{node}-{number}"
        if as_json(cluster, name)["nodes"][0]["home"] == node:
            return name
    raise AssertionError("no name is at home there")


def one_hangs_and_one_is_down(cluster):
    """A write that finds no majority leaves promises, and they are told; a read settles it."""
    name = home_of(cluster, 3)
    cluster.nodes[2].kill()
    lines, errors = explained(cluster, "variable", DONE)
    check_equal(lines[0], "decided: 2 of 3 nodes hold version 3", "one is down")
    check(cluster.nodes[2].address in errors, f"who is down is named: {errors!r}")
    check("3" == lines[-1].split()[0] and "no answer" in lines[-1], f"in the table: {lines}")
    cluster.nodes[1].process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        writer = subprocess.Popen(
            [cluster.once, "--endpoints", cluster.nodes[0].address, "--timeout", "3000", "write",
             name, "value"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = []

        def promised():
            done = cluster.run("explain", name, nodes=cluster.nodes[:1], json_output=True,
                               timeout_ms=300)
            check_equal(done.returncode, UNAVAILABLE, f"one answers: {done!r}")
            node = [one for one in json.loads(done.stdout)["nodes"] if one["reachable"]][0]
            seen.append(node)
            return node["promised"] is not None and node["version"] == 0

        wait_for(promised, "node 1 has promised and holds nothing")
        check(seen[-1]["under_way"]["phase"] in ("prepare", "pause"), f"under way: {seen[-1]}")
        check(seen[-1]["under_way"]["votes"] in ([], [1]), f"its own vote: {seen[-1]}")
        check_equal(seen[-1]["queued"] + seen[-1]["forwarded"], 1, f"who waits: {seen[-1]}")
        done = cluster.run("explain", name, timeout_ms=700)
        check(time.monotonic() - began < 8, "nodes that hang hold it up no longer than was said")
        check_equal(done.stdout.splitlines()[0],
                    b"only 1 of 3 nodes answers: too few to tell what stands", "the verdict")
        writer.wait(10)
    finally:
        cluster.nodes[1].process.send_signal(signal.SIGCONT)
    wait_for(lambda: cluster.run("read", name).returncode in (DONE, EMPTY), "a read settles it")


def nobody_answers(cluster):
    for node in cluster.nodes[:2]:
        node.kill()
    lines, errors = explained(cluster, "variable", UNAVAILABLE)
    check_equal(lines[0], "no node answers", "the verdict")
    check_equal(len(errors.splitlines()), 3, f"why each does not: {errors!r}")


if __name__ == "__main__":
    with Cluster(options()) as here:
        run_steps([(step.__name__, lambda step=step: step(here)) for step in
                   (decided, never_written, waiters, wrong_words, one_hangs_and_one_is_down,
                    nobody_answers)])
