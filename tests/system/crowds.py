#!/usr/bin/env python3
"""Thousands of connections that ask nothing, and limits of open files that they reach: whoever asks
something finds a place, whoever waits for an answer keeps his, and the log gets its files. Prints
how long a well-behaved client waits for its answers beside them; figures, not tests."""

import asyncio
import os
import re
import resource
import select
import socket
import subprocess
import threading
import time

import protocol
from cluster import Cluster, DONE, check, check_equal, options, run_steps, wait_for

PLACES = 4096  # of a core
MEASURED_S = 1.5
FEW_FILES = 72
VALUE = bytes(60_000)


def raise_own_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    check(hard > PLACES + 200, f"this test needs {PLACES + 200} open files, the limit is {hard}")


def connect(node, sent=b""):
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", node.client_port))
    if sent:
        writable = select.poll()
        writable.register(connection, select.POLLOUT)
        writable.poll(10_000)
        connection.send(sent)
    return connection


def ended(connection):
    """By the node: what it said is read to the end."""
    try:
        while data := connection.recv(65536):
            del data
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


class Crowd:
    """So many connections; those that the node closes are made again, until it leaves."""

    def __init__(self, node, count, sent=b"", insists=True):
        self.node, self.sent, self.leaves = node, sent, not insists
        self.made = count
        self.members = [connect(node, sent) for _ in range(count)]
        self.thread = threading.Thread(target=self.insist)
        self.thread.start()

    def insist(self):
        while not self.leaves:
            for index, connection in enumerate(self.members):
                if self.leaves or not ended(connection):
                    continue
                connection.close()
                self.members[index] = connect(self.node, self.sent)
                self.made += 1
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leaves = True
        self.thread.join()
        for connection in self.members:
            connection.close()


def counter(cluster, name):
    return cluster.status()[0][name]


async def write_for_a_while(node, prefix):
    """Its delays in ms, in order; a new connection."""
    connection = await protocol.Connection.open(node.client_port)
    delays, end = [], time.monotonic() + MEASURED_S
    while time.monotonic() < end:
        begin = time.monotonic()
        reply = await connection.write(b"%s-%d" % (prefix, len(delays)), b"v")
        check_equal(reply.status, protocol.DONE, "a write beside the crowd")
        delays.append((time.monotonic() - begin) * 1000)
    await connection.close()
    return sorted(delays)


def measure(node, what):
    delays = asyncio.run(write_for_a_while(node, what.encode()))
    p50, p99 = (delays[int(part * (len(delays) - 1))] for part in (0.5, 0.99))
    print(f"{what}: {len(delays)} writes, p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
          f"max {delays[-1]:.2f} ms", flush=True)


def silent_crowd(cluster):
    node = cluster.nodes[0]
    measure(node, "nobody else")
    before = counter(cluster, "clients_closed_before_hello")
    with Crowd(node, PLACES) as crowd:
        measure(node, "4096 silent connections")
        for index in range(5):
            done = cluster.run("write", f"silent-{index}", "v")
            check_equal((done.returncode, done.stderr), (DONE, b""), "a command")
        taken = counter(cluster, "connections")
        check(taken <= 1024 + 128, f"a quarter of the places: {taken}")
        gone = counter(cluster, "clients_closed_before_hello") - before
        check(gone >= PLACES - 1024 - 128, f"the oldest gave way: {gone} of {crowd.made}")
        check_equal(counter(cluster, "clients_turned_away"), 0, "turned away")
    text = node.log_path.read_text()
    check("of those that said no hello it waits longest" in text, "the log says so")
    check(len(text.splitlines()) < 60, f"not for each of them: {len(text.splitlines())} lines")


