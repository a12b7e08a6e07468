#!/usr/bin/env python3
"""Two of three nodes dead: no answer is invented, deadlines hold, what is decided still reads."""

import asyncio
import time

import protocol
from cluster import Cluster, check, check_equal, options, run_steps, wait_for

NAMES = [f"decided-{index}".encode() for index in range(30)]
TIMEOUT_MS = 800
SLACK_SECONDS = 0.7


async def prepare(cluster, survivor):
    connection = await protocol.Connection.open(survivor.client_port)
    for name in NAMES:
        reply = await connection.write(name, b"value of " + name)
        check_equal(reply.status, protocol.DONE, f"write of {name!r}")
    for name in NAMES:  # so that the survivor knows each as decided
        reply = await connection.read(name)
        check_equal(reply.status, protocol.DONE, f"read of {name!r}")
    await asyncio.sleep(0.3)  # decisions spread lazily
    await connection.close()


async def without_majority(survivor, outcomes):
    connection = await protocol.Connection.open(survivor.client_port)

    async def uncertain(what, request):
        begin = time.monotonic()
        reply = await request
        took = time.monotonic() - begin
        check(reply.status in (protocol.UNKNOWN, protocol.UNAVAILABLE), f"{what}: {reply}")
        check(took <= TIMEOUT_MS / 1000 + SLACK_SECONDS, f"{what}: answered after {took:.3f} s")
        return reply.status

    async def write(index):
        name, identity = f"outage-{index}".encode(), protocol.new_identity()
        status = await uncertain("write", connection.write(name, b"late", identity, TIMEOUT_MS))
        outcomes[name] = (identity, status)

    await asyncio.gather(*(write(index) for index in range(30)))
    await asyncio.gather(*(
        uncertain("read of an unset name", connection.read(f"unset-{index}".encode(), TIMEOUT_MS))
        for index in range(30)))
    for name in NAMES:
        reply = await connection.read(name, TIMEOUT_MS)
        check_equal((reply.status, reply.value), (protocol.DONE, b"value of " + name),
                    f"decided name {name!r} on the survivor")
        reply = await connection.write(name, b"another", timeout_ms=TIMEOUT_MS)
        check(reply.status in (protocol.ALREADY_SET, protocol.UNKNOWN, protocol.UNAVAILABLE),
              f"write of decided name {name!r}: {reply}")
        if reply.status == protocol.ALREADY_SET:
            check_equal(reply.value, b"value of " + name, f"winner of {name!r}")
    await connection.close()


async def afterwards(cluster, outcomes):
    connection = await protocol.Connection.open(cluster.nodes[0].client_port)
    for name, (identity, status) in outcomes.items():
        reply = await connection.read(name)
        if status == protocol.UNAVAILABLE:
            check_equal(reply.status, protocol.EMPTY, f"{name!r} did certainly not happen")
        else:
            check(reply.status in (protocol.EMPTY, protocol.DONE), f"{name!r}: {reply}")
        reply = await connection.write(name, b"late", identity)
        check_equal(reply.status, protocol.DONE, f"retry of {name!r}")
        reply = await connection.read(name)
        check_equal((reply.status, reply.value), (protocol.DONE, b"late"), f"read of {name!r}")
    for index in range(30):
        reply = await connection.read(f"unset-{index}".encode())
        check_equal(reply.status, protocol.EMPTY, "an unset name stays unset")
    await connection.close()


def exit_codes(cluster, survivor):
    done = cluster.run("write", "outage-cli", "v", nodes=[survivor], timeout_ms=TIMEOUT_MS)
    check(done.returncode in (5, 6), f"exit code of a write: {done.returncode}")
    done = cluster.run("read", NAMES[0].decode(), nodes=[survivor], timeout_ms=TIMEOUT_MS)
    check_equal((done.returncode, done.stdout), (0, b"value of " + NAMES[0]), "read")
    reachable = {entry["node"]: entry["reachable"]
                 for entry in cluster.status() if entry["reachable"]}
    check_equal(reachable, {survivor.number: True}, "reachable nodes")


def main():
    with Cluster(options()) as cluster:
        outcomes = {}
        survivor = cluster.nodes[1]
        others = [node for node in cluster.nodes if node is not survivor]

        def back():
            cluster.start()
            # The links of the survivor come back by themselves.
            wait_for(lambda: cluster.run("write", "back", "v", "--request-id", "1" * 32,
                                         nodes=[survivor]).returncode == 0, "writes", 20)

        run_steps([
            ("prepare", lambda: asyncio.run(prepare(cluster, survivor))),
            ("kill two", lambda: [node.kill() for node in others]),
            ("without a majority", lambda: asyncio.run(without_majority(survivor, outcomes))),
            ("exit codes", lambda: exit_codes(cluster, survivor)),
            ("two come back", back),
            ("afterwards", lambda: asyncio.run(afterwards(cluster, outcomes))),
            ("health", cluster.check_healthy)])


if __name__ == "__main__":
    main()
