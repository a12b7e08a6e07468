#!/usr/bin/env python3
"""`once status` on a real cluster: the table, --watch piped and on a terminal, nodes down."""

import json
import os
import pty
import subprocess

from cluster import (Cluster, DONE, UNAVAILABLE, USAGE, check, check_equal, options, run_steps,
                     wait_for)


def peers_are_up(cluster):
    return all(node[key] == 1 for node in cluster.status() for key in node
               if key.startswith("peer_") and key.endswith("_up")) and all(
                   node["claimed"] == 1 for node in cluster.status())


def table(cluster):
    wait_for(lambda: peers_are_up(cluster), "every link up, every home claimed")
    done = cluster.run("status", nodes=cluster.nodes[:1])
    check_equal(done.returncode, DONE, f"status: {done!r}")
    lines = done.stdout.decode().splitlines()
    check_equal(len(lines), 4, "a title and a line for each node")
    for node, line in zip(cluster.nodes, lines[1:]):
        check(line.startswith(f"{node.number} ") and node.address in line, f"node: {line}")
        check("33.3% claimed" in line and str(node.process.pid) in line, f"home and pid: {line}")
        check("down" not in line, f"every peer is up: {line}")


def watch_in_blocks(cluster):
    done = cluster.run("status", "--watch", "1", "--count", "2")
    check_equal(done.returncode, DONE, f"watch: {done!r}")
    first, second = done.stdout.decode().strip().split("\n\n")
    check("changes/s" in first and "\x1b" not in first, f"a block: {first!r}")
    check(first.splitlines()[2].split()[-1] == "-", f"no rates at first: {first}")
    rates = second.splitlines()[2].split()[-3:]
    check(all(rate.isdigit() for rate in rates), f"rates in the second block: {second}")


def watch_as_json(cluster):
    done = cluster.run("status", "--watch", "1", "--count", "2", json_output=True)
    check_equal(done.returncode, DONE, f"watch: {done!r}")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    check_equal([len(nodes) for nodes in documents], [3, 3], "one document a line")


def watch_on_a_terminal(cluster):
    ours, theirs = pty.openpty()
    done = subprocess.run([cluster.once, "--endpoints", cluster.endpoints(), "status", "--watch",
                           "--count", "1"], stdout=theirs, timeout=30)
    os.close(theirs)
    text = os.read(ours, 65536)
    os.close(ours)
    check_equal(done.returncode, DONE, "watch on a terminal")
    check(text.startswith(b"\x1b[H") and text.endswith(b"\x1b[J"), f"drawn in place: {text!r}")


def wrong_input(cluster):
    for arguments in (["--count", "2"], ["--watch", "0"], ["--watch", "x"], ["--watch", "86401"],
                      ["--watch", "--count", "0"], ["extra"]):
        done = cluster.run("status", *arguments)
        check_equal(done.returncode, USAGE, f"status {arguments}: {done!r}")
        check(done.stderr, f"status {arguments} says what is wrong")


def nodes_down(cluster):
    cluster.nodes[2].kill()
    wait_for(lambda: b"3:down" in cluster.run("status", nodes=cluster.nodes[:1]).stdout,
             "the link is seen to be down")
    done = cluster.run("status")
    check_equal(done.returncode, DONE, "two of three are a majority")
    check(cluster.nodes[2].address.encode() in done.stderr, f"who is down: {done.stderr!r}")
    cluster.nodes[1].kill()
    done = cluster.run("status")
    check_equal(done.returncode, UNAVAILABLE, "one of three is none")
    check(b"no majority" in done.stderr, f"what to do: {done.stderr!r}")
    done = cluster.run("status", "--watch", "--count", "1")
    check_equal(done.returncode, UNAVAILABLE, "watch tells it at its end")


if __name__ == "__main__":
    with Cluster(options()) as here:
        run_steps([(step.__name__, lambda step=step: step(here)) for step in
                   (table, watch_in_blocks, watch_as_json, watch_on_a_terminal, wrong_input,
                    nodes_down)])
