#!/usr/bin/env python3
"""What an operation costs that nobody sees in a profile: allocations and page faults of the loop of
a node, once it is warm. None for names that exist; for new ones the table grows, by pages that
another thread makes ready."""

import json
import os
import pathlib
import struct
import subprocess

from cluster import Cluster, DONE, check, check_equal, options, run_steps

OPERATIONS = 20_000
# Of so many operations, by each node: what connections, segments of the log and seconds need now
# and then. (The first four megabytes of names are not made ready: a fault for 50 names.)
MOST_FAULTS = 600
MOST_ALLOCATIONS = 200


class Watched:
    """A node's first thread, which is its loop."""

    def __init__(self, node):
        self.node = node
        self.counter = node.directory.parent / f"allocations-{node.number}"

    def start(self, library):
        def preload():
            os.environ["LD_PRELOAD"] = str(library)
            os.environ["ONCE_ALLOCATIONS"] = str(self.counter)
        self.node.start(preload)

    def figures(self):
        """(page faults, allocations) until now."""
        pid = self.node.process.pid
        with open(f"/proc/{pid}/task/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        allocations, = struct.unpack("<Q", self.counter.read_bytes())
        return int(fields[7]) + int(fields[9]), allocations


def load(cluster, *arguments):
    program = pathlib.Path(cluster.onced).with_name("once-bench")
    done = subprocess.run([program, "--endpoints", cluster.endpoints(), "--value-size", "32",
                           "--json", "--warmup", "0", "--connections", "3", "--in-flight", "64",
                           *arguments], capture_output=True, text=True, timeout=120)
    check_equal(done.returncode, DONE, f"once-bench {arguments}: {done.stderr}")
    return json.loads(done.stdout)["done"]


def costs(cluster, nodes, what, *arguments):
    """Once to warm up; then so long that enough is done."""
    load(cluster, *arguments, "--seconds", "2")
    before = [node.figures() for node in nodes]
    done = 0
    while done < OPERATIONS:
        done += load(cluster, *arguments, "--seconds", "1")
    each = [[round((now - then) * OPERATIONS / done) for now, then in zip(after, begun)]
            for after, begun in zip([node.figures() for node in nodes], before)]
    print(f"   {what}: {done} done; of {OPERATIONS}, faults and allocations of each node: {each}")
    for faults, allocations in each:
        check(faults <= MOST_FAULTS, f"{what}: {faults} page faults of {OPERATIONS} operations")
        check(allocations <= MOST_ALLOCATIONS,
              f"{what}: {allocations} allocations of {OPERATIONS} operations")


def counts_at_all(nodes):
    """A start allocates and touches memory: whoever counts nothing would pass all of this."""
    for node in nodes:
        faults, allocations = node.figures()
        check(faults > 100 and allocations > 100, f"{faults} faults, {allocations} allocations")


def main():
    given = options(lambda parser: parser.add_argument("--library", required=True))
    with Cluster(given) as cluster:
        nodes = [Watched(node) for node in cluster.nodes]
        for node in nodes:
            node.node.kill()
            node.start(given.library)
        cluster.wait_ready()
        run_steps([
            ("counts", lambda: counts_at_all(nodes)),
            ("reads", lambda: costs(cluster, nodes, "read", "--op", "read", "--names",
                                    "hot:1000")),
            ("sets", lambda: costs(cluster, nodes, "set", "--op", "set", "--names", "hot:1000")),
            ("writes", lambda: costs(cluster, nodes, "write", "--op", "write"))])


if __name__ == "__main__":
    main()
