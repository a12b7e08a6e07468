#!/usr/bin/env python3
"""A node that was down during 20,000 writes catches up by itself, says how far it is, and then
answers reads of what it missed alone: the two others are frozen, then dead."""

import asyncio
import random
import signal

import protocol
from cluster import Cluster, check, check_equal, options, run_steps, wait_for

NAMES = [f"missed-{index}".encode() for index in range(20_000)]
AT_ONCE = 200
ASKED = 500
SECONDS = 60


def value_of(name):
    return b"value of " + name


async def write_all(node):
    connection = await protocol.Connection.open(node.client_port)

    async def write(name):
        reply = await connection.write(name, value_of(name), timeout_ms=20_000)
        check_equal(reply.status, protocol.DONE, f"write of {name!r}")

    for begin in range(0, len(NAMES), AT_ONCE):
        await asyncio.gather(*(write(name) for name in NAMES[begin:begin + AT_ONCE]))
    await connection.close()


async def read_some(node):
    connection = await protocol.Connection.open(node.client_port)

    async def read(name):
        reply = await connection.read(name, 2_000)
        check_equal((reply.status, reply.value), (protocol.DONE, value_of(name)),
                    f"{name!r} at a node that is alone")

    names = random.sample(NAMES, ASKED)
    for begin in range(0, ASKED, AT_ONCE):
        await asyncio.gather(*(read(name) for name in names[begin:begin + AT_ONCE]))
    await connection.close()


def state_of(cluster, node):
    """The word of the table for a node."""
    table = cluster.run("status").stdout.decode().splitlines()
    row = next(line for line in table if f" 127.0.0.1:{node.client_port} " in line)
    return "in sync" if "in sync" in row else row.split()[2]


def main():
    with Cluster(options(), cores=2) as cluster:
        late, others = cluster.nodes[2], cluster.nodes[:2]

        def comes_back():
            late.start()
            cluster.wait_ready()
            told = cluster.counters(late)
            check(told["in_sync"] == 0 or told["caught_up"] > 0, f"at once in sync: {told}")
            wait_for(lambda: cluster.counters(late)["in_sync"] == 1, "node 3 in sync", SECONDS)
            told = cluster.counters(late)
            check_equal(told["behind"], 0, "what it lacks")
            check(told["caught_up"] >= len(NAMES) // 2, f"names that it learned: {told}")
            check_equal(state_of(cluster, late), "in sync", "the table")

        def alone():
            for node in others:
                node.process.send_signal(signal.SIGSTOP)
            asyncio.run(read_some(late))
            done = cluster.run("read", NAMES[7].decode(), nodes=[late], timeout_ms=2000)
            check_equal((done.returncode, done.stdout), (0, value_of(NAMES[7])), "once read")
            for node in others:
                node.process.send_signal(signal.SIGCONT)
                node.kill()
            asyncio.run(read_some(late))

        run_steps([
            ("all are in sync",
             lambda: wait_for(lambda: all(entry.get("in_sync") == 1 for entry in cluster.status()),
                              "all in sync", SECONDS)),
            ("one is away", late.kill),
            ("20,000 writes", lambda: asyncio.run(write_all(others[0]))),
            ("it comes back", comes_back),
            ("alone", alone),
            ("the others come back", cluster.start),
            ("health", cluster.check_healthy)])


if __name__ == "__main__":
    main()
