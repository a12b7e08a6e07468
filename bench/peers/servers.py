"""Processes of one system that is measured, and what the kernel counts of them. Each dies with
this process; only what was started here is ever stopped."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from points import Way  # noqa: E402
from cluster import check, free_port, wait_for  # noqa: E402,F401  pylint: disable=unused-import

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
STOP_SECONDS = 20
READY_SECONDS = 300  # a node that was away learns what the others have first


def die_with_parent():
    """In the child: nothing stays behind, however its parent ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Servers:
    """What all systems have in common. A system says how its servers are started (`command`), when
    they are ready, who leads, and how they are loaded."""

    NAME = ""
    NODES = (1, 2, 3)
    PROTOCOL = ""  # of peer-load
    # Whom to ask, and by how many connections: the trials choose.
    WAYS = tuple(Way(leader_only, connections)
                 for leader_only in (True, False) for connections in (3, 16, 64))

    def __init__(self, settings, folder):
        self.settings = settings
        self.folder = pathlib.Path(folder) / self.NAME
        self.folder.mkdir(parents=True)
        self.processes = {}
        self.written = 0  # names, by all loads
        self.ways = {}  # by shape of a point
        self.led_by = None  # when it was asked last

    def command(self, node):
        """What starts that node: words, and variables of its environment."""
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def is_ready(self):
        """Every node serves."""
        raise NotImplementedError

    def leader(self):
        """The node through which all changes go; None: there is none."""
        raise NotImplementedError

    def next_victim(self):
        """The node whose death is felt the most."""
        return self.leader()

    def address(self, node):
        raise NotImplementedError

    def data(self, node):
        return self.folder / f"data-{node}"

    def start(self):
        for node in self.NODES:
            self.start_node(node)
        self.wait_ready()

    def start_node(self, node):
        words, environment = self.command(node)
        with open(self.folder / f"log-{node}", "ab") as log:
            self.processes[node] = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **environment}, cwd=self.folder, preexec_fn=die_with_parent)

    def wait_ready(self):
        wait_for(self.is_ready_or_ended, f"all of {self.NAME} serves", READY_SECONDS, 0.2)

    def is_ready_or_ended(self):
        for node, process in self.processes.items():
            check(process.poll() is None, f"{self.NAME}: node {node} has ended with "
                  f"{process.poll()}: {self.log_tail(node)}")
        return self.is_ready()

    def log_tail(self, node):
        return (self.folder / f"log-{node}").read_text(errors="replace")[-2000:]

    def kill_node(self, node):
        """kill -9."""
        self.processes[node].kill()
        self.processes.pop(node).wait(timeout=STOP_SECONDS)

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=STOP_SECONDS)
        self.processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def endpoints(self, way):
        """Where the connections go to, in turn."""
        nodes = [self.led_by] if way.leader_only and self.led_by else self.NODES
        return ",".join(self.address(node) for node in nodes)

    def look_for_leader(self):
        """Before a load: another one may lead by now."""
        self.led_by = self.leader()

    def load_words(self, point, seconds, warmup):
        """The load generator, for a point."""
        way = self.ways[point.shape]
        return [self.settings.bin / "peer-load", "--protocol", self.PROTOCOL, "--endpoints",
                self.endpoints(way), "--op", point.operation, "--connections",
                point.connections_by(way), "--in-flight", point.in_flight, "--value-size", 32,
                "--seconds", seconds, "--warmup", warmup]

    def writer_words(self, seconds, writers):
        """Writers of which each goes on with another node when its own does not answer."""
        everybody = ",".join(self.address(node) for node in self.NODES)
        return [self.settings.bin / "peer-load", "--protocol", self.PROTOCOL, "--endpoints",
                everybody, "--connections", writers, "--in-flight", writers, "--value-size", 32,
                "--seconds", seconds, "--warmup", 1, "--timeout", self.settings.patience]

    def cpu_seconds(self):
        return sum(cpu_seconds_of(process.pid) for process in self.processes.values())

    def written_bytes(self):
        """That went to the disk, of all nodes."""
        return sum(written_bytes_of(process.pid) for process in self.processes.values())

    def kept_bytes(self):
        """Of the data folders as they are: what the file system has given them."""
        total = 0
        for node in self.NODES:
            for path in self.data(node).rglob("*"):
                try:
                    total += path.stat().st_blocks * 512
                except FileNotFoundError:
                    pass  # removed between the two
        return total

    def resident_bytes(self):
        pages = 0
        for process in self.processes.values():
            pages += int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds_of(pid):
    """In user mode and in the kernel, of all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def written_bytes_of(pid):
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0
