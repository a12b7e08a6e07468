"""In the guest: one node, which is its whole cluster, so that each acknowledgement rests on this
disk alone."""

import asyncio
import pathlib
import subprocess
import time

import protocol

PORT, PEER_PORT = 7401, 7501
START_LIMIT_S = 240  # the machine may get little of a busy host
MOUNT_POINT = pathlib.Path("/run/disk")


class Node:
    def __init__(self, binaries, cores):
        self.onced = f"{binaries}/onced"
        self.directory = MOUNT_POINT / "node"
        self.cores = cores
        self.log_path = pathlib.Path("/run/node.log")
        self.process = None

    def format(self, segment_mib):
        subprocess.run([self.onced, "format", "--data", self.directory, "--node", "1", "--cluster",
                        f"1=127.0.0.1:{PEER_PORT}", "--cluster-id", "c0ffee",
                        "--segment-mib", str(segment_mib)],
                       check=True, timeout=START_LIMIT_S, stdin=subprocess.DEVNULL)

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [self.onced, "start", "--data", self.directory, "--listen", f"127.0.0.1:{PORT}",
                 "--cores", str(self.cores)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    async def connect(self):
        """A connection to it, once it serves."""
        end = time.monotonic() + START_LIMIT_S
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"the node does not start: {self.words()}")
            try:
                return await protocol.Connection.open(PORT)
            except (OSError, asyncio.TimeoutError) as error:
                if time.monotonic() > end:
                    raise AssertionError(f"the node does not serve: {self.words()}") from error
            await asyncio.sleep(0.02)

    def end(self, signal):
        self.process.send_signal(signal)
        self.process.wait(timeout=START_LIMIT_S)

    def words(self):
        return self.log_path.read_text(errors="replace")[-1500:]
