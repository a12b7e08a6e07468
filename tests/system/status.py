#!/usr/bin/env python3
"""`once status` on a real cluster: verdict and table, --watch piped and on a terminal, nodes down,
nodes that hang."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import time

from cluster import (Cluster, DONE, UNAVAILABLE, USAGE, check, check_equal, options, run_steps,
                     wait_for)

DEGRADED = 9
OPERATIONS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
OF_THE_COMMAND = {"node", "address", "reachable", "pid", "cluster_verdict", "cluster_up",
                  "cluster_members"}


def peers_are_up(cluster):
    return all(node[key] == 1 for node in cluster.status() for key in node
               if key.startswith("peer_") and key.endswith("_up")) and all(
                   node["claimed"] == 1 for node in cluster.status())


def table(cluster):
    wait_for(lambda: peers_are_up(cluster), "every link up, every home claimed")
    done = cluster.run("status", nodes=cluster.nodes[:1])
    check_equal((done.returncode, done.stderr), (DONE, b""), f"status: {done!r}")
    lines = done.stdout.decode().splitlines()
    check_equal(lines[0], "3 of 3 up, healthy", "the verdict comes first")
    check_equal(len(lines), 5, "a title and a line for each node")
    check(max(map(len, lines)) <= 80, f"a terminal of 80 columns: {lines}")
    for node, line in zip(cluster.nodes, lines[2:]):
        check(line.startswith(f"{node.number} ") and node.address in line, f"node: {line}")
        check(line.endswith("all up"), f"every link is up: {line}")
    lines = cluster.run("status", "--wide").stdout.decode().splitlines()
    for node, line in zip(cluster.nodes, lines[2:]):
        check(line.startswith(f"{node.number} ") and node.address in line, f"node: {line}")
        check("33.3% claimed" in line and str(node.process.pid) in line, f"home and pid: {line}")
        check("down" not in line, f"every peer is up: {line}")


def watch_in_blocks(cluster):
    done = cluster.run("status", "--wide", "--watch", "1", "--count", "2")
    check_equal(done.returncode, DONE, f"watch: {done!r}")
    first, second = done.stdout.decode().strip().split("\n\n")
    check("changes/s" in first and "\x1b" not in first, f"a block: {first!r}")
    check(first.splitlines()[3].split()[-1] == "-", f"no rates at first: {first}")
    rates = second.splitlines()[3].split()[-3:]
    check(all(rate.isdigit() for rate in rates), f"rates in the second block: {second}")
    check_equal(second.splitlines()[1], "3 of 3 up, healthy", "the verdict")
    narrow = cluster.run("status", "--watch", "1", "--count", "2").stdout.decode().splitlines()
    check(max(map(len, narrow)) <= 80 and "changes/s" in narrow[2], f"80 columns: {narrow}")


def watch_as_json(cluster):
    done = cluster.run("status", "--watch", "1", "--count", "2", json_output=True)
    check_equal(done.returncode, DONE, f"watch: {done!r}")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    check_equal([len(nodes) for nodes in documents], [3, 3], "one document a line")


def on_a_terminal(cluster, *arguments, **variables):
    """The exit code, and what a terminal is sent."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("TERM", "NO_COLOR")}
    done = subprocess.run([cluster.once, "--endpoints", cluster.endpoints(), "status", *arguments],
                          stdout=theirs, timeout=30, env={**environment, **variables})
    os.close(theirs)
    text = os.read(ours, 65536)
    os.close(ours)
    return done.returncode, text


def watch_on_a_terminal(cluster):
    code, text = on_a_terminal(cluster, "--watch", "--count", "1", TERM="xterm")
    check_equal(code, DONE, "watch on a terminal")
    check(text.startswith(b"\x1b[H") and text.endswith(b"\x1b[J"), f"drawn in place: {text!r}")
    for variables in ({"TERM": "dumb"}, {}):
        code, text = on_a_terminal(cluster, "--watch", "--count", "1", **variables)
        check(b"\x1b" not in text, f"no cursor can be moved there: {text!r}")


def colours(cluster):
    verdict = b"\x1b[32m3 of 3 up, healthy\x1b[0m"
    for variables, coloured in (({"TERM": "xterm"}, True),
                                ({"TERM": "xterm", "NO_COLOR": ""}, True),
                                ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                                ({"TERM": "dumb"}, False), ({}, False)):
        _, text = on_a_terminal(cluster, **variables)
        check_equal(text.startswith(verdict), coloured, f"colours with {variables}: {text!r}")
        check_equal(b"\x1b" in text, coloured, f"escapes with {variables}: {text!r}")
    check(b"\x1b" not in cluster.run("status").stdout, "none into a pipe")


