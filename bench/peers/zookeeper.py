"""Three servers of ZooKeeper on loopback, at their best durable setting."""

import re
import socket

from servers import Servers, free_port


class Zookeeper(Servers):
    NAME = "zookeeper"
    PROTOCOL = "zookeeper"
    PROGRAMS = {"java": "zookeeper", "/usr/share/java/zookeeper.jar": "zookeeper"}
    JAR = "/usr/share/java/zookeeper.jar"

    def __init__(self, settings, folder):
        super().__init__(settings, folder)
        self.client_ports = {node: free_port() for node in self.NODES}
        self.ports = {node: (free_port(), free_port()) for node in self.NODES}

    def address(self, node):
        return f"127.0.0.1:{self.client_ports[node]}"

    def configuration(self, node):
        # forceSync is the default, and said here: each change is synced before it is answered.
        # Ticks and limits are those of its sample file, and so is the number of changes between two
        # snapshots. By default 60 connections may come from one address, and 1,000 requests may
        # wait in a server: both would hold back the widest points.
        lines = {"tickTime": 2000, "initLimit": 10, "syncLimit": 5, "forceSync": "yes",
                 "dataDir": self.data(node), "dataLogDir": self.data(node),
                 "clientPortAddress": "127.0.0.1", "clientPort": self.client_ports[node],
                 "maxClientCnxns": 0, "globalOutstandingLimit": 10_000,
                 "admin.enableServer": "false", "4lw.commands.whitelist": "srvr"}
        for other, (peer, election) in self.ports.items():
            lines[f"server.{other}"] = f"127.0.0.1:{peer}:{election}"
        return "".join(f"{key}={value}\n" for key, value in lines.items())

    def command(self, node):
        self.data(node).mkdir(exist_ok=True)
        (self.data(node) / "myid").write_text(f"{node}\n", encoding="ascii")
        path = self.folder / f"zoo-{node}.cfg"
        path.write_text(self.configuration(node), encoding="ascii")
        # A heap that all names fit into many times, of one size from the start.
        return ["java", "-server", "-Xms1g", "-Xmx1g", "-cp", self.JAR,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", path], {}

    def told(self, node):
        """What that server says of itself; empty: it does not answer."""
        try:
            with socket.create_connection(("127.0.0.1", self.client_ports[node]), 3) as one:
                one.sendall(b"srvr")
                return one.makefile("rb").read().decode(errors="replace")
        except OSError:
            return ""

    def version(self):
        found = re.search(r"version: ([^,\s]+)", self.told(1))
        return found[1].split("-")[0] if found else "unknown"

    def mode(self, node):
        found = re.search(r"^Mode: (\w+)", self.told(node), re.M)
        return found[1] if found else ""

    def leader(self):
        return next((node for node in self.processes if self.mode(node) == "leader"), None)

    def is_ready(self):
        return sorted(self.mode(node) for node in self.NODES) == ["follower", "follower", "leader"]
