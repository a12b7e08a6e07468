#!/usr/bin/env python3
"""Real nodes under real faults: kill -9, SIGSTOP, partitions, slow and cut links, under a load
whose every answer is recorded and checked.

Rounds: each has a fresh cluster (a log only grows, so a round bounds disk and memory), a load
(once-torture) and faults drawn from the seed; then everything is healed, every name is read back,
and once-check looks at the whole history of the round. Exit code: 0 no violation, 1 a violation or
another failure, 2 usage. Ends only processes that it started.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from cluster import Cluster, Node, check, check_equal, free_port  # noqa: E402
from faults import Stretches, World  # noqa: E402
from proxy import Link  # noqa: E402

ROUND_SECONDS = 180
READ_BACK_SECONDS = 150  # a bound, for a machine that does much else
# Of the operations offered while a majority was healthy, so many are answered, on any machine: a
# cluster that answers next to nothing violates nothing else. Less healthy time proves nothing.
LEAST_ANSWERED = 0.01
LEAST_HEALTHY_SECONDS = 5


class TortureNode(Node):
    """Reaches the other nodes through the proxies, and only through them."""

    def members(self):
        return ",".join(
            f"{number}=127.0.0.1:{self.cluster.peer_port_from(self.number, number)}"
            for number in range(1, len(self.cluster.nodes) + 1))

    def format(self):
        done = subprocess.run(
            [self.cluster.onced, "format", "--data", self.directory, "--node", str(self.number),
             "--cluster", self.members(), "--cluster-id", self.cluster.cluster_id],
            capture_output=True, timeout=60)
        check_equal(done.returncode, 0, f"format of node {self.number}: {done.stderr!r}")

    def start(self):
        self.log_begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        super().start()

    def serves(self):
        """Does the process that runs now take clients? It says so in its log."""
        with open(self.log_path, "rb") as log:
            log.seek(self.log_begin)
            return b"serves clients on" in log.read()

    def wait_until_gone(self):
        """After a kill."""
        if self.process is not None:
            self.process.wait(timeout=60)
            self.process = None

    def resident_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


class TortureCluster(Cluster):
    def __init__(self, options, cores, name):
        super().__init__(options, nodes=options.nodes, cores=cores, name=name)
        self.nodes = [TortureNode(self, number) for number in range(1, options.nodes + 1)]
        ports = {node.number: node.peer_port for node in self.nodes}
        self.links = {(a, b): Link(a, b, free_port(), ports[b])
                      for a in ports for b in ports if a != b}

    def peer_port_from(self, dialler, target):
        if dialler == target:
            return self.nodes[target - 1].peer_port
        return self.links[dialler, target].port

    async def open_links(self):
        for link in self.links.values():
            await link.open()

    async def close_links(self):
        for link in self.links.values():
            await link.close()


class Load:
    """once-torture, and what it says."""

    def __init__(self, options, cluster, seed):
        self.history = cluster.directory / "history"
        self.times = cluster.directory / "times"
        self.command = [os.path.join(options.bin, "once-torture"),
                        "--endpoints", cluster.endpoints(), "--history", self.history,
                        "--times", self.times, "--seed", str(seed),
                        "--rate", str(options.rate), "--clients", str(options.clients),
                        "--direct", str(options.direct)]
        self.process = None
        self.calls = 0
        self.summary = None

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        self.reader = asyncio.create_task(self.listen())

    async def listen(self):
        async for line in self.process.stdout:
            if line.startswith(b"progress "):
                self.calls = int(line.split()[1])
            else:
                self.summary = json.loads(line)

    def check_running(self):
        check(self.process.returncode is None, f"once-torture ended: {self.process.returncode}")

    async def finish(self):
        self.check_running()
        self.process.stdin.write(b"finish\n")
        code = await asyncio.wait_for(self.process.wait(), READ_BACK_SECONDS)
        check_equal(code, 0, "exit code of once-torture")
        await self.reader
        return self.summary

    def kill(self):
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    async def close(self):
        if self.process is not None:
            await self.process.wait()

    def read_times(self):
        """By kind: when writes won, were refused and reads were answered; the times of call and
        return of what failed. In seconds."""
        times = {"won": [], "refused": [], "read": [], "failed": []}
        for line in self.times.read_text().splitlines():
            kind, *numbers = line.split()
            numbers = [int(number) / 1000 for number in numbers]
            times[kind].append(numbers if kind == "failed" else numbers[0])
        return times


def find_idleness(stretches, times, rate):
    """What a cluster did not do while a majority was healthy: one line for each complaint."""
    seconds = stretches.seconds()
    if seconds < LEAST_HEALTHY_SECONDS:
        return []
    counts = {kind: stretches.count_at(times[kind]) for kind in ("won", "refused", "read")}
    told = f"in {seconds:.0f} s with a healthy majority ({counts})"
    found = [f"no {kind} {told}" for kind in ("won", "read") if counts[kind] == 0]
    offered = seconds * rate
    if sum(counts.values()) <= offered * LEAST_ANSWERED:
        found.append(f"next to nothing of {offered:.0f} operations answered {told}")
    return found


class Totals:
    """What all rounds together came to."""

    def __init__(self):
        self.outcomes = collections.Counter()
        self.faults = collections.Counter()
        self.names = 0
        self.calls = 0
        self.violations = 0
        self.gap = 0.0
        self.healthy = 0.0
        self.start = 0.0  # the longest of a node, in seconds
        self.failed = 0  # calls, though a majority was healthy all the time that they took
        self.memory = []  # (start, end) of each node and round, MiB
        self.disk = 0.0

    def add_summary(self, summary):
        self.calls += summary["calls"]
        self.names += summary["names"]
        for kind, counts in summary["operations"].items():
            for outcome, count in counts.items():
                self.outcomes[f"{kind} {outcome}"] += count

    def show(self):
        print("operations: " + f"{self.calls} on {self.names} names; "
              + ", ".join(f"{kind} {count}" for kind, count in sorted(self.outcomes.items())
                          if count))
        print(f"faults: {sum(self.faults.values())}; "
              + ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items())))
        print(f"while a majority was healthy ({self.healthy:.0f} s): longest gap without a "
              f"decision {self.gap * 1000:.0f} ms; calls without an answer {self.failed}")
        print(f"longest start of a killed node, until it serves: {self.start * 1000:.0f} ms")
        print(f"memory of a node: at most {max(start for start, _ in self.memory):.0f} MiB at the "
              f"start of a round, {max(end for _, end in self.memory):.0f} MiB at the end; "
              f"log of a node: at most {self.disk:.0f} MiB")
        print(f"violations: {self.violations}", flush=True)


class Progress:
    """One line that is written over, on a terminal only."""

    def __init__(self):
        self.on = sys.stdout.isatty()

    def show(self, text):
        if self.on:
            print(f"\r\033[K{text}", end="", flush=True)

    def clear(self):
        self.show("")


def disk_mib(node):
    return sum(path.stat().st_blocks * 512 for path in node.directory.rglob("*")
               if path.is_file()) / 2**20


async def make_faults(world, end):
    """One stream of faults until `end`; several run beside each other."""
    while time.monotonic() < end:
        await asyncio.sleep(world.rng.uniform(0.1, 2.5))
        await world.one()


async def watch(world, load, end, progress, title):
    begin = time.monotonic()
    while time.monotonic() < end:
        await asyncio.sleep(0.2)
        world.check_running()
        load.check_running()
        progress.show(f"{title}: {time.monotonic() - begin:.0f} s, {load.calls} calls, "
                      f"{sum(world.faults.values())} faults")


async def run_faults(world, load, end, progress, title):
    tasks = [asyncio.create_task(make_faults(world, end)) for _ in range(2)]
    tasks.append(asyncio.create_task(watch(world, load, end, progress, title)))
    try:
        await asyncio.gather(*tasks)
    finally:
        # A fault that is cut short still mends what it broke.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def check_history(options, load):
    done = subprocess.run([os.path.join(options.bin, "once-check"), load.history],
                          capture_output=True, text=True, timeout=300)
    check(done.returncode in (0, 1), f"once-check: {done.stderr}")
    return done


def clean_up(cluster, failed, seed):
    """After a failure the evidence stays, under a name that no later run uses."""
    if not failed:
        shutil.rmtree(cluster.directory, ignore_errors=True)
        return
    for node in cluster.nodes:
        print(f"--- node {node.number}: {node.log_tail()}", file=sys.stderr)
    kept = cluster.directory.with_name(f"failed-{seed}-{int(time.time())}")
    cluster.directory.rename(kept)
    print(f"--- kept: {kept}", file=sys.stderr)


class Round:
    def __init__(self, options, number, seconds, totals, progress):
        self.options = options
        self.number = number
        self.seconds = seconds
        self.totals = totals
        self.progress = progress
        self.seed = options.seed * 1000 + number
        self.failed = False
        self.rng = random.Random(self.seed)
        self.cluster = TortureCluster(options, self.rng.choice([1, 1, 2]), f"round-{number}")

    async def run(self):
        await self.cluster.open_links()
        load = Load(self.options, self.cluster, self.seed)
        try:
            for node in self.cluster.nodes:
                await asyncio.to_thread(node.format)
            await asyncio.to_thread(self.cluster.start)
            await self.run_load(load)
        except Exception:
            self.failed = True
            raise
        finally:
            # What must happen even when it is interrupted again comes first, and does not wait.
            self.cluster.close()
            load.kill()
            self.progress.clear()
            await load.close()
            await self.cluster.close_links()
            clean_up(self.cluster, self.failed, self.seed)

    async def run_load(self, load):
        world = World(self.cluster.nodes, self.cluster.links, self.rng)
        memory = [node.resident_mib() for node in self.cluster.nodes]
        begin = time.monotonic()
        await load.start()
        await asyncio.sleep(0.5)
        world.note()
        await run_faults(world, load, begin + self.seconds, self.progress, f"round {self.number}")
        end = time.monotonic()
        self.progress.show(f"round {self.number}: healed, reading back")
        await asyncio.to_thread(self.cluster.wait_ready)
        summary = await load.finish()
        await asyncio.to_thread(self.cluster.check_healthy)
        checked = await asyncio.to_thread(check_history, self.options, load)
        self.add_up(world, load, summary, memory, begin, end)
        await asyncio.to_thread(self.judge, world, summary, checked)

    def add_up(self, world, load, summary, memory, begin, end):
        totals = self.totals
        totals.faults += world.faults
        totals.add_summary(summary)
        totals.memory += zip(memory, (node.resident_mib() for node in self.cluster.nodes))
        totals.disk = max(totals.disk, *(disk_mib(node) for node in self.cluster.nodes))
        stretches = Stretches(world, begin, end)
        times = load.read_times()
        self.gap, since = stretches.longest_gap(times["won"])
        self.idleness = find_idleness(stretches, times, self.options.rate)
        self.story = stretches.story(self.gap, since)
        totals.gap = max(totals.gap, self.gap)
        totals.healthy += stretches.seconds()
        totals.start = max(totals.start, world.longest_start)
        totals.failed += stretches.count_inside(times["failed"])

    def judge(self, world, summary, checked):
        self.progress.clear()
        print(f"round {self.number} ({self.cluster.cores} cores a node): "
              f"{sum(world.faults.values())} faults; {checked.stdout.strip()}\n"
              f"  longest gap {self.gap * 1000:.0f} ms: {self.story}", flush=True)
        if checked.returncode != 0:
            self.totals.violations += 1
            raise AssertionError("the history has violations; the directory of the round is kept")
        check_equal(summary["unread"], 0, "names that could not be read back")
        check_equal(summary["invalid_or_error"], 0, "answers for calls that break a limit")
        check_equal(self.idleness, [], "what a healthy majority did not do")
        for status in self.cluster.status():
            check_equal(status["ignored_messages"], 0,
                        f"messages that node {status['node']} refused as against the protocol")


async def torture(options):
    task = asyncio.current_task()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    totals = Totals()
    progress = Progress()
    left = options.minutes * 60
    number = 0
    print(f"torture: {options.minutes:g} minutes, {options.nodes} nodes, seed {options.seed}",
          flush=True)
    while left > 1:
        number += 1
        seconds = min(left, options.round_seconds)
        await Round(options, number, seconds, totals, progress).run()
        left -= seconds
    totals.show()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--data", default="build/torture")
    parser.add_argument("--minutes", type=float, default=1, help="of load, without the read-backs")
    parser.add_argument("--seed", type=int, default=None, help="of faults and load")
    parser.add_argument("--rate", type=int, default=2000, help="operations a second")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--io", choices=("uring", "epoll"), help="how the nodes ask the kernel")
    parser.add_argument("--nodes", type=int, default=3, choices=range(3, 16), metavar="3..15")
    parser.add_argument("--direct", type=int, default=3,
                        help="clients that are bound to one node, of each node")
    parser.add_argument("--round-seconds", type=float, default=ROUND_SECONDS)
    options = parser.parse_args()
    if options.minutes <= 0 or options.round_seconds <= 0:
        parser.error("--minutes and --round-seconds must be more than 0")
    options.bin = os.path.abspath(options.bin)
    if options.seed is None:
        options.seed = random.randrange(1_000_000)
    try:
        asyncio.run(torture(options))
    except asyncio.CancelledError:
        print("\ntorture: stopped; its processes are gone", file=sys.stderr)
        sys.exit(130)
    except Exception as failure:  # of any kind: the seed must be told
        if not isinstance(failure, AssertionError):
            traceback.print_exc()
        print(f"torture: FAILED (seed {options.seed}): {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
