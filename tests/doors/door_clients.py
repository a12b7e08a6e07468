#!/usr/bin/env python3
"""Clients of others at the doors of real nodes: a table of operations and clients, each cell run.

Clients that are not installed are left out, and named. --npm FOLDER: where npm packages lie
(npm install ioredis5@npm:ioredis@5 ioredis6@npm:ioredis@6 redis6@npm:redis@6 iovalkey).
Exit codes: 0 all cells are ok, 1 one is not, 2 no client was there.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
from cluster import Cluster, options  # noqa: E402

CLIENTS = HERE / "clients"
DEBIAN_NODE = "/usr/share/nodejs"


class Client:
    def __init__(self, name, command, environment=None):
        self.name, self.command, self.environment = name, command, environment or {}

    def run(self, port):
        done = subprocess.run([*self.command, str(port)], capture_output=True, text=True,
                              timeout=120, env=dict(os.environ, **self.environment))
        cells = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
        return cells or {"connect": done.stderr.strip()[-200:] or "it said nothing"}


def succeeds(program, *arguments):
    return shutil.which(program) and subprocess.run([program, *arguments],
                                                    capture_output=True).returncode == 0


def compiled(scratch):
    program = scratch / "hiredis"
    made = succeeds("gcc", CLIENTS / "hiredis.c", "-lhiredis", "-o", program)
    return [Client("hiredis", [program])] if made else []


def found(npm, scratch):
    """Those that are here."""
    clients = compiled(scratch)
    if succeeds("/usr/bin/python3", "-c", "import redis"):
        clients.append(Client("python3-redis", ["/usr/bin/python3", CLIENTS / "python_redis.py"]))
    if succeeds("ruby", "-e", "require 'redis'"):
        clients.append(Client("ruby-redis", ["ruby", CLIENTS / "ruby_redis.rb"]))
    if succeeds("php", "-r", "exit(extension_loaded('redis') ? 0 : 1);"):
        clients.append(Client("php-redis", ["php", CLIENTS / "php_redis.php"]))
    if shutil.which("go") and pathlib.Path("/usr/share/gocode/src/github.com/gomodule").exists():
        clients.append(Client("redigo", ["go", "run", CLIENTS / "redigo.go"],
                              {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                               "GOCACHE": str(scratch / "go")}))
    if shutil.which("node") and pathlib.Path(DEBIAN_NODE, "redis").exists():
        clients.append(Client("node-redis 4", ["node", CLIENTS / "redis.js", "redis"],
                              {"NODE_PATH": DEBIAN_NODE}))
    for package, script in (("ioredis5", "ioredis"), ("ioredis6", "ioredis"),
                            ("iovalkey", "ioredis"), ("redis6", "redis")):
        if npm and (npm / "node_modules" / package).exists():
            clients.append(Client(package, ["node", CLIENTS / f"{script}.js", package],
                                  {"NODE_PATH": str(npm / "node_modules")}))
    return clients


def table(columns):
    operations = list(dict.fromkeys(one for cells in columns.values() for one in cells))
    widths = [max(len(one) for one in operations), *map(len, columns)]
    rows = [["", *columns]] + [[one, *(cells.get(one, "-") for cells in columns.values())]
                               for one in operations]
    for row in rows:
        print("  ".join((cell if cell in ("ok", "-", "") or row is rows[0] or i == 0 else "NO")
                        .ljust(width) for i, (cell, width) in enumerate(zip(row, widths))))
    return [(name, one, cell) for name, cells in columns.items() for one, cell in cells.items()
            if cell != "ok"]


def main():
    def extra(parser):
        parser.add_argument("--npm", type=pathlib.Path)
        parser.set_defaults(data="build/door-clients")
    settings = options(extra)
    columns = {}
    with tempfile.TemporaryDirectory() as scratch:
        for client in found(settings.npm, pathlib.Path(scratch)):
            # One of its own for each: what is set once stays so.
            with Cluster(settings, name=client.name.replace(" ", "-")) as cluster:
                columns[client.name] = client.run(cluster.nodes[0].client_port)
    if not columns:
        print("no client is installed", file=sys.stderr)
        return 2
    wrong = table(columns)
    for name, operation, cell in wrong:
        print(f"{name}, {operation}: {cell}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
