"""In the guest: the nodes of a cluster, all on one disk. A power cut takes all of them at once, so
that each acknowledgement rests on this disk alone."""

import asyncio
import pathlib
import secrets
import struct
import subprocess
import time

import protocol

PORT, PEER_PORT = 7400, 7500
START_LIMIT_S = 240  # the machine may get little of a busy host
MOUNT_POINT = pathlib.Path("/run/disk")


class Node:
    def __init__(self, job, number):
        self.job = job
        self.number = number
        self.onced = f"{job['binaries']}/onced"
        self.directory = MOUNT_POINT / f"node-{number}"
        self.port = PORT + number
        self.log_path = pathlib.Path(f"/run/node-{number}.log")
        self.process = None

    def format(self):
        members = ",".join(f"{number}=127.0.0.1:{PEER_PORT + number}"
                           for number in range(1, self.job["nodes"] + 1))
        subprocess.run([self.onced, "format", "--data", self.directory, "--node", str(self.number),
                        "--cluster", members, "--cluster-id", "c0ffee",
                        "--segment-mib", str(self.job["segment_mib"])],
                       check=True, timeout=START_LIMIT_S, stdin=subprocess.DEVNULL)

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [self.onced, "start", "--data", self.directory,
                 "--listen", f"127.0.0.1:{self.port}", "--cores", str(self.job["cores"]),
                 "--ready", "0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    async def connect(self):
        """A connection to it, once it serves."""
        end = time.monotonic() + START_LIMIT_S
        while True:
            if not self.runs():
                raise AssertionError(f"node {self.number} does not start: {self.words()}")
            try:
                return await protocol.Connection.open(self.port)
            except (OSError, asyncio.TimeoutError) as error:
                if time.monotonic() > end:
                    raise AssertionError(
                        f"node {self.number} does not serve: {self.words()}") from error
            await asyncio.sleep(0.02)

    def end(self, signal):
        self.process.send_signal(signal)
        self.process.wait(timeout=START_LIMIT_S)

    def words(self):
        return self.log_path.read_text(errors="replace")[-1500:]

    async def counters(self):
        """What it says of itself, at most a tenth of a second old."""
        return await asyncio.wait_for(self._ask_counters(), timeout=20)

    async def _ask_counters(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(protocol.hello_frame()
                         + protocol.frame(protocol.STATUS_REQUEST, 1, b""))
            kind = None
            while kind != protocol.STATUS_REPLY:
                length, kind, _ = protocol.HEADER.unpack(
                    await reader.readexactly(protocol.HEADER.size))
                body = await reader.readexactly(
                    length - (protocol.HEADER.size - protocol.LENGTH_BYTES))
            return parse_counters(body)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(str(error)) from error
        finally:
            writer.close()


def parse_counters(body):
    """Of the body of a status reply: name -> value."""
    _, count = struct.unpack_from("<HH", body)
    counters, at = {}, 16
    for _ in range(count):
        size, = struct.unpack_from("<H", body, at)
        name = body[at + 2:at + 2 + size].decode()
        counters[name], = struct.unpack_from("<Q", body, at + 2 + size)
        at += 10 + size
    return counters


async def in_sync(node, limit_s=START_LIMIT_S):
    """Waits until it says that it lacks nothing."""
    end = time.monotonic() + limit_s
    while True:
        counters = await node.counters()
        if counters["in_sync"] == 1:
            return
        if time.monotonic() > end:
            raise AssertionError(f"node {node.number} is not in sync: {counters}")
        await asyncio.sleep(0.1)


async def takes_writes(node, limit_s=START_LIMIT_S):
    """Waits until it does: nodes that are new must all have met."""
    connection = await node.connect()
    end = time.monotonic() + limit_s
    while True:
        name = f"ready-{secrets.token_hex(8)}".encode()
        reply = await connection.write(name, b"", timeout_ms=5000)
        if reply.status == protocol.DONE:
            return await connection.close()
        if time.monotonic() > end:
            raise AssertionError(f"node {node.number} takes no writes: {reply}, {node.words()}")
        await asyncio.sleep(0.1)
