#!/usr/bin/env python3
"""Clients at all doors at once (our own protocol, HTTP, RESP2, RESP3), on the same names, under
kill -9, pauses and partitions of real nodes; once-check judges the history of all of them together.

Rounds as those of tests/torture/torture.py, whose nodes, links and faults these are. Exit code: 0
no violation, 1 a violation or another failure, 2 usage. Ends only processes that it started.
"""

import argparse
import asyncio
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import traceback

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("system", "torture", "doors"):
    sys.path.insert(0, str(TESTS / folder))

import torture  # noqa: E402
from calls import save_history  # noqa: E402
from cluster import check, check_equal  # noqa: E402
from falsify import falsified  # noqa: E402
from faults import Stretches, World  # noqa: E402
from joining import joined  # noqa: E402
from speakers import DOORS  # noqa: E402
from workload import Workload  # noqa: E402

ROUND_SECONDS = 60
READ_BACK_SECONDS = 60


class Totals:
    def __init__(self):
        self.asked = collections.Counter()     # (door, operation)
        self.outcomes = collections.Counter()  # (door, outcome)
        self.forms = collections.Counter()     # (door, its words for the operation)
        self.faults = collections.Counter()
        self.left_out = collections.Counter()
        self.falsified = collections.Counter()
        self.guessed = 0
        self.retried = 0  # by another door than the first that had asked
        self.gap = 0.0
        self.healthy = 0.0

    def add(self, calls):
        doors = {}
        for call in calls:
            self.asked[call.door, call.action] += 1
            self.outcomes[call.door, call.outcome] += 1
            self.forms[call.door, call.form] += 1
            self.retried += bool(call.id) and doors.setdefault(call.id, call.door) != call.door

    def show(self):
        print(f"calls: {sum(self.asked.values())}, of them {self.retried} retries at another door")
        for door in DOORS:
            told = [", ".join(f"{word} {count}" for (at, word), count in sorted(counter.items())
                              if at == door) for counter in (self.forms, self.outcomes)]
            print(f"  {door}: {told[0]}\n    told: {told[1]}")
        print(f"faults: {sum(self.faults.values())}; "
              + ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items())))
        print(f"while a majority was healthy ({self.healthy:.0f} s): longest gap without a change "
              f"that is done {self.gap * 1000:.0f} ms")
        print(f"versions that nobody showed, given to a set: {self.guessed}; answers that say too "
              f"little: {sum(self.left_out.values())} {dict(self.left_out)}")
        print("falsified, and found: "
              + ", ".join(f"{what} {count}" for what, count in sorted(self.falsified.items())))
        print("violations: 0", flush=True)


def judge(options, calls, path):
    """What once-check says: (it holds, its text)."""
    save_history(calls, path)
    done = subprocess.run([os.path.join(options.bin, "once-check"), path], capture_output=True,
                          text=True, timeout=300)
    check(done.returncode in (0, 1), f"once-check: {done.stderr}")
    return done.returncode == 0, done.stdout.strip()


