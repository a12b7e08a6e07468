"""One Redis on loopback, at its best durable setting. One: its replicas answer after the primary
has, so that a second one would make no write safer."""

import re
import socket
import subprocess

from points import Way
from servers import Servers, free_port


class Redis(Servers):
    NAME = "redis"
    PROTOCOL = "resp"
    NODES = (1,)
    WAYS = tuple(Way(False, connections) for connections in (3, 16, 64))
    PROGRAMS = {"redis-server": "redis-server"}

    def __init__(self, settings, folder):
        super().__init__(settings, folder)
        self.port = free_port()

    def address(self, node):
        return f"127.0.0.1:{self.port}"

    def command(self, node):
        self.data(node).mkdir(exist_ok=True)
        # Its page on persistence: with appendfsync always a change is on the disk before it is
        # answered, and changes that come together share a sync. No second copy as RDB.
        return ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--dir",
                self.data(node), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                "--loglevel", "warning"], {}

    def version(self):
        told = subprocess.run(["redis-server", "--version"], capture_output=True, text=True,
                              check=True)
        return re.search(r"v=(\S+)", told.stdout)[1]

    def is_ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 3) as one:
                one.sendall(b"PING\r\n")
                return one.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def leader(self):
        return None  # and nobody who could take its place
