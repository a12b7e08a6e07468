"""Load with a memory: competing writers and readers of fresh names; every answer is checked against
all answers before it."""

import asyncio
import itertools
import random
import time

import protocol
from cluster import check, check_equal


class History:
    """Per name, the one winner that any answer named; a second one is a broken promise."""

    def __init__(self):
        self.winners = {}       # name -> (writer, value)
        self.acknowledged = set()
        self.writes = 0
        self.unknown = 0

    def learn(self, name, writer, value, what):
        known = self.winners.setdefault(name, (writer, value))
        check_equal((writer, value), known, f"{what} of {name!r} names another winner")

    def wrote(self, name, identity, value, reply):
        if reply.status == protocol.DONE:
            self.learn(name, identity, value, "write")
            self.acknowledged.add(name)
            self.writes += 1
        elif reply.status == protocol.ALREADY_SET:
            check(reply.writer != identity, f"refused by itself: {name!r}")
            self.learn(name, reply.writer, reply.value, "refusal")
        else:
            self.uncertain(reply)

    def read(self, name, known_before, reply):
        if reply.status == protocol.DONE:
            self.learn(name, reply.writer, reply.value, "read")
        elif reply.status == protocol.EMPTY:
            check(not known_before, f"empty read of {name!r}, which was written")
        else:
            self.uncertain(reply)

    def uncertain(self, reply):
        check(reply.status in (protocol.UNKNOWN, protocol.UNAVAILABLE, protocol.OVERLOADED),
              f"unexpected answer {reply}")
        self.unknown += 1


class Clients:
    """One connection a node, opened again when it broke."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.connections = {}

    async def at(self, node):
        connection = self.connections.get(node.number)
        if connection is None or connection.closed:
            connection = await protocol.Connection.open(node.client_port)
            other = self.connections.get(node.number)
            if other is not None and not other.closed:  # opened by somebody else meanwhile
                await connection.close()
                return other
            self.connections[node.number] = connection
        return connection

    async def any_of(self, nodes):
        """A connection to one of the nodes, or None."""
        for node in random.sample(nodes, len(nodes)):
            try:
                return await self.at(node)
            except (OSError, asyncio.TimeoutError):
                pass
        return None

    async def close(self):
        for connection in self.connections.values():
            await connection.close()
        self.connections.clear()


class Load:
    def __init__(self, cluster, history, label):
        self.cluster = cluster
        self.history = history
        self.clients = Clients(cluster)
        self.label = label
        self.numbers = itertools.count()
        self.stopping = False
        self.tasks = []

    def start(self, workers=24):
        self.tasks = [asyncio.create_task(self.work()) for _ in range(workers)]

    async def stop(self):
        self.stopping = True
        try:
            await asyncio.wait_for(asyncio.gather(*self.tasks), 30)
        finally:
            await self.clients.close()

    async def work(self):
        while not self.stopping:
            name = f"{self.label}-{next(self.numbers)}".encode()
            await asyncio.gather(self.write_once(name), self.write_once(name))
            await self.read_once(name)

    async def write_once(self, name):
        """A write with its id, tried at several nodes until it has an answer."""
        identity = protocol.new_identity()
        value = f"{identity[0]:x}".encode() * random.choice((1, 1, 1, 20))
        for _ in range(20):
            connection = await self.clients.any_of(self.cluster.nodes)
            if connection is None:
                if self.stopping:
                    return
                await asyncio.sleep(0.02)
                continue
            try:
                reply = await connection.write(name, value, identity, timeout_ms=2000)
            except ConnectionError:  # not a TimeoutError: a missed deadline is a failure
                self.history.unknown += 1
                continue
            self.history.wrote(name, identity, value, reply)
            if reply.status in (protocol.DONE, protocol.ALREADY_SET) or self.stopping:
                return
            await asyncio.sleep(random.uniform(0, 0.02))

    async def read_once(self, name):
        connection = await self.clients.any_of(self.cluster.nodes)
        if connection is None:
            return
        known_before = name in self.history.winners
        try:
            reply = await connection.read(name, timeout_ms=2000)
        except ConnectionError:  # not a TimeoutError: a missed deadline is a failure
            return
        self.history.read(name, known_before, reply)


async def read_back(cluster, history, names, in_flight=64):
    """Every acknowledged write must read back, from whichever node."""
    clients = Clients(cluster)
    pending = iter(sorted(names))

    async def reader():
        for name in pending:
            for attempt in itertools.count():
                connection = await clients.any_of(cluster.nodes)
                check(connection is not None, "no node answers")
                reply = await connection.read(name)
                history.read(name, True, reply)
                if reply.status == protocol.DONE:
                    break
                check(attempt < 5, f"{name!r} cannot be read: {reply}")

    await asyncio.gather(*(reader() for _ in range(in_flight)))
    await clients.close()


async def time_until_writable(cluster, nodes, label, count=96):
    """Writes `count` fresh names (so of every home) through `nodes`, all at once, each repeated
    with its id until done. Returns the seconds until the last one."""
    clients = Clients(cluster)
    begin = time.monotonic()

    async def one(index):
        identity = protocol.new_identity()
        name = f"{label}-{index}".encode()
        while True:
            connection = await clients.at(nodes[index % len(nodes)])
            reply = await connection.write(name, b"v", identity, timeout_ms=2000)
            check(reply.status != protocol.ALREADY_SET, f"refused by nobody: {name!r} {reply}")
            if reply.status == protocol.DONE:
                return
            check(time.monotonic() - begin < 20, f"{name!r} not writable: {reply}")
            await asyncio.sleep(0.005)

    await asyncio.gather(*(one(index) for index in range(count)))
    seconds = time.monotonic() - begin
    await clients.close()
    return seconds
