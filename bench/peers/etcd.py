"""Three members of etcd on loopback, at their best durable setting."""

import json
import re
import subprocess

from servers import Servers, free_port

GIB = 1024**3


class Etcd(Servers):
    NAME = "etcd"
    PROTOCOL = "etcd"
    PROGRAMS = {"etcd": "etcd-server", "etcdctl": "etcd-client"}

    def __init__(self, settings, folder):
        super().__init__(settings, folder)
        self.client_ports = {node: free_port() for node in self.NODES}
        self.peer_ports = {node: free_port() for node in self.NODES}

    def address(self, node):
        return f"127.0.0.1:{self.client_ports[node]}"

    def command(self, node):
        client, peer = f"http://{self.address(node)}", f"http://127.0.0.1:{self.peer_ports[node]}"
        members = ",".join(f"n{other}=http://127.0.0.1:{port}"
                           for other, port in self.peer_ports.items())
        # Each entry of its log is synced before it is answered: that is the default, and nothing
        # here takes it away. Heartbeat (100 ms) and election (1 s) stay as they are: its page on
        # tuning says that they fit a local network. So does the number of entries between two
        # snapshots (100,000). The quota is raised so that no run ends at 2 GiB.
        return ["etcd", "--name", f"n{node}", "--data-dir", self.data(node),
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", members, "--initial-cluster-state", "new",
                "--quota-backend-bytes", 8 * GIB, "--logger", "zap", "--log-outputs", "stderr",
                "--log-level", "warn"], {}

    def version(self):
        told = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True)
        return re.search(r"etcd Version: (\S+)", told.stdout)[1]

    def statuses(self):
        """Of the members that answer, by node."""
        running = {f"{self.address(node)}": node for node in self.processes}
        asked = subprocess.run(
            ["etcdctl", "--endpoints", ",".join(running), "--command-timeout", "3s", "endpoint",
             "status", "-w", "json"], capture_output=True, text=True, check=False, timeout=30,
            env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"})
        try:
            return {running[one["Endpoint"]]: one["Status"] for one in json.loads(asked.stdout)}
        except ValueError:
            return {}  # nobody answers

    def leader(self):
        for node, status in self.statuses().items():
            if status.get("leader") == status["header"]["member_id"]:
                return node
        return None

    def is_ready(self):
        """All have one leader, and what it has."""
        statuses = self.statuses()
        leaders = {status.get("leader", 0) for status in statuses.values()}
        applied = [status.get("raftAppliedIndex", 0) for status in statuses.values()]
        return (len(statuses) == len(self.NODES) and len(leaders) == 1 and 0 not in leaders and
                max(applied) - min(applied) < 100)
