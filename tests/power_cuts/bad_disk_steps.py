"""In the guest: three nodes with a disk each, of which the third turns bad while they are under
load: slow (each write takes half a second), and later one whose writes fail until it has healed."""

import asyncio
import json
import pathlib
import signal
import subprocess
import time

import devices
import protocol
from nodes import MOUNT_POINT, START_LIMIT_S, Node, in_sync, takes_writes

ROUNDS = 3
IN_FLIGHT = 6
AWAY_NAMES = 300


class Disk:
    """Of one node; what it is made of may change under the node."""

    def __init__(self, number, device, file_system):
        self.device, self.file_system = device, file_system
        self.mapped = devices.Mapped(f"disk-{number}", devices.sectors_of(device), "linear",
                                     f"{device} 0")
        self.place = MOUNT_POINT / str(number)
        self.place.mkdir(parents=True)
        self.mount()

    def mount(self):
        devices.mount(self.mapped.path, self.place, self.file_system)

    def unmount(self):
        for _ in range(200):  # the ring of an ended process holds its files a little longer
            try:
                return devices.unmount(self.place)
            except OSError:
                time.sleep(0.05)
        return devices.unmount(self.place)

    def be_well(self):
        self.mapped.becomes("linear", f"{self.device} 0")

    def be_slow(self, write_ms):
        self.mapped.becomes("delay", f"{self.device} 0 0 {self.device} 0 {write_ms}")

    def fail_writes(self):
        self.mapped.becomes("flakey", f"{self.device} 0 0 3600 1 error_writes")


class Cluster:
    def __init__(self, job):
        self.job = job
        self.disks = [Disk(number, f"/dev/ubd{'abc'[number - 1]}", job["file_system"])
                      for number in (1, 2, 3)]
        self.nodes = [Node(job, number) for number in (1, 2, 3)]
        for node, disk in zip(self.nodes, self.disks):
            node.directory = disk.place / "node"
            node.format()
            node.start()
        self.bad, self.bad_disk = self.nodes[2], self.disks[2]

    async def ready(self):
        for node in self.nodes:
            await (await node.connect()).close()
            await in_sync(node)

    def bench(self):
        """Starts a load on all nodes; what it says is asked with `end_of`."""
        endpoints = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return subprocess.Popen(
            [f"{self.job['binaries']}/once-bench", "--endpoints", endpoints, "--op", "write",
             "--in-flight", str(IN_FLIGHT), "--seconds", str(self.job["seconds"]), "--warmup", "1",
             "--timeout", "30000", "--json"], stdout=subprocess.PIPE, text=True)


def end_of(bench):
    out, _ = bench.communicate(timeout=START_LIMIT_S)
    told = json.loads(out)
    return {"done": told["done"], "p50_us": told["p50_us"], "p99_us": told["p99_us"],
            "max_us": told["max_us"], "errors": told["errors"]["total"]}


def slow(cluster):
    """By turns: well, and slow. The load that is under way when it changes is looked at, too."""
    rounds = []
    for _ in range(ROUNDS):
        well = end_of(cluster.bench())
        change = cluster.bench()
        time.sleep(cluster.job["seconds"] / 2)
        cluster.bad_disk.be_slow(cluster.job["write_ms"])
        change = end_of(change)
        bad = end_of(cluster.bench())
        told = asyncio.run(cluster.bad.counters())
        cluster.bad_disk.be_well()
        rounds.append({"well": well, "change": change, "slow": bad,
                       "disk_slow": told["disk_slow"]})
        asyncio.run(in_sync(cluster.bad))
    words = [line for line in cluster.bad.log_path.read_text().splitlines() if "slow" in line]
    return {"rounds": rounds, "words": words[:4]}


async def write_names(node, names):
    connection = await node.connect()
    failed = 0
    for begin in range(0, len(names), IN_FLIGHT):
        replies = await asyncio.gather(*(
            connection.write(name, b"of " + name, timeout_ms=30_000)
            for name in names[begin:begin + IN_FLIGHT]))
        failed += sum(reply.status != protocol.DONE for reply in replies)
    await connection.close()
    return failed


async def missing(node, names):
    connection = await node.connect()
    count = 0
    for name in names:
        reply = await connection.read(name, timeout_ms=30_000)
        count += (reply.status, reply.value) != (protocol.DONE, b"of " + name)
    await connection.close()
    return count


def fails_and_heals(cluster):
    others = cluster.nodes[:2]
    load = cluster.bench()
    time.sleep(cluster.job["seconds"] / 2)
    cluster.bad_disk.fail_writes()
    code = cluster.bad.process.wait(timeout=START_LIMIT_S)
    during = end_of(load)
    names = [f"away-{number}".encode() for number in range(AWAY_NAMES)]
    failed = asyncio.run(write_names(others[0], names))
    words = [line for line in cluster.bad.words().splitlines() if " error " in line]
    cluster.bad_disk.unmount()
    cluster.bad_disk.be_well()
    cluster.bad_disk.mount()
    begun = time.monotonic()
    cluster.bad.start()
    asyncio.run(serves_in_sync(cluster.bad))
    seconds = time.monotonic() - begun
    for node in others:
        node.process.send_signal(signal.SIGSTOP)
    lost = asyncio.run(missing(cluster.bad, names))
    for node in others:
        node.process.send_signal(signal.SIGCONT)
    return {"exit_code": code, "words": words, "during": during, "failed_at_others": failed,
            "seconds_to_sync": round(seconds, 1), "names": len(names), "missing_alone": lost}


async def serves_in_sync(node):
    await (await node.connect()).close()
    await in_sync(node)


def run(job):
    pathlib.Path(MOUNT_POINT).mkdir()
    cluster = Cluster(job)
    try:
        asyncio.run(cluster.ready())
        return {"slow": slow(cluster), "fails": fails_and_heals(cluster)}
    except Exception as error:
        words = "".join(node.words() for node in cluster.nodes)
        raise AssertionError(f"{error!r}; {words}") from error
    finally:
        for node in cluster.nodes:
            if node.runs():
                node.end(signal.SIGKILL)
