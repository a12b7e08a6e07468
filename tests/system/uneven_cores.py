#!/usr/bin/env python3
"""Nodes of 1, 2 and 2 cores in one cluster: each takes writes, each is killed in the middle of them
and starts again with another number, and everything that was acknowledged is there, at each."""

import asyncio
import itertools

from cluster import Cluster, check, check_equal, options, run_steps, wait_for
from load import Clients
import protocol

CORES = (1, 2, 2)
CHANGES = ((0, 2), (1, 1), (2, 3), (0, 1))  # who starts again with how many
HOT_NAMES = 12
WORKERS = 12
LEAST_WRITES = 150  # acknowledged at each of the others, while one is away


class Writes:
    """Unique names and variables, through all nodes that are up."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.clients = Clients(cluster)
        self.once = {}       # name -> value
        self.variables = {}  # name -> (version, value) of the highest that was acknowledged
        self.at = {node.number: 0 for node in cluster.nodes}
        self.numbers = itertools.count()

    async def one(self, node):
        number = next(self.numbers)
        hot = number % 3 == 0
        name = b"hot-%d" % (number // 3 % HOT_NAMES) if hot else b"once-%d" % number
        value = b"value %d" % number
        operation = protocol.SET if hot else protocol.WRITE
        connection = await self.clients.any_of([node])
        if connection is None:
            return await asyncio.sleep(0.02)
        try:
            reply = await connection.request(operation, name, value, 2000)
        except ConnectionError:  # it was killed: nobody knows
            return None
        if reply.status != protocol.DONE:
            return await asyncio.sleep(0.02)
        self.at[node.number] += 1
        if hot:
            self.variables[name] = max(self.variables.get(name, (0, b"")), (reply.version, value))
        else:
            self.once[name] = value
        return None

    async def worker(self, index, stopping):
        node = self.cluster.nodes[index % len(self.cluster.nodes)]
        while not stopping.is_set():
            await self.one(node)

    async def during(self, what):
        """Writes through all nodes while `what` is done on a thread."""
        stopping = asyncio.Event()
        tasks = [asyncio.create_task(self.worker(index, stopping)) for index in range(WORKERS)]
        try:
            await asyncio.to_thread(what)
        finally:
            stopping.set()
            await asyncio.gather(*tasks)
            await self.clients.close()

    def more_at(self, nodes):
        """Until each of them has acknowledged so many more."""
        goals = {node.number: self.at[node.number] + LEAST_WRITES for node in nodes}
        wait_for(lambda: all(self.at[number] >= goal for number, goal in goals.items()),
                 "writes through each node", 60)

    async def read_back(self, node):
        connection = await protocol.Connection.open(node.client_port)

        async def ask(name):
            return name, await connection.read(name, timeout_ms=10_000)

        names = [*self.once, *self.variables]
        for begin in range(0, len(names), 64):
            for name, reply in await asyncio.gather(*map(ask, names[begin:begin + 64])):
                check_equal(reply.status, protocol.DONE, f"{name!r} at node {node.number}")
                if name in self.once:
                    check_equal(reply.value, self.once[name], f"{name!r} at node {node.number}")
                    continue
                version, value = self.variables[name]
                check(reply.version > version or (reply.version, reply.value) == (version, value),
                      f"{name!r} at node {node.number}: {reply}, and {version} was acknowledged")
        await connection.close()


def streams(node):
    return {path.name.split("-")[1] for path in node.directory.glob("log-*.seg")}


def change(cluster, writes, index, cores):
    """It is killed under load, misses some of it, and comes back with so many cores."""
    node = cluster.nodes[index]
    others = [other for other in cluster.nodes if other is not node]

    def away_and_back():
        node.kill()
        writes.more_at(others)
        node.cores = cores
        node.start()
        writes.more_at(cluster.nodes)

    asyncio.run(writes.during(away_and_back))
    wait_for(lambda: cluster.counters(node)["in_sync"] == 1, f"node {node.number} in sync", 60)
    wait_for(lambda: len(streams(node)) == cores,
             f"node {node.number} has as many log streams as cores: {streams(node)}", 60)
    for one in cluster.nodes:
        asyncio.run(writes.read_back(one))


def main():
    cluster = Cluster(options(), name="uneven-cores", format_flags=["--segment-mib", "2"])
    for node, cores in zip(cluster.nodes, CORES):
        node.cores = cores
    with cluster:
        writes = Writes(cluster)

        def all_at_once():
            cluster.kill_all()
            for node in cluster.nodes:
                node.cores = 1 + node.cores % 2
            cluster.start()
            for node in cluster.nodes:
                asyncio.run(writes.read_back(node))

        run_steps([
            ("writes through each",
             lambda: asyncio.run(writes.during(lambda: writes.more_at(cluster.nodes)))),
            *((f"node {index + 1} comes back with {cores}",
               lambda index=index, cores=cores: change(cluster, writes, index, cores))
              for index, cores in CHANGES),
            ("all of them at once", all_at_once),
        ])
        cluster.check_healthy()
    print(f"{len(writes.once)} names and {HOT_NAMES} variables read back")


if __name__ == "__main__":
    main()
