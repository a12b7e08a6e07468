#!/usr/bin/env python3
"""Homes by slot, on real processes: a list that does not ascend, nodes that do not agree on the
order, strangers of older versions, and names of the system at the doors of all nodes.
"""

import asyncio
import json
import pathlib
import socket
import struct
import subprocess

import peer_protocol as peer
import protocol
from cluster import (DONE, UNAVAILABLE, Cluster, check, check_equal, options, run_steps,
                     wait_for)
from terminal import false_node

USAGE = 2
ORDER = (3, 1, 2)
OPERATIONS = (protocol.WRITE, protocol.READ, protocol.SET, protocol.CAS, protocol.SEAL,
              protocol.NEXT, protocol.CHECK, protocol.WAIT)
NAMES_A_HOME = 10


class Ordered(Cluster):
    """Formatted with the members in that order."""

    def __init__(self, given, name, order, cores=1):
        super().__init__(given, name=name, cores=cores, format_flags=["--segment-mib", "2"])
        self.order = order

    def members(self):
        return ",".join(f"{number}=127.0.0.1:{self.nodes[number - 1].peer_port}"
                        for number in self.order)


class Disagreeing(Ordered):
    """The last node is formatted with another order; not started."""

    def __enter__(self):
        *others, last = self.nodes
        for node in others:
            node.format()
        self.order = (2, 1, 3)
        last.format()
        return self


async def hello_of(node):
    connection = await protocol.Connection.open(node.client_port)
    await connection.close()
    return protocol.members_by_slot(connection.server_hello)


def everybody_tells_the_order(cluster):
    for node in cluster.nodes:
        check_equal(asyncio.run(hello_of(node))[1], list(ORDER), f"hello of node {node.number}")
        shown = subprocess.run([cluster.onced, "inspect", "--data", node.directory],
                               capture_output=True, text=True, timeout=30).stdout
        for slot, number in enumerate(ORDER):
            check(f"slot {slot}: node {number} at 127.0.0.1:" in shown, shown)


def who_sits_in_the_slot_is_the_home(cluster):
    """One round trip where the slot says, a message to another node from everywhere else."""
    seed, order = asyncio.run(hello_of(cluster.nodes[0]))
    for node in cluster.nodes:
        wait_for(lambda node=node: cluster.counters(node)["claimed"] == 1, "round 0 is open", 20)
    for slot, number in enumerate(order):
        home = cluster.nodes[number - 1]
        names = [name for name in (f"slot-{slot}-{index}".encode() for index in range(500))
                 if peer.home_slot(name, seed, len(order)) == slot][:NAMES_A_HOME]
        check_equal(len(names), NAMES_A_HOME, "enough names")
        before = cluster.counters(home)["fast_path_writes"]
        sent_on = cluster.counters(home)["forwarded"]
        asyncio.run(write_all(home, names))
        check_equal(cluster.counters(home)["fast_path_writes"] - before, NAMES_A_HOME,
                    f"names of slot {slot} in one round trip at node {number}")
        check_equal(cluster.counters(home)["forwarded"], sent_on, "sent on by their home")


async def write_all(node, names):
    connection = await protocol.Connection.open(node.client_port)
    for name in names:
        check_equal((await connection.write(name, b"v")).status, protocol.DONE, f"{name!r}")
    await connection.close()


def clients_ask_the_home(cluster):
    """The command and once-bench go straight to it: no node sends anything on."""
    before = [cluster.counters(node)["forwarded"] for node in cluster.nodes]
    for index in range(12):
        done = cluster.run("write", f"straight-{index}", "v")
        check_equal(done.returncode, DONE, f"{done}")
    program = pathlib.Path(cluster.once).with_name("once-bench")
    done = subprocess.run([program, "--endpoints", cluster.endpoints(), "--op", "write",
                           "--seconds", "1", "--warmup", "0", "--in-flight", "8", "--json"],
                          capture_output=True, timeout=60)
    check_equal(done.returncode, 0, f"{done}")
    check(json.loads(done.stdout)["throughput_per_s"] > 0, f"{done.stdout!r}")
    after = [cluster.counters(node)["forwarded"] for node in cluster.nodes]
    # A hedge, on a busy machine, may go to another node.
    check(sum(after) - sum(before) <= 6, f"sent on: {before}, then {after}")


def names_of_the_system_are_refused(cluster):
    for node in cluster.nodes:
        asyncio.run(refused_at(node))
    done = cluster.run("write", "_mine", "v")
    check_equal(done.returncode, USAGE, f"{done}")
    check(b"names that begin with _ are reserved for the system" in done.stderr, f"{done}")


