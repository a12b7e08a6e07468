"""Three nodes of once on loopback, one core each, as they are by default."""

import json
import secrets
import subprocess

from points import Way
from servers import Servers, check, free_port


class Once(Servers):
    NAME = "once"
    PROTOCOL = "resp"  # of the writers that a node dies under
    PROGRAMS = {}
    WAYS = (Way(False, 6),)  # of the recorded results; nothing is tried out for ours

    def __init__(self, settings, folder):
        super().__init__(settings, folder)
        self.client_ports = {node: free_port() for node in self.NODES}
        self.peer_ports = {node: free_port() for node in self.NODES}
        self.cluster_id = secrets.token_hex(16)
        self.turn = 0

    def address(self, node):
        return f"127.0.0.1:{self.client_ports[node]}"

    def start(self):
        members = ",".join(f"{node}=127.0.0.1:{port}" for node, port in self.peer_ports.items())
        for node in self.NODES:
            made = subprocess.run(
                [self.settings.bin / "onced", "format", "--data", self.data(node), "--node",
                 str(node), "--cluster", members, "--cluster-id", self.cluster_id],
                capture_output=True, text=True, check=False, timeout=60)
            check(made.returncode == 0, f"once: format of node {node}: {made.stderr}")
        super().start()

    def command(self, node):
        return [self.settings.bin / "onced", "start", "--data", self.data(node), "--listen",
                self.address(node), "--cores", 1], {}

    def version(self):
        told = subprocess.run([self.settings.bin / "once", "--version"], capture_output=True,
                              text=True, check=True)
        return told.stdout.split()[1]

    def is_ready(self):
        """Every node serves what has its home there, and has what the others have."""
        told = subprocess.run(
            [self.settings.bin / "once", "--endpoints", self.endpoints(self.WAYS[0]), "--timeout",
             "2000", "--json", "status"], capture_output=True, text=True, check=False, timeout=30)
        try:
            answer = json.loads(told.stdout)
        except ValueError:
            return False  # nobody answers
        nodes = answer if isinstance(answer, list) else answer["nodes"]
        return sum(1 for node in nodes if node.get("reachable") and node.get("claimed") and
                   node.get("in_sync", 1)) == len(self.NODES)

    def leader(self):
        return None  # no node is special

    def next_victim(self):
        """Each in its turn: the names that have their home with it must be taken over by the
        others, as are the writers that were connected to it."""
        self.turn += 1
        return self.NODES[self.turn % len(self.NODES)]

    def load_words(self, point, seconds, warmup):
        operation = {"create": "write", "read": "read"}[point.operation]
        way = self.ways[point.shape]
        return [self.settings.bin / "once-bench", "--endpoints", self.endpoints(way), "--op",
                operation, "--connections", point.connections_by(way), "--in-flight",
                point.in_flight, "--value-size", 32, "--seconds", seconds, "--warmup", warmup,
                "--json"]
