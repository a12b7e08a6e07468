#!/usr/bin/env python3
"""`onced inspect` of a node that writes all the time: never a false alarm, and it shows what was
acknowledged before it began."""

import asyncio
import contextlib
import pathlib
import re
import signal
import subprocess
import sys
import time

import protocol
from cluster import Cluster, check, check_equal, options, run_steps

SECONDS = 3
VALUE = bytes(range(256)) * 60
WRITTEN, KEPT_VALUE = 2500, bytes(1900)  # more than two segments, of which all stays needed
MOST_SETS = 2100  # fewer, or what is counted twice would not show


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


async def set_some(connection, count):
    """Of what they write little is needed a moment later."""
    for _ in range(count // 4):
        replies = await asyncio.gather(*(connection.request(protocol.SET, b"hot-%d" % number,
                                                            bytes(60_000)) for number in range(4)))
        check(all(reply.status == protocol.DONE for reply in replies), "changes")


def stopped_in_the_middle(cluster, node):
    """An inspection that stands still behind the names that stay, or is at its end."""
    all_bytes = sum(path.stat().st_size for path in node.directory.glob("log-0-*.seg"))
    process = subprocess.Popen([cluster.onced, "inspect", "--data", node.directory],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with contextlib.suppress(OSError, IndexError):  # it has ended
        while process.poll() is None:
            text = pathlib.Path(f"/proc/{process.pid}/io").read_text(encoding="ascii")
            # All is read once to find the end, and then once more.
            if int(text.split()[1]) > all_bytes + WRITTEN * len(KEPT_VALUE) + (1 << 20):
                break
        process.send_signal(signal.SIGSTOP)
    return process


async def recycled_meanwhile(cluster, node):
    """What is read again counts once."""
    connection = await protocol.Connection.open(node.client_port)
    for begin in range(0, WRITTEN, 50):
        replies = await asyncio.gather(*(connection.write(b"kept-%d" % number, KEPT_VALUE)
                                         for number in range(begin, begin + 50)))
        check(all(reply.status == protocol.DONE for reply in replies), "writes")
    again, sets = 0, 200
    await set_some(connection, sets)
    for _ in range(MOST_SETS // 300):
        process = stopped_in_the_middle(cluster, node)
        try:
            await set_some(connection, 300)
        finally:
            process.send_signal(signal.SIGCONT)
        sets += 300
        out, err = process.communicate(timeout=60)
        check_equal(process.returncode, 0, f"inspect of a running node: {err.decode()}")
        text = out.decode()
        check(accepts(text) <= WRITTEN + sets,
              f"{accepts(text)} accepts, {WRITTEN + sets} were begun: {text}")
        again += "it is read again" in text
        if again == 2:
            break
    await connection.close()
    print(f"   {again} times beside {sets} changes")


def main():
    settings = options()
    small = ["--segment-mib", "2"]
    with Cluster(settings, nodes=1, name="recycled", format_flags=small) as cluster:
        run_steps([("recycled meanwhile",
                    lambda: asyncio.run(recycled_meanwhile(cluster, cluster.nodes[0])))])
    with Cluster(settings, nodes=1, cores=2, format_flags=small) as cluster:
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