def counters_are_documented(cluster):
    """Each has a line in the table of docs/operations.md, and each line is of a counter."""
    section = OPERATIONS.read_text().split("\n## Counters\n")[1].split("\n## ")[0]
    documented = {name for line in section.splitlines() if line.startswith("| `")
                  for name in re.findall(r"`([^`]+)`", line.split("|")[1])}
    shown = {re.sub(r"^peer_\d+_", "peer_<n>_", key)
             for node in cluster.status() for key in node} - OF_THE_COMMAND
    check(len(shown) > 40, f"all counters: {shown}")
    check_equal(sorted(shown - documented), [], "shown, and not documented")
    check_equal(sorted(documented - shown), [], "documented, and not shown")


def changes_are_counted(cluster):
    """As many as were made, however many one round takes."""
    def figures():
        nodes = cluster.status()
        return {name: sum(node[name] for node in nodes) for name in ("changes", "composed")}
    before = figures()
    writers = [subprocess.Popen([cluster.once, "--endpoints", cluster.nodes[0].address, "set",
                                 "counted", str(number)], stdout=subprocess.DEVNULL)
               for number in range(20)]
    check_equal([writer.wait(30) for writer in writers], [DONE] * len(writers), "set")
    check_equal(figures()["changes"] - before["changes"], len(writers), "each change once")


def hanging_nodes(cluster):
    """They are asked at the same time: the timeout bounds the whole, not each of them."""
    for node in cluster.nodes[1:]:
        node.process.send_signal(signal.SIGSTOP)
    try:
        for nodes in (None, cluster.nodes[:1]):
            began = time.monotonic()
            done = cluster.run("status", nodes=nodes, timeout_ms=1500)
            took = time.monotonic() - began
            check_equal(done.returncode, UNAVAILABLE, f"two of three hang: {done!r}")
            check(done.stdout.startswith(b"1 of 3 up: no majority"), f"verdict: {done.stdout!r}")
            check(took < 2.9, f"1500 ms were given, it took {took:.1f} s")
    finally:
        for node in cluster.nodes[1:]:
            node.process.send_signal(signal.SIGCONT)
    wait_for(lambda: cluster.run("status").returncode == DONE, "they go on")


def wrong_input(cluster):
    for arguments in (["--count", "2"], ["--watch", "0"], ["--watch", "x"], ["--watch", "86401"],
                      ["--watch", "--count", "0"], ["extra"]):
        done = cluster.run("status", *arguments)
        check_equal(done.returncode, USAGE, f"status {arguments}: {done!r}")
        check(done.stderr, f"status {arguments} says what is wrong")


def nodes_down(cluster):
    cluster.nodes[2].kill()
    wait_for(lambda: b"3 down" in cluster.run("status", nodes=cluster.nodes[:1]).stdout,
             "the link is seen to be down")
    done = cluster.run("status")
    check_equal(done.returncode, DEGRADED, "two of three are a majority, and not all")
    check_equal(done.stdout.splitlines()[0], b"2 of 3 up: one more failure stops writes", "verdict")
    check(cluster.nodes[2].address.encode() in done.stderr, f"who is down: {done.stderr!r}")
    cluster.nodes[1].kill()
    done = cluster.run("status")
    check_equal(done.returncode, UNAVAILABLE, "one of three is none")
    check(done.stdout.startswith(b"1 of 3 up: no majority"), f"the verdict: {done.stdout!r}")
    check(b"no majority" in done.stderr, f"what to do: {done.stderr!r}")
    told = [(node["cluster_verdict"], node["cluster_up"], node["cluster_members"])
            for node in cluster.status()]
    check_equal(told, [("no_majority", 1, 3)] * 3, "as JSON")
    done = cluster.run("status", "--watch", "--count", "1")
    check_equal(done.returncode, UNAVAILABLE, "watch tells it at its end")
    cluster.nodes[0].kill()
    done = cluster.run("status")
    check(done.stdout.startswith(b"0 of 3 up") and done.returncode == UNAVAILABLE, f"{done!r}")
    check(b"is a cluster running?" in done.stderr, f"what to do: {done.stderr!r}")


if __name__ == "__main__":
    with Cluster(options()) as here:
        run_steps([(step.__name__, lambda step=step: step(here)) for step in
                   (table, watch_in_blocks, watch_as_json, watch_on_a_terminal, colours,
                    counters_are_documented, changes_are_counted, wrong_input, hanging_nodes,
                    nodes_down)])
