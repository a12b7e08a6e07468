#!/usr/bin/env python3
"""Thousands of waiters on one node, each for a name of its own: all are woken, also when the home
of their names is killed as soon as it has answered the writers. Prints how long it took and what a
waiter costs; both are figures, not tests (--waiters 10000 for those of docs and bench/results)."""

import asyncio
import pathlib
import statistics
import time

import protocol
from cluster import Cluster, check, check_equal, options, run_steps

PER_CONNECTION = 4000
WRITERS = 8
TIMEOUT_MS = 60_000


def resident_kib(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


async def connect(node, waiters):
    count = -(-waiters // PER_CONNECTION)
    return [await protocol.Connection.open(node.client_port) for _ in range(count)]


async def wait_for(connection, name, woken):
    reply = await connection.request(protocol.WAIT, name, timeout_ms=TIMEOUT_MS)
    woken[name] = (time.monotonic(), reply)


async def settle(node, connections, names, woken):
    """All waits are at the node; what they cost it, in KiB."""
    before = resident_kib(node.process)
    tasks = [asyncio.create_task(wait_for(connections[i % len(connections)], name, woken))
             for i, name in enumerate(names)]
    for connection in connections:  # answered behind all that was sent before
        await connection.drain()
        await connection.read(b"behind the waits")
    return tasks, resident_kib(node.process) - before


async def write_all(connection, names, told):
    async def some(own):
        for name in own:
            reply = await connection.write(name, b"value of " + name)
            check_equal(reply.status, protocol.DONE, f"write of {name!r}")
            told[name] = time.monotonic()
    await asyncio.gather(*(some(names[i::WRITERS]) for i in range(WRITERS)))


def check_woken(names, woken):
    lost = [name for name in names if name not in woken]
    check(not lost, f"{len(lost)} of {len(names)} were never told, {lost[:3]}")
    for name in names:
        reply = woken[name][1]
        check_equal((reply.status, reply.value), (protocol.DONE, b"value of " + name), f"{name!r}")


async def many(cluster, count):
    node, other = cluster.nodes[0], cluster.nodes[1]
    names = [f"many-{i}".encode() for i in range(count)]
    woken, told = {}, {}
    connections = await connect(node, count)
    tasks, cost = await settle(node, connections, names, woken)
    writer = await protocol.Connection.open(other.client_port)
    await write_all(writer, names, told)
    await asyncio.wait(tasks, timeout=30)
    check_woken(names, woken)
    delays = sorted(max(0.0, woken[name][0] - told[name]) * 1000 for name in names)
    p99 = delays[int(0.99 * (count - 1))]
    print(f"{count} waiters on one node: woken after p50 {statistics.median(delays):.2f} ms, "
          f"p99 {p99:.2f} ms, max {delays[-1]:.2f} ms behind the answer to the writer; "
          f"{cost * 1024 / count:.0f} bytes of the node each")
    for connection in [*connections, writer]:
        await connection.close()


async def home_killed(cluster, count):
    """Each name is written through its home or not; the one node is killed at once."""
    node, victim = cluster.nodes[0], cluster.nodes[1]
    names = [f"orphan-{i}".encode() for i in range(count)]
    woken, told = {}, {}
    connections = await connect(node, count)
    tasks, _ = await settle(node, connections, names, woken)
    writer = await protocol.Connection.open(victim.client_port)
    await write_all(writer, names, told)
    victim.kill()
    begin = time.monotonic()
    await asyncio.wait(tasks, timeout=30)
    check_woken(names, woken)
    last = max(at for at, _ in woken.values()) - begin
    print(f"{count} waiters, a node killed as soon as its last writer was told: all woken, the "
          f"last {max(0.0, last) * 1000:.0f} ms after the kill")
    for connection in connections:
        await connection.close()
    victim.start()
    cluster.wait_ready()


if __name__ == "__main__":
    given = options(lambda parser: parser.add_argument("--waiters", type=int, default=2000))
    with Cluster(given, name="waiters") as three:
        run_steps([("many", lambda: asyncio.run(many(three, given.waiters))),
                   ("home killed", lambda: asyncio.run(home_killed(three, 500)))])
