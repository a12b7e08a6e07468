#!/usr/bin/env python3
"""kill -9 under load: of one node (the others go on within a second), and of all at once (every
acknowledged write reads back)."""

import asyncio
import random

from cluster import Cluster, check, options, run_steps
from load import History, Load, read_back, time_until_writable

MAX_GAP_SECONDS = 1.0


async def kill_one(cluster, history, victim):
    load = Load(cluster, history, f"one-{victim.number}")
    load.start()
    await asyncio.sleep(1.0)
    check(history.writes > 0, "the load writes")
    victim.kill()
    survivors = [node for node in cluster.nodes if node is not victim]
    gap = await time_until_writable(cluster, survivors, f"gap-{victim.number}")
    print(f"node {victim.number} killed: every home writable after {gap * 1000:.0f} ms", flush=True)
    check(gap <= MAX_GAP_SECONDS, f"gap of {gap * 1000:.0f} ms")
    await asyncio.sleep(1.0)
    victim.start()
    await asyncio.to_thread(cluster.wait_ready)
    await asyncio.sleep(0.5)
    await load.stop()
    await read_back(cluster, history, history.acknowledged)


async def kill_all(cluster, history, number):
    load = Load(cluster, history, f"all-{number}")
    before = len(history.acknowledged)
    load.start()
    await asyncio.sleep(random.uniform(0.5, 1.5))
    cluster.kill_all()
    await load.stop()
    check(len(history.acknowledged) > before, "the load writes")
    cluster.start()
    await read_back(cluster, history, history.acknowledged)


def main():
    settings = options(lambda parser: parser.add_argument("--all-kills", type=int, default=3))
    history = History()
    with Cluster(settings) as cluster:
        steps = [(f"kill node {node.number}",
                  lambda node=node: asyncio.run(kill_one(cluster, history, node)))
                 for node in cluster.nodes]
        steps += [(f"kill all, {number}",
                   lambda number=number: asyncio.run(kill_all(cluster, history, number)))
                  for number in range(1, settings.all_kills + 1)]
        run_steps(steps)
        cluster.check_healthy()
    print(f"{len(history.acknowledged)} acknowledged writes read back, "
          f"{history.unknown} answers were unknown, unavailable or lost")


if __name__ == "__main__":
    main()
