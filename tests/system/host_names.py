#!/usr/bin/env python3
"""Host names in `--cluster` and in endpoints, with a name server that says nothing.

The test runs itself again where the machine's files of names may be replaced: in user, mount and
network namespaces of its own, which need no root. Where the machine has none, nothing is tested.
"""

import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

from cluster import (Cluster, DONE, UNAVAILABLE, check, check_equal, options, run_steps,
                     wait_for)

INSIDE = "ONCE_TEST_NAMESPACES"
NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--net"]
NAME_SERVER = "127.0.0.53"
ALL_NAMES = "127.0.0.1 localhost\n127.0.0.1 node-1\n127.0.0.1 node-2\n127.0.0.1 node-3\n"


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


class Names:
    """The files of names, of these namespaces alone, and a name server that never answers."""

    def __init__(self, directory):
        self.hosts = directory / "hosts"
        resolver = directory / "resolv.conf"
        self.write(ALL_NAMES)
        resolver.write_text(f"nameserver {NAME_SERVER}\n")
        for path, where in ((self.hosts, "/etc/hosts"), (resolver, "/etc/resolv.conf")):
            subprocess.run(["mount", "--bind", path, where], check=True)
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind((NAME_SERVER, 53))

    def write(self, text):
        self.hosts.write_text(text)  # in place: what is bound is the file, not its name


class NamedCluster(Cluster):
    def members(self):
        return ",".join(f"{node.number}=node-{node.number}:{node.peer_port}" for node in self.nodes)


def timed(cluster, endpoints, timeout_ms, *arguments):
    command = [cluster.once, "--endpoints", endpoints, "--timeout", str(timeout_ms), *arguments]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, timeout=60)
    return done, time.monotonic() - begun


def several_addresses(cluster, names):
    names.write(ALL_NAMES + "127.0.0.9 many\n127.0.0.8 many\n127.0.0.1 many\n")
    for node in cluster.nodes:
        endpoint = f"many:{node.client_port}"
        done, took = timed(cluster, endpoint, 5000, "write", f"by-name-{node.number}", "x")
        check_equal(done.returncode, DONE, f"a name with two dead addresses: {done.stderr!r}")
        check(took < 3, f"refused addresses take no time: {took}")
        done, _ = timed(cluster, endpoint, 5000, "status")
        check_equal(done.returncode, DONE, f"status by name: {done.stdout!r}")


def silent_endpoint(cluster, names):
    del names
    endpoint = f"unknown:{cluster.nodes[0].client_port}"
    done, took = timed(cluster, endpoint, 1000, "read", "k")
    check_equal(done.returncode, UNAVAILABLE, f"nobody can be asked: {done!r}")
    check(0.9 < took < 3, f"--timeout 1000 took {took} s")
    check(b"could not be looked up in time" in done.stderr, f"it says why: {done.stderr!r}")
    done, took = timed(cluster, endpoint, 1000, "status")
    check(took < 3, f"status took {took} s")
    check(b"could not be looked up in time" in done.stdout + done.stderr, f"why: {done!r}")
    both = f"{endpoint},{cluster.nodes[1].address}"
    done, took = timed(cluster, both, 5000, "write", "beside-a-silent-name", "x")
    check_equal(done.returncode, DONE, f"the other endpoint is fine: {done.stderr!r}")
    check(took < 3, f"it took {took} s")
    done, took = timed(cluster, both, 5000, "lock", "--wait", "5", "l", "--", "true")
    check_equal(done.returncode, DONE, f"a lock: {done.stderr!r}")
    check(took < 3, f"it took {took} s")


def silent_peer(cluster, names):
    """The name of a dead node is not known any more; the others start, and do their work."""
    last = cluster.nodes[2]
    names.write(ALL_NAMES.replace("127.0.0.1 node-3\n", ""))
    cluster.kill_all()
    others = cluster.nodes[:2]
    for node in others:
        node.start()
    cluster.wait_ready()
    wait_for(lambda: any("could not be looked up in time" in node.log_path.read_text()
                         for node in others), "the log names the name")
    for number in range(20):
        begun = time.monotonic()
        done = cluster.run("set", "counter", str(number), nodes=others)
        took = time.monotonic() - begun
        check_equal(done.returncode, DONE, f"set {number}: {done.stderr!r}")
        check(took < 3, f"set {number} took {took} s")
    names.write(ALL_NAMES)
    last.start()
    cluster.wait_ready()


def new_address(cluster, names):
    """A node that moves to another address under its name is found again."""
    last = cluster.nodes[2]
    last.stop()
    names.write(ALL_NAMES.replace("127.0.0.1 node-3", "127.0.0.7 node-3"))
    last.start()
    cluster.nodes[0].stop()  # the last one is needed now
    done = cluster.run("write", "moved", "x", nodes=[cluster.nodes[1]], timeout_ms=20000)
    check_equal(done.returncode, DONE, f"the node is found: {done.stderr!r}")
    cluster.start()


def run_inside(settings):
    loopback_up()
    scratch = pathlib.Path(settings.data).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    names = Names(scratch)
    with NamedCluster(settings) as cluster:
        run_steps([(step.__name__, lambda step=step: step(cluster, names)) for step in
                   (several_addresses, silent_endpoint, silent_peer, new_address)])


def main():
    if os.environ.get(INSIDE):
        return run_inside(options())
    if subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode != 0:
        print("no namespaces here: nothing was tested")
        return None
    os.environ[INSIDE] = "1"
    return os.execvp(NAMESPACES[0], [*NAMESPACES, sys.executable, *sys.argv])


if __name__ == "__main__":
    main()
