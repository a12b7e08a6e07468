"""In the guest: nodes under load on a disk whose writes are recorded, through several lives. Each
acknowledgement is noted, and marked between the writes, and so is from time to time what the nodes
say of their cleaning and catching up.

alone: one node is the whole cluster. A hot set is overwritten, so that its few small segments are
cleaned and recycled all the time, with names beside it that are written once.
repair: three nodes; one of them is away, comes back and catches up, several times. The marks begin
when it comes back first.
"""

import asyncio
import random
import signal
import time

import devices
import protocol
import values
from disk_log import SAMPLE
from nodes import MOUNT_POINT, Node, takes_writes

WORKERS = 6
LARGE_SHARE, LARGEST = 0.3, 30_000
HOT_NAMES = 8
HOT_SHARE = {"alone": 0.75, "repair": 0.4}
HOT_LARGEST = {"alone": 64_000, "repair": 24_000}
SAMPLE_S = {"alone": 0.2, "repair": 0.05}  # names are caught up quickly
# Nobody was told that it is so, and a machine that is that slow may well be late.
UNDONE = (protocol.UNKNOWN, protocol.UNAVAILABLE, protocol.OVERLOADED)
TOLD = ("log_segments_cleaned", "log_segments_recycled", "log_kept_bytes", "log_bytes", "caught_up",
        "behind", "in_sync")


class Recording:
    def __init__(self, log, job):
        self.log = log
        self.kind = job["kind"]
        self.random = random.Random(job["seed"])
        self.nodes = [Node(job, number) for number in range(1, job["nodes"] + 1)]
        self.marking = False
        self.asked = {}     # name -> value (values.py), of the names that are written once
        self.answers = []   # in the order in which they came: [name, version, value]
        self.undone = 0
        self.samples = []   # [life, {node: what it tells of TOLD}]
        self.life = 0
        self.number = 0

    def value(self, largest):
        size = self.random.randint(9, largest if self.random.random() < LARGE_SHARE else 200)
        return values.new(self.random, size)

    def hot_value(self):
        largest = HOT_LARGEST[self.kind]
        return values.new(self.random, self.random.randint(largest // 2, largest))

    def begin_marks(self):
        self.marking = True
        self.log.mark(len(self.answers))  # from here on every start must come up

    def note(self, name, reply, value):
        if reply.status in UNDONE:
            self.undone += 1
            return
        if reply.status != protocol.DONE:
            raise AssertionError(f"{name}: {reply}")
        self.answers.append([name, reply.version, value])
        if self.marking:
            self.log.mark(len(self.answers))

    def next_request(self):
        self.number += 1
        if self.random.random() < HOT_SHARE[self.kind]:
            return (protocol.SET, f"hot-{self.random.randrange(HOT_NAMES)}", self.hot_value())
        name, value = f"once-{self.life}-{self.number}", self.value(LARGEST)
        self.asked[name] = value
        return protocol.WRITE, name, value

    async def worker(self, connection, going, stopping):
        while not stopping.is_set():
            await going.wait()
            operation, name, value = self.next_request()
            try:
                reply = await connection.request(operation, name.encode(), values.whole(value),
                                                 60_000)
            except ConnectionError:
                return  # killed meanwhile: nobody knows what became of it
            self.note(name, reply, value)

    async def sample(self):
        told = {}
        for node in self.nodes:
            try:
                counters = await node.counters()
                told[node.number] = {name: counters[name] for name in TOLD}
            except OSError:
                pass  # it does not serve
        self.samples.append([self.life, told])
        if self.marking:
            self.log.mark(f"{SAMPLE}{len(self.samples)}")

    async def sampler(self, stopping):
        while not stopping.is_set():
            await self.sample()
            await asyncio.sleep(SAMPLE_S[self.kind])


class Load:
    """Workers that ask these nodes, until they are told to stop or their nodes are gone."""

    def __init__(self, recording, nodes):
        self.recording, self.nodes = recording, nodes
        self.stopping, self.going = asyncio.Event(), asyncio.Event()
        self.going.set()

    async def begin(self):
        self.connections = [await node.connect() for node in self.nodes]
        self.workers = [asyncio.create_task(self.recording.worker(
            self.connections[index % len(self.connections)], self.going, self.stopping))
            for index in range(WORKERS)]
        self.sampler = asyncio.create_task(self.recording.sampler(self.stopping))

    async def answers(self, count):
        """Until there are so many more."""
        goal = len(self.recording.answers) + count
        while len(self.recording.answers) < goal and not any(one.done() for one in self.workers):
            await asyncio.sleep(0.01)

    async def end(self, politely):
        self.stopping.set()
        await asyncio.gather(self.sampler)
        await self.recording.sample()
        if politely:
            await asyncio.gather(*self.workers)

    async def close(self):
        for connection in self.connections:
            await connection.close()
        for one in await asyncio.gather(*self.workers, return_exceptions=True):
            if isinstance(one, Exception):
                raise one


async def live_alone(recording, answers):
    """Starts the node, and ends it in the middle of its work when so many were acknowledged."""
    node = recording.nodes[0]
    node.start()
    load = Load(recording, [node])
    await load.begin()
    await load.answers(answers)
    politely = recording.life % 3 == 2
    if not politely:
        await recording.sample()
        node.end(signal.SIGKILL)
    await load.end(politely)
    if politely:
        node.end(signal.SIGTERM)
    await load.close()


async def come_back(recording, load, late, answers):
    """It starts, and the load goes on for so many answers; then it has time to catch up."""
    recording.life += 1
    if not recording.marking:
        recording.begin_marks()
    late.start()
    await load.answers(answers)
    load.going.clear()
    end = time.monotonic() + 120
    while not any(told.get(late.number, {}).get("in_sync") == 1
                  for life, told in recording.samples if life == recording.life):
        if time.monotonic() > end:
            raise AssertionError(f"node {late.number} is not in sync: {recording.samples[-1]}")
        await asyncio.sleep(0.1)
    load.going.set()


async def live_with_repair(recording, lives, answers):
    others, late = recording.nodes[:2], recording.nodes[2]
    for node in recording.nodes:
        node.start()
    for node in recording.nodes:
        await takes_writes(node)
    load = Load(recording, others)
    await load.begin()
    await load.answers(answers // 2)
    for _ in range(lives):
        late.end(signal.SIGKILL)
        await load.answers(answers)
        await come_back(recording, load, late, answers // 2)
    await load.end(politely=True)
    for node in recording.nodes:
        node.end(signal.SIGKILL)
    await load.close()


def record(recording, job):
    for node in recording.nodes:
        node.format()
    if job["kind"] == "repair":
        asyncio.run(live_with_repair(recording, job["lives"], job["answers_a_life"]))
        return
    recording.begin_marks()
    for life in range(job["lives"]):
        recording.life = life
        asyncio.run(live_alone(recording, job["answers_a_life"]))


def run(job):
    log = devices.WriteLog("/dev/ubda", "/dev/ubdb")
    MOUNT_POINT.mkdir()
    devices.mount(log.path, MOUNT_POINT, job["file_system"])
    recording = Recording(log, job)
    try:
        record(recording, job)
    except Exception as error:
        words = "".join(node.words() for node in recording.nodes if node.log_path.exists())
        raise AssertionError(f"{error!r}; {words}") from error
    for _ in range(100):  # the ring of a killed process holds its files a little longer
        try:
            devices.unmount(MOUNT_POINT)
            break
        except OSError:
            time.sleep(0.05)
    log.close()
    return {"asked": recording.asked, "answers": recording.answers, "samples": recording.samples,
            "undone": recording.undone}
