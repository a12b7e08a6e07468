#!/usr/bin/env python3
"""`onced inspect` of a node that writes all the time: never a false alarm, and it shows what was
acknowledged before it began."""

import asyncio
import re
import subprocess
import sys
import time

import protocol
from cluster import Cluster, check, check_equal, options, run_steps

SECONDS = 3
VALUE = bytes(range(256)) * 60


async def write_all_the_time(node, acknowledged, stop):
    connection = await protocol.Connection.open(node.client_port)

    async def writer(number):
        for count in range(1_000_000):
            if stop.is_set():
                return
            name = f"live-{number}-{count}"
            reply = await connection.write(name.encode(), VALUE[:200 + count * 37 % 15_000])
            check_equal(reply.status, protocol.DONE, f"write of {name}")
            acknowledged.append(name)

    await asyncio.gather(*(writer(number) for number in range(16)))
    await connection.close()


def inspect(cluster, node, *arguments):
    done = subprocess.run([cluster.onced, "inspect", "--data", node.directory, *arguments],
                          capture_output=True, timeout=60)
    check_equal(done.returncode, 0, f"inspect of a running node: {done.stderr.decode()}")
    return done.stdout.decode()


def accepts(shown):
    """Each name is written once: an accept of it, until a cleaned segment has it as kept."""
    return sum(int(re.search(rf"^ *{kind} +(\d+) records", shown, re.MULTILINE).group(1))
               for kind in ("accept", "kept"))


async def under_load(cluster, node):
    acknowledged, stop = [], asyncio.Event()
    load = asyncio.create_task(write_all_the_time(node, acknowledged, stop))
    await asyncio.sleep(0.3)
    end = time.monotonic() + SECONDS
    runs = 0
    while runs == 0 or time.monotonic() < end:
        check(not load.done(), "the load goes on")
        before = len(acknowledged)
        name = acknowledged[-1]
        text = await asyncio.to_thread(inspect, cluster, node, name)
        check("accepted" in text or "kept" in text, f"the newest name {name} in {text}")
        check(accepts(text) >= before, f"{accepts(text)} accepts, {before} acknowledged before")
        runs += 1
    stop.set()
    await load
    print(f"   {runs} runs beside {len(acknowledged)} writes")
    return acknowledged


def main():
    settings = options()
    with Cluster(settings, nodes=1, cores=2, format_flags=["--segment-mib", "2"]) as cluster:
        node = cluster.nodes[0]
        names = []
        run_steps([
            ("under load", lambda: names.extend(asyncio.run(under_load(cluster, node)))),
            ("stopped", lambda: (node.kill(), stopped(cluster, node, names)))])


def stopped(cluster, node, names):
    text = inspect(cluster, node, names[-1])
    check(accepts(text) >= len(names), f"{accepts(text)} accepts, {len(names)} acknowledged")


if __name__ == "__main__":
    sys.exit(main())