async def refused_at(node):
    connection = await protocol.Connection.open(node.client_port)
    for operation in OPERATIONS:
        for name in [b"_"] + [b"_%d" % index for index in range(8)]:  # of every home and core
            reply = await connection.request(operation, name, timeout_ms=2000)
            check_equal(reply.status, protocol.INVALID,
                        f"operation {operation} on {name!r} at node {node.number}")
    check_equal((await connection.read(b"a_b")).status, protocol.EMPTY, "it goes on")
    await connection.close()


def older_versions_are_told_both(cluster):
    for node in cluster.nodes:
        with socket.create_connection(("127.0.0.1", node.client_port), timeout=10) as client:
            client.sendall(protocol.hello_frame(version=1))
            told = b""
            while more := client.recv(4096):
                told += more
        length, kind, _ = protocol.HEADER.unpack_from(told)
        check_equal((kind, length + 4), (protocol.ERROR, len(told)), f"an error frame: {told!r}")
        check(b"protocol version 1 of the client is not supported, only version 2: use the same "
              b"release of once on both sides" in told, f"{told!r}")
        stranger = peer.Stranger(node.peer_port)
        kind, why = stranger.greet(peer.Hello("ab" * 16, "cd" * 16, 1, 1, node.number, 1, "",
                                              version=2))
        stranger.close()
        check_equal(kind, peer.REFUSAL, f"a hello of version 2: {why!r}")
        check_equal(why, b"peer protocol version 2 is not spoken, only version 4: run one release "
                    b"of onced on all nodes", "what it is told")
        wait_for(lambda node=node: why.decode() in node.log_text(), "the same in the log", 10)


def clients_say_why_an_older_node_refuses_them(cluster):
    """It is told so by a node, or sees it in the node's hello."""
    told = b"protocol version 2 of the client is not supported, only version 1"
    seen = "protocol version 1 of the server is not supported, only version 2: use the same release"
    hello = struct.pack("<H", 1) + bytes(46)
    bench = pathlib.Path(cluster.once).with_name("once-bench")
    for frame, words in ((protocol.frame(protocol.ERROR, 0, told), told.decode()),
                         (protocol.frame(protocol.SERVER_HELLO, 0, hello), seen)):
        with false_node(frame) as address:
            for code, command in (
                    (UNAVAILABLE, [cluster.once, "--endpoints", address, "--timeout", "700",
                                   "write", "x", "y"]),
                    (1, [bench, "--endpoints", address, "--op", "write"])):
                done = subprocess.run(command, capture_output=True, text=True, timeout=60)
                check_equal(done.returncode, code, f"{done}")
                check(words in done.stderr, f"{words!r} in {done}")


def older_directory_is_refused(cluster):
    """Byte for byte what this release writes, but for the version."""
    node = cluster.nodes[2]
    node.stop()
    identity = node.directory / "identity"
    kept = identity.read_text()
    lines = kept.replace("format=2\n", "format=1\n").rpartition("checksum=")[0]
    identity.write_text(f"{lines}checksum={peer.hash_of(lines.encode()):016x}\n")
    for command in (["start", "--data", node.directory, "--listen", node.address],
                    ["inspect", "--data", node.directory]):
        done = subprocess.run([cluster.onced, *command], capture_output=True, text=True,
                              timeout=30)
        check_equal(done.returncode, 66, f"{command}: {done}")
        check("identity has format 1 of an older release, this program reads format 2: use that "
              "release to read what is there, or format all nodes of a new cluster" in done.stderr,
              done.stderr)
    identity.write_text(kept)
    node.start()
    cluster.wait_ready()


def orders_differ(given):
    """The links of the one that differs are refused, and both sides say which slot it is."""
    with Disagreeing(given, "orders-differ", (1, 2, 3)) as cluster:
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            wait_for(lambda node=node: "in slot 0" in node.log_text(),
                     f"node {node.number} says so", 20)
        one, _, three = cluster.nodes
        for text in ("--cluster must name the nodes in the same order everywhere",
                     "1, 2, 3", "2, 1, 3"):  # in the order in which they met
            check(text in one.log_text() and text in three.log_text(), text)
        check_equal(cluster.counters(three)["admitted"], 0, "it does not vote")


def main():
    given = options()
    with Ordered(given, "by-slot", ORDER) as cluster:
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in (
            everybody_tells_the_order, who_sits_in_the_slot_is_the_home, clients_ask_the_home,
            older_versions_are_told_both,
            clients_say_why_an_older_node_refuses_them, older_directory_is_refused,
            names_of_the_system_are_refused)])
    with Ordered(given, "two-cores", ORDER, cores=2) as cluster:
        run_steps([("names of the system, two cores",
                    lambda: names_of_the_system_are_refused(cluster))])
    run_steps([("orders differ", lambda: orders_differ(given))])


if __name__ == "__main__":
    main()
