#!/usr/bin/env python3
"""Processes that take a lock in turn and write to a file behind a fence, while they are stopped,
woken and killed, and nodes with them. The tokens in the file never fall, each belongs to one
owner, and what was acknowledged is there, once."""

import collections
import pathlib
import random
import time

from cluster import Cluster, check, check_equal, options
from program import Program

CONTENDERS = 4
TTL_MS = 400
LINES = 10  # of each tenure, if nothing comes in between
PAUSE_S = 0.03


def more(parser):
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))


class Worker:
    """One process that wants the lock; it is followed by another one under a new name."""

    def __init__(self, given, cluster, path, owner):
        self.owner = owner
        self.program = Program(cluster, [pathlib.Path(given.bin) / "examples" / "fenced_file",
                                         "locks/file", path, owner, "--ttl", TTL_MS])
        self.token = None
        self.told = 0          # lines
        self.acknowledged = 0  # the first so many of them
        self.next_line_s = 0.0
        self.thaw_s = None
        self.ready = False
        self.end = None        # its last word

    def hear(self):
        """Takes in what it says. False at the end of its output."""
        for line in self.program.lines_so_far():
            if line is None:
                return False
            self.end = line
            if line.startswith("token "):
                self.token = int(line.split()[1])
            elif line == "ready":
                self.acknowledged = self.told
                self.ready = True
        return True

    def go_on(self, now):
        if not self.ready or now < self.next_line_s:
            return
        self.ready = False
        if self.told == LINES:
            self.program.close_input()
            return
        self.told += 1
        self.next_line_s = now + PAUSE_S
        try:
            self.program.tell(str(self.told))
        except BrokenPipeError:
            pass  # it lost the lock, and ended


class Run:
    def __init__(self, given, cluster):
        self.given = given
        self.cluster = cluster
        self.path = cluster.directory / "shared"
        self.rng = random.Random(given.seed)
        self.past = []
        self.started = 0
        self.counts = collections.Counter()
        self.node_back_s = None
        self.workers = [self.start() for _ in range(CONTENDERS)]

    def start(self):
        self.started += 1
        return Worker(self.given, self.cluster, self.path, f"w{self.started}")

    def step(self, now):
        for index, worker in enumerate(self.workers):
            if not worker.hear():
                self.bury(worker)
                self.workers[index] = self.start()
                continue
            worker.go_on(now)
            if worker.thaw_s is not None and now >= worker.thaw_s:
                worker.program.thaw()
                worker.thaw_s = None
        if self.node_back_s is not None and now >= self.node_back_s:
            self.cluster.start()
            self.node_back_s = None

    def harm(self, now):
        kind = self.rng.choices(["stop", "kill", "node"], [12, 2, 1])[0]
        worker = self.rng.choice([one for one in self.workers if one.token] or self.workers)
        if kind == "stop" and worker.thaw_s is None and worker.program.process.poll() is None:
            if not worker.program.freeze():
                return  # it was about to end
            worker.thaw_s = now + self.rng.uniform(0, 3 * TTL_MS / 1000)
        elif kind == "kill":
            worker.program.process.kill()
        elif kind == "node" and self.node_back_s is None:
            self.rng.choice(self.cluster.nodes).kill()
            self.node_back_s = now + 1
        self.counts[kind] += 1

    def bury(self, worker):
        worker.program.__exit__(None, None, None)
        code = worker.program.process.returncode
        check(code in (0, 3, -9), f"{worker.owner} ended with {code}: {worker.end}")
        self.counts[{0: "finished", 3: "lost", -9: "killed"}[code]] += 1
        self.past.append(worker)

    def run(self):
        end = time.monotonic() + self.given.seconds
        harm_s = time.monotonic()
        try:
            while (now := time.monotonic()) < end:
                self.step(now)
                if now >= harm_s:
                    self.harm(now)
                    harm_s = now + self.rng.uniform(0, 0.5)
                time.sleep(0.002)
        finally:
            for worker in self.workers:
                worker.program.process.kill()
                while worker.hear():
                    time.sleep(0.002)
                self.bury(worker)
        self.check_file()

    def check_file(self):
        lines = [line.split() for line in self.path.read_text().splitlines()]
        tokens = [int(token) for token, _, _ in lines]
        for before, after in zip(tokens, tokens[1:]):
            check(before <= after, f"token {after} wrote after token {before}")
        owners = {(token, owner) for token, owner, _ in lines}
        check_equal(len(owners), len(set(tokens)), "each token belongs to one owner")
        written = collections.defaultdict(list)
        for _, owner, line in lines:
            written[owner.rstrip(":")].append(int(line))
        for worker in self.past:
            there = written[worker.owner]
            check_equal(there, list(range(1, len(there) + 1)), f"lines of {worker.owner}")
            check(worker.acknowledged <= len(there) <= worker.told,
                  f"{worker.owner}: {worker.acknowledged} acknowledged, {len(there)} there")
        tenures = sum(1 for worker in self.past if worker.token)
        print(f"{len(lines)} lines, {tenures} tenures, {dict(self.counts)}")
        check(self.counts["finished"] and self.counts["lost"] and tenures >= self.given.seconds / 4,
              "or nothing is shown")


def main():
    given = options(more)
    print(f"seed {given.seed}", flush=True)
    with Cluster(given) as cluster:
        Run(given, cluster).run()


if __name__ == "__main__":
    main()