class Round:
    def __init__(self, options, number, seconds, totals):
        self.options = options
        self.seconds = seconds
        self.totals = totals
        self.rng = random.Random(options.seed * 1000 + number)
        self.cluster = torture.TortureCluster(options, self.rng.choice([1, 2]), f"round-{number}")
        self.title = f"round {number} ({self.cluster.cores} cores a node)"
        self.failed = True

    async def run(self):
        await self.cluster.open_links()
        try:
            for node in self.cluster.nodes:
                await asyncio.to_thread(node.format)
            await asyncio.to_thread(self.cluster.start)
            await self.load_and_judge()
            self.failed = False
        finally:
            self.cluster.close()
            await self.cluster.close_links()
            torture.clean_up(self.cluster, self.failed, self.options.seed)

    async def load_and_judge(self):
        world = World(self.cluster.nodes, self.cluster.links, self.rng)
        load = Workload(self.cluster, self.rng, self.options.rate, self.options.clients)
        begin = time.monotonic()
        running = asyncio.create_task(load.run())
        try:
            await asyncio.sleep(0.5)
            world.note()
            await self.make_faults(world, running, begin + self.seconds)
            end = time.monotonic()
            load.stopped = True
            await running
            await asyncio.to_thread(self.cluster.wait_ready)
            unread = await load.read_back(READ_BACK_SECONDS)
        finally:
            running.cancel()
            await load.close()
        check_equal(unread, 0, "names that could not be read back")
        await asyncio.to_thread(self.cluster.check_healthy)
        self.add_up(world, load.calls, begin, end)
        await asyncio.to_thread(self.judge, load.calls)

    async def make_faults(self, world, running, end):
        tasks = [asyncio.create_task(self.one_stream(world, end, first))
                 for first in (True, False)]
        try:
            while time.monotonic() < end or not all(task.done() for task in tasks):
                await asyncio.sleep(0.2)
                world.check_running()
                for task in (*tasks, running):
                    if task.done():
                        task.result()  # what went wrong there
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def one_stream(self, world, end, first):
        """Faults one after the other; what has begun is mended, also after the end. The first
        stream begins with one of each kind that no round should go without."""
        if first:
            for kind, make in (("kill one", lambda: world.kill(1)),
                               ("pause one", lambda: world.pause(1)),
                               ("isolate a node", world.isolate)):
                world.faults[kind] += 1
                await make()
        else:
            await asyncio.sleep(self.seconds / 3)
        while time.monotonic() < end:
            await asyncio.sleep(self.rng.uniform(0.1, 2.5))
            await world.one()

    def add_up(self, world, calls, begin, end):
        self.totals.add(calls)
        self.totals.faults += world.faults
        stretches = Stretches(world, begin, end)
        self.gap, since = stretches.longest_gap(
            [call.return_ns / 1e9 for call in calls if call.changes() and call.outcome == "done"])
        self.story = stretches.story(self.gap, since)
        self.totals.gap = max(self.totals.gap, self.gap)
        self.totals.healthy += stretches.seconds()

    def judge(self, calls):
        path = self.cluster.directory / "history"
        whole, guessed, left_out = joined(calls)
        self.totals.guessed += guessed
        self.totals.left_out += left_out
        holds, text = judge(self.options, whole, path)
        print(f"{self.title}: {text}\n  longest gap {self.gap * 1000:.0f} ms: {self.story}",
              flush=True)
        if not holds:
            (path.parent / "told").write_text("\n".join(map(repr, calls)))
        check(holds, "the history has violations; it is kept, and what each door told beside it")
        for door in DOORS:
            self.falsify(calls, door)

    def falsify(self, calls, door):
        """The checker must be able to fail: one answer of this door is changed, then another."""
        for what, changed in falsified(calls, door, self.rng):
            holds, text = judge(self.options, joined(changed)[0],
                                self.cluster.directory / "falsified")
            check(not holds, f"{what} at {door} was not found: {text}")
            self.totals.falsified[f"{door} {what}"] += 1


async def campaign(options):
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, asyncio.current_task().cancel)
    totals = Totals()
    left, number = options.minutes * 60, 0
    print(f"all doors: {options.minutes:g} minutes, {options.nodes} nodes, seed {options.seed}",
          flush=True)
    while left > 1:
        number += 1
        seconds = min(left, options.round_seconds)
        await Round(options, number, seconds, totals).run()
        left -= seconds
    totals.show()
    return totals


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--data", default="build/torture-doors")
    parser.add_argument("--minutes", type=float, default=1, help="of load, without the read-backs")
    parser.add_argument("--seed", type=int, default=None, help="of faults and load")
    parser.add_argument("--rate", type=int, default=600, help="operations a second")
    parser.add_argument("--clients", type=int, default=2, help="of each door of each node")
    parser.add_argument("--io", choices=("uring", "epoll"), help="how the nodes ask the kernel")
    parser.add_argument("--nodes", type=int, default=3, choices=range(3, 16), metavar="3..15")
    parser.add_argument("--round-seconds", type=float, default=ROUND_SECONDS)
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.round_seconds <= 0:
        parser.error("--minutes and --round-seconds must be more than 0")
    options.bin = os.path.abspath(options.bin)
    if options.seed is None:
        options.seed = random.randrange(1_000_000)
    return options


def run(options, inspect=lambda totals: None):
    """`inspect` looks at the totals, and may fail."""
    try:
        inspect(asyncio.run(campaign(options)))
    except asyncio.CancelledError:
        print("\nall doors: stopped; its processes are gone", file=sys.stderr)
        sys.exit(130)
    except Exception as failure:  # of any kind: the seed must be told
        if not isinstance(failure, AssertionError):
            traceback.print_exc()
        print(f"all doors: FAILED (seed {options.seed}): {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run(parse())
