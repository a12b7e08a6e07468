#!/usr/bin/env python3
"""The log is cleaned while it is written: many times more is written than its files may take, nodes
are killed in the middle of it, and everything that was acknowledged is there. With cores that come
and go, too."""

import asyncio
import contextlib
import itertools
import os
import random

from cluster import Cluster, check, check_equal, options, run_steps, wait_for
from damage import BLOCK, CORRUPT, flip, segments
from load import Clients
import protocol

MIB = 1024 * 1024
SEGMENT = 2 * MIB  # the smallest
TIMES_OVER = 50  # segments that each node writes
PUT_OFF = 4  # segments of a core that are cleaned only when the load rests
HOT_NAMES = 20


class Hot:
    """Variables that are set again and again, beside names that are written once."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.clients = Clients(cluster)
        self.acknowledged = {}  # name -> (version, value) of the highest
        self.once = {}          # name -> value
        self.numbers = itertools.count()
        self.stopping = False

    async def set_one(self, name):
        value = f"{next(self.numbers)}:".encode() + random.randbytes(random.choice((40, 8000)))
        connection = await self.clients.any_of(self.cluster.nodes)
        if connection is None:
            return await asyncio.sleep(0.02)
        try:
            reply = await connection.request(protocol.SET, name, value, 2000)
        except ConnectionError:  # not a TimeoutError: a missed deadline is a failure
            return None
        if reply.status == protocol.DONE:
            known = self.acknowledged.get(name, (0, b""))
            self.acknowledged[name] = max(known, (reply.version, value))
        return None

    async def write_one(self, name):
        value = b"once " + name
        connection = await self.clients.any_of(self.cluster.nodes)
        if connection is None:
            return
        try:
            reply = await connection.write(name, value, timeout_ms=2000)
        except ConnectionError:
            return
        if reply.status == protocol.DONE:
            self.once[name] = value

    async def work(self, worker):
        for number in itertools.count():
            if self.stopping:
                return
            await self.set_one(b"hot-%d" % random.randrange(HOT_NAMES))
            if number % 10 == 0:
                await self.write_one(b"once-%d-%d-%d" % (worker, number, next(self.numbers)))

    async def run_until(self, done, seconds=120):
        self.stopping = False
        tasks = [asyncio.create_task(self.work(worker)) for worker in range(24)]
        try:
            await asyncio.to_thread(wait_for, done, "as much is written", seconds, 0.2)
        finally:
            self.stopping = True
            await asyncio.gather(*tasks)
            await self.clients.close()

    async def read_back(self):
        for node in self.cluster.nodes:
            connection = await protocol.Connection.open(node.client_port)
            for name, (version, value) in self.acknowledged.items():
                reply = await connection.read(name, timeout_ms=5000)
                check(reply.status == protocol.DONE, f"{name}: {reply}")
                check(reply.version > version or (reply.version, reply.value) == (version, value),
                      f"{name}: version {reply.version}, and {version} was acknowledged")
            for name, value in self.once.items():
                reply = await connection.read(name, timeout_ms=5000)
                check(reply.status == protocol.DONE and reply.value == value, f"{name}: {reply}")
            await connection.close()


def bytes_on_disk(node):
    """Files come, go and change their names meanwhile."""
    total = 0
    for path in node.directory.glob("log-*.seg"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def too_much(cluster, node, more=0):
    """What takes more than it may, or nothing. `more`: segments beside the four a core."""
    counters = cluster.counters(node)
    bound = 2 * counters["log_needed_bytes"] + (4 * cluster.cores + more) * SEGMENT
    for bytes_taken, what in ((counters["log_file_bytes"], "counted"),
                              (bytes_on_disk(node), "on the disk")):
        if bytes_taken > bound:
            return f"node {node.number}: {bytes_taken} bytes {what}, {bound} allowed: {counters}"
    return None


def check_space_under_load(cluster, node):
    """One segment more: for what happens while it is looked at."""
    wrong = too_much(cluster, node, more=PUT_OFF * cluster.cores + 1)
    check(wrong is None, wrong)


def check_space_at_rest(cluster, node):
    wait_for(lambda: too_much(cluster, node) is None,
             f"node {node.number} is cleaned, now that nothing is written", 30)


def churn(cluster, hot, segments):
    """Until each node has written so many segments in this run."""
    def done():
        for node in cluster.nodes:
            check_space_under_load(cluster, node)
        return all(cluster.counters(node)["log_bytes"] >= segments * SEGMENT
                   for node in cluster.nodes)
    asyncio.run(hot.run_until(done))


def kill_in_the_middle(cluster, hot, times):
    for _ in range(times):
        async def until_killed():
            killing = asyncio.create_task(kill_soon())
            await hot.run_until(killing.done)

        async def kill_soon():
            await asyncio.sleep(random.uniform(1.0, 3.0))
            await asyncio.to_thread(cluster.kill_all)

        asyncio.run(until_killed())
        cluster.start()
        asyncio.run(hot.read_back())


def check_cleaned(cluster):
    for node in cluster.nodes:
        counters = cluster.counters(node)
        check(counters["log_segments_cleaned"] >= TIMES_OVER / 2, f"it was cleaned: {counters}")
        check(counters["log_segments_recycled"] >= TIMES_OVER / 2, f"files come again: {counters}")
        check_space_at_rest(cluster, node)


def with_cores(cluster, hot, cores):
    for node in cluster.nodes:
        node.stop()
    cluster.cores = cores
    cluster.start()
    for node in cluster.nodes:
        wait_for(lambda node=node: not list(node.directory.glob(f"log-{cores}-*")),
                 "the log streams that are too many are removed")
    asyncio.run(hot.read_back())
    churn(cluster, hot, 8)
    asyncio.run(hot.read_back())


def rot(node, rotten):
    """A bit of the first batch of each segment that is not written any more. (Behind the one that
    is there are two spares.)"""
    for path in segments(node.directory, 0)[:-3]:
        if path in rotten:
            continue
        rotten.add(path)
        with contextlib.suppress(FileNotFoundError):
            flip(path, BLOCK + 300, 1)
            with open(path, "rb") as file:
                os.fsync(file.fileno())


def rotten_segments(settings):
    """Who cleans reads what nobody has read since it was written. The node must not vote again."""
    with Cluster(settings, nodes=1, name="rot", format_flags=["--segment-mib", "2"]) as cluster:
        hot, node = Hot(cluster), cluster.nodes[0]
        rotten = set()

        def ended():
            rot(node, rotten)
            return node.process.poll() is not None
        asyncio.run(hot.run_until(ended))
        check_equal(node.process.returncode, CORRUPT, f"exit code: {node.log_tail()}")
        node.process = None
        errors = [line for line in node.log_path.read_text().splitlines() if " error " in line]
        check_equal(len(errors), 1, f"error lines: {errors}")
        for word in ("the log is damaged, stopping: corrupt log: ", "log-0-", "must not vote"):
            check(word in errors[0], f"{word!r} in {errors[0]!r}")
        print(f"   {errors[0]}")


def main():
    settings = options()
    run_steps([("rotten segments", lambda: rotten_segments(settings))])
    with Cluster(settings, format_flags=["--segment-mib", str(SEGMENT // MIB)]) as cluster:
        hot = Hot(cluster)
        run_steps([
            ("more is written than the files take", lambda: churn(cluster, hot, TIMES_OVER)),
            ("all of it is there", lambda: asyncio.run(hot.read_back())),
            ("it was cleaned", lambda: check_cleaned(cluster)),
            ("killed in the middle of it", lambda: kill_in_the_middle(cluster, hot, 3)),
            ("with two cores", lambda: with_cores(cluster, hot, 2)),
            ("with one core again", lambda: with_cores(cluster, hot, 1)),
        ])
        cluster.check_healthy()
    print(f"{len(hot.once)} names and {HOT_NAMES} variables read back")


if __name__ == "__main__":
    main()