async def idle_crowd(cluster):
    node = cluster.nodes[0]
    waiter = await protocol.Connection.open(node.client_port)
    wait = asyncio.create_task(waiter.request(protocol.WAIT, b"crowd-news", timeout_ms=60_000))
    await asyncio.sleep(0.1)
    # It is idle between its renewals, and before the others.
    lock = subprocess.Popen(
        [cluster.once, "--endpoints", node.address, "lock", "crowd-lock", "--ttl", "3", "--",
         "sleep", "7"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    await asyncio.sleep(0.3)
    with Crowd(node, PLACES, protocol.hello_frame(), insists=False) as crowd:
        wait_for(lambda: counter(cluster, "clients_closed_idle") >= 2, "the core is full", 20)
        check(sum(not ended(one) for one in crowd.members) >= PLACES - 50, "and no more than full")
        newcomer = await protocol.Connection.open(node.client_port)
        more = []
        for index in range(20):
            reply = await newcomer.write(b"crowd-%d" % index, b"v")
            check_equal(reply.status, protocol.DONE, "a newcomer is served")
            more.append(await protocol.Connection.open(node.client_port))
        delays = await write_for_a_while(node, b"full")
        print(f"4096 idle connections: {len(delays)} writes, p50 {delays[len(delays) // 2]:.2f} "
              f"ms, p99 {delays[int(0.99 * (len(delays) - 1))]:.2f} ms", flush=True)
        check_equal(cluster.run("write", "crowd-news", "it came").returncode, DONE, "a command")
        reply = await asyncio.wait_for(wait, 10)
        check_equal((reply.status, reply.value), (protocol.DONE, b"it came"), "who waits stays")
        _, said = await asyncio.to_thread(lock.communicate, timeout=30)
        check_equal((lock.returncode, said), (0, b""), "the lock's client notices nothing")
        check_equal(counter(cluster, "clients_turned_away"), 0, "turned away")
    for connection in [newcomer, waiter, *more]:
        await connection.close()


class Watcher:
    """Asks for the status over a place that it keeps: it has a wait in flight."""

    def __init__(self, node):
        self.socket = socket.create_connection(("127.0.0.1", node.client_port), timeout=20)
        self.socket.sendall(protocol.hello_frame() + protocol.request_frame(
            1, protocol.WAIT, b"few-news", timeout_ms=60_000))
        self.stream = self.socket.makefile("rb")
        self.next_frame(protocol.SERVER_HELLO)

    def next_frame(self, wanted):
        while True:
            length, kind, _ = protocol.HEADER.unpack(self.stream.read(protocol.HEADER.size))
            body = self.stream.read(length - (protocol.HEADER.size - protocol.LENGTH_BYTES))
            if kind == wanted:
                return body

    def counter(self, name):
        self.socket.sendall(protocol.frame(protocol.STATUS_REQUEST, 2, b""))
        body = self.next_frame(protocol.STATUS_REPLY)
        at = body.index(name.encode()) + len(name)
        return int.from_bytes(body[at:at + 8], "little")

    def news(self):
        return protocol.parse_reply(self.next_frame(protocol.REPLY))


def restart_with(cluster, files):
    node = cluster.nodes[0]
    node.stop()
    node.start(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
    return node


def cpu_seconds(node):
    with open(f"/proc/{node.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def write_segments(connection, cluster, count):
    for index in range(count):
        reply = await connection.write(b"large-%d" % index, VALUE)
        check_equal(reply.status, protocol.DONE, f"write {index} with all descriptors taken")
    logs = [path for path in (cluster.nodes[0].directory).rglob("*") if path.is_file()]
    return sum(path.stat().st_size >= 2 << 20 for path in logs)


async def few_files(cluster):
    """Clients have all descriptors that they can get, and ask for more."""
    node = restart_with(cluster, FEW_FILES)
    cluster.wait_ready()
    said = re.search(r"(\d+) client connections fit into the limit of 72 open files, .*ulimit -n",
                     node.log_tail())
    check(said, f"said at start: {node.log_tail()}")
    places = int(said.group(1))
    watcher = Watcher(node)
    own = await protocol.Connection.open(node.client_port)
    busy = asyncio.create_task(own.request(protocol.WAIT, b"few-news", timeout_ms=60_000))
    await asyncio.sleep(0.1)
    ask = protocol.hello_frame() + protocol.request_frame(1, protocol.WAIT, b"never",
                                                          timeout_ms=60_000)
    def full():
        return len(os.listdir(f"/proc/{node.process.pid}/fd"))
    # Who says nothing at the peer port has places of his own.
    strangers = [socket.create_connection(("127.0.0.1", node.peer_port)) for _ in range(40)]
    with Crowd(node, 300, ask) as crowd:
        await asyncio.sleep(1)
        segments = await write_segments(own, cluster, 200)
        check(segments >= 5, f"the log went on in new files: {segments}")
        check(full() <= FEW_FILES - 8, f"{full()} descriptors are taken")
        kept = sum(not ended(one) for one in crowd.members)
        check(kept >= places - 8, f"{kept} of {places} places are taken")
        crowd.leaves = True
        crowd.thread.join()
        before = cpu_seconds(node)
        await asyncio.sleep(1)
        check(cpu_seconds(node) - before < 0.5, "it does not spin")
        check(watcher.counter("clients_turned_away") > 0, "turned away")
        check_equal(watcher.counter("log_full"), 0, "log_full")
    await own.write(b"few-news", b"v")
    check_equal((await busy).status, protocol.DONE, "who waits stays")
    check_equal(watcher.news().status, protocol.DONE, "and the watcher")
    await own.close()
    for one in (watcher.socket, *strangers):
        one.close()
    wait_for(lambda: cluster.run("write", "few-after", "v").returncode == DONE, "places are free")
    text = node.log_path.read_text()
    for said in ("disk full", "no further log file"):
        check(said not in text, "the log had its files")
    check("client connection is turned away: overloaded: too many connections" in text, "told")


def too_few_files(cluster):
    node = restart_with(cluster, 30)
    check_equal(node.process.wait(timeout=20), 71, "the exit code")
    node.process = None
    check("open files, too few to start: raise it (`ulimit -n`" in node.log_tail(), "says why")


def main():
    where = options()
    raise_own_limit()
    with Cluster(where, nodes=1, name="crowds", format_flags=["--segment-mib", "2"]) as one:
        run_steps([("silent crowd", lambda: silent_crowd(one)),
                   ("idle crowd", lambda: asyncio.run(idle_crowd(one))),
                   ("few files", lambda: asyncio.run(few_files(one))),
                   ("too few files", lambda: too_few_files(one))])


if __name__ == "__main__":
    main()
