"""In the guest: a node under load on a disk whose writes are recorded, through several lives. Each
acknowledgement is noted, and marked between the writes."""

import asyncio
import random
import signal

import devices
import protocol
from one_node import MOUNT_POINT, Node

WORKERS = 6
LARGE_SHARE, LARGEST = 0.3, 30_000
VARIABLES = 8


class Recording:
    def __init__(self, log, seed):
        self.log = log
        self.random = random.Random(seed)
        self.asked = {}     # name -> value, of the names that are written once
        self.answers = []   # in the order in which they came: [name, version, value]
        self.number = 0

    def value(self):
        size = self.random.randint(9, LARGEST if self.random.random() < LARGE_SHARE else 200)
        return f"{self.random.getrandbits(64):016x}" * (size // 16 + 1)

    def note(self, name, reply, value):
        if reply.status != protocol.DONE:
            raise AssertionError(f"{name}: {reply}")
        self.answers.append([name, reply.version, value])
        self.log.mark(len(self.answers))

    async def worker(self, connection, life, stopping):
        while not stopping.is_set():
            self.number += 1
            value = self.value()
            if self.number % 4 == 0:
                name = f"variable-{self.random.randrange(VARIABLES)}"
                operation = protocol.SET
            else:
                name = f"life-{life}-{self.number}"
                operation = protocol.WRITE
                self.asked[name] = value
            try:
                reply = await connection.request(operation, name.encode(), value.encode())
            except ConnectionError:
                return  # killed meanwhile: nobody knows what became of it
            self.note(name, reply, value)


async def live(recording, node, life, names):
    """Starts it, and ends it in the middle of its work when so many were acknowledged."""
    node.start()
    connection = await node.connect()
    stopping = asyncio.Event()
    goal = len(recording.answers) + names
    workers = [asyncio.create_task(recording.worker(connection, life, stopping))
               for _ in range(WORKERS)]
    while len(recording.answers) < goal and not any(one.done() for one in workers):
        await asyncio.sleep(0.01)
    if life % 3 == 2:
        stopping.set()
        await asyncio.gather(*workers)
        node.end(signal.SIGTERM)
    else:
        node.end(signal.SIGKILL)
    await connection.close()
    for one in await asyncio.gather(*workers, return_exceptions=True):
        if isinstance(one, Exception):
            raise one


def run(job):
    log = devices.WriteLog("/dev/ubda", "/dev/ubdb")
    MOUNT_POINT.mkdir()
    devices.mount(log.path, MOUNT_POINT, job["file_system"])
    node = Node(job["binaries"], job["cores"])
    node.format(job["segment_mib"])
    recording = Recording(log, job["seed"])
    log.mark(0)  # from here on every start must come up
    for life in range(job["lives"]):
        asyncio.run(live(recording, node, life, job["names_a_life"]))
    for _ in range(100):  # the ring of a killed process holds its files a little longer
        try:
            devices.unmount(MOUNT_POINT)
            break
        except OSError:
            import time
            time.sleep(0.05)
    log.close()
    return {"asked": recording.asked, "answers": recording.answers}
