#!/usr/bin/env python3
"""Memory is bounded in sum: three nodes of --memory 150MiB are filled with values until they say
`overloaded`; none dies, reads go on, and a restarted one serves. Started with less than its log
needs, a node says what it needs and ends with a code of its own. Clients that ask and do not read
wait with the rest of what they ask, cost little, and what they cost is given back."""

import asyncio
import contextlib
import os
import pathlib
import resource
import socket
import subprocess
import time

import protocol
from cluster import (DONE, UNAVAILABLE, UNKNOWN, Cluster, check, check_equal, options, run_steps,
                     wait_for)

# AddressSanitizer keeps 256 MiB of what was freed, which here is to be given back.
os.environ["ASAN_OPTIONS"] += ":quarantine_size_mb=1:allocator_release_to_os_interval_ms=1000"

MEMORY_MIB = 150
NO_MEMORY = 72
USAGE = 64
VALUE = bytes(range(256)) * 157  # 40,192 bytes


def resident_for(cluster, mib):
    """What that much takes: a sanitizer has a shadow of it all."""
    program = pathlib.Path(cluster.once).read_bytes()
    sanitized = b"__asan_init" in program or b"__tsan_init" in program
    return 4 * mib if sanitized else mib


def resident_mib(node, what="VmRSS"):
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(what + ":"):
                return int(line.split()[1]) / 1024
    raise AssertionError(what)


async def fill(cluster):
    """The names that were written, in order; ends when new ones are refused everywhere. One node
    comes last: what it begins then finds no majority, and ends with its time."""
    written = []
    connections = [await protocol.Connection.open(node.client_port) for node in cluster.nodes]
    refused_in_a_row = 0
    number = 0
    end = time.monotonic() + 25
    while refused_in_a_row < 60:
        check(time.monotonic() < end, f"not full after {len(written)} values")
        names = [b"fill-%d" % (number + i) for i in range(12)]
        number += len(names)
        replies = await asyncio.gather(*(connections[i % 3].write(name, VALUE, timeout_ms=600)
                                         for i, name in enumerate(names)))
        for name, reply in zip(names, replies):
            check(reply.status in (protocol.DONE, protocol.OVERLOADED, protocol.UNAVAILABLE,
                                   protocol.UNKNOWN), f"{name}: {reply}")
            if reply.status == protocol.DONE:
                written.append(name)
            full = reply.status == protocol.OVERLOADED
            refused_in_a_row = refused_in_a_row + 1 if full else 0
    for connection in connections:
        for operation in (protocol.WRITE, protocol.SET, protocol.NEXT):
            begun = time.monotonic()
            value = b"" if operation == protocol.NEXT else b"v"
            reply = await connection.request(operation, b"one more", value)
            check_equal(reply.status, protocol.OVERLOADED, "a new name, at once")
            check(time.monotonic() - begun < 0.5, "it is said at once")
        await connection.close()
    return written


async def read_some(node, names):
    connection = await protocol.Connection.open(node.client_port)
    for name in names:
        reply = await connection.read(name)
        check_equal(reply.status, protocol.DONE, f"read {name}")
        check(reply.value == VALUE, f"value of {name}")
    reply = await connection.read(b"never set")
    check_equal(reply.status, protocol.EMPTY, "a name that is not set")
    await connection.close()


def filled_to_the_bound(cluster, state):
    written = asyncio.run(fill(cluster))
    state["written"] = written
    check(len(written) > 1500, f"{len(written)} values of 40 kB in {MEMORY_MIB} MiB")
    # One may have room again by now: what it began at the bound, and others refused, is given back.
    check(any(cluster.counters(node)["memory_short"] == 1 for node in cluster.nodes),
          "they say that they are short")
    for node in cluster.nodes:
        node.check_running()
        peak = resident_mib(node, "VmHWM")
        row = cluster.counters(node)
        print(f"   node {node.number}: {len(written)} values, {peak:.0f} MiB at most, counted "
              f"{row['memory_bytes'] >> 20} of {row['memory_budget_bytes'] >> 20} MiB")
        check(peak < resident_for(cluster, MEMORY_MIB), f"node {node.number} took {peak:.0f} MiB")
        check_equal(row["memory_budget_bytes"], MEMORY_MIB << 20, "the budget")
        asyncio.run(read_some(node, written[::97]))


def restarted(cluster, state):
    node = cluster.nodes[1]
    node.process.kill()
    node.process.wait(timeout=30)
    node.process = None
    node.start()

    def serves():
        done = cluster.run("read", state["written"][0].decode(), nodes=[node], timeout_ms=1000)
        return done.returncode == 0
    wait_for(serves, "the restarted node serves", 20)
    asyncio.run(read_some(node, state["written"][::97]))
    peak = resident_mib(node, "VmHWM")
    print(f"   restarted: {peak:.0f} MiB at most")
    check(peak < resident_for(cluster, MEMORY_MIB), f"recovery took {peak:.0f} MiB")
    # What it read back is packed more tightly than what it wrote, so a few more may fit; and while
    # it alone has room, what it begins finds no majority, and ends with its time.
    for number in range(100):
        done = cluster.run("write", f"one more {number}", "-", nodes=[node], timeout_ms=600,
                           stdin=VALUE)
        check(done.returncode in (DONE, UNKNOWN, UNAVAILABLE), f"one more: {done!r}")
        if b"overloaded" in done.stderr:
            return
    raise AssertionError(f"not full any more: {done!r}")


def does_not_fit(cluster):
    node = cluster.nodes[2]
    node.stop()
    command = [cluster.onced, "start", "--data", node.directory, "--listen", node.address]
    for memory, code, words in (("100MiB", NO_MEMORY, (b"does not fit", b"give --memory")),
                                ("79MiB", USAGE, (b"too little", b"80MiB")),
                                ("150 MiB", USAGE, (b"is no size",)), ("", USAGE, ()),
                                ("101%", USAGE, (b"is no size",))):
        done = subprocess.run([*command, "--memory", memory], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=30)
        check_equal(done.returncode, code, f"--memory {memory!r}: {done.stderr!r}")
        for word in words:
            check(word in done.stderr, f"{word!r} in {done.stderr!r}")
    node.start()
    cluster.run("status")


def ask_and_do_not_read(port, requests):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    client.sendall(protocol.hello_frame())
    client.recv(4096)
    client.sendall(b"".join(protocol.request_frame(i, protocol.READ, b"large")
                            for i in range(requests)))
    return client


def slow_readers(cluster):
    """100 of them, 250 reads of 64 KiB each: 1.6 GiB of answers."""
    node = cluster.nodes[0]
    before = resident_mib(node)
    clients = [ask_and_do_not_read(node.client_port, 250) for _ in range(100)]
    end = time.monotonic() + 7
    peak = 0
    while time.monotonic() < end:
        done = cluster.run("set", "beside", "v", nodes=[node], timeout_ms=2000)
        check_equal(done.returncode, 0, f"others are served: {done.stderr!r}")
        peak = max(peak, resident_mib(node))
        time.sleep(0.1)
    closed = cluster.counters(node)["unread_closed"]
    for client in clients:
        client.close()
    wait_for(lambda: resident_mib(node) < before + 40, "memory is given back", 10)
    print(f"   {before:.0f} MiB before, {peak:.0f} MiB at most, {resident_mib(node):.0f} MiB "
          f"afterwards, {closed} closed")
    check(peak < before + resident_for(cluster, 250), f"slow readers cost {peak - before:.0f} MiB")


def bursts_of_the_honest(cluster):
    """Who reads gets all that he asked for, at his pace; nothing is kept for him."""
    node = cluster.nodes[0]
    before = resident_mib(node)
    clients = [ask_and_do_not_read(node.client_port, 60) for _ in range(40)]
    for client in clients:
        got = 0
        while got < 60:
            header = read_exactly(client, protocol.HEADER.size)
            length, kind, _ = protocol.HEADER.unpack(header)
            body = read_exactly(client, length - protocol.HEADER.size + protocol.LENGTH_BYTES)
            check_equal(kind, protocol.REPLY, f"answer {got}")
            check_equal(protocol.parse_reply(body).status, protocol.DONE, f"answer {got}")
            got += 1
    for client in clients:  # they stay, and are quiet
        client.settimeout(1)
    wait_for(lambda: resident_mib(node) < before + 40, "memory is given back", 15)
    print(f"   {before:.0f} MiB before, {resident_mib(node):.0f} MiB afterwards")
    for client in clients:
        client.close()


def read_exactly(client, size):
    got = b""
    while len(got) < size:
        piece = client.recv(size - len(got))
        check(piece, "closed")
        got += piece
    return got


def made_ready(parsed):
    """What names will need is there before they come, and counts."""
    def there(cluster):
        return [resident_mib(node) for node in cluster.nodes]
    with Cluster(parsed, name="unready", nodes=1) as cluster:
        before = there(cluster)[0]
        counted = cluster.counters(cluster.nodes[0])["memory_bytes"]
    with Cluster(parsed, name="ready", nodes=1, start_flags=["--ready", "64MiB"]) as cluster:
        wait_for(lambda: there(cluster)[0] > before + 50, "it is touched", 30)
        check_equal(cluster.counters(cluster.nodes[0])["memory_bytes"] - counted, 64 << 20,
                    "it is counted")
        node = cluster.nodes[0]
        for given in ("4097MiB", "-1", "", "some"):
            done = subprocess.run([cluster.onced, "start", "--data", node.directory, "--listen",
                                   node.address, "--ready", given], capture_output=True,
                                  stdin=subprocess.DEVNULL, timeout=30)
            check_equal(done.returncode, USAGE, f"--ready {given!r}: {done.stderr!r}")


async def write_until_it_ends(node):
    connection = await protocol.Connection.open(node.client_port)
    with contextlib.suppress(ConnectionError):
        for begin in range(0, 1 << 16, 16):
            await asyncio.gather(*(connection.write(b"more-%d" % number, VALUE)
                                   for number in range(begin, begin + 16)))


def no_more_of_the_system(cluster):
    """Less than --memory says: it ends with a reason, where it would have said `overloaded`."""
    if resident_for(cluster, 1) > 1:
        print("   not checked here: a sanitizer maps more than any limit")
        return
    node = cluster.nodes[0]
    node.stop()
    limit = 2 * (350 << 20,)
    node.start(lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
    cluster.wait_ready()
    asyncio.run(write_until_it_ends(node))
    check_equal(node.process.wait(timeout=30), NO_MEMORY, f"exit code: {node.log_tail()}")
    node.process = None
    check("out of memory: the system gives no more; give less by --memory" in node.log_tail(),
          f"the log says so: {node.log_tail()}")


def main():
    parsed = options()
    made_ready(parsed)
    state = {}
    with Cluster(parsed, name="no-more", nodes=1, start_flags=["--memory", "2GiB"]) as cluster:
        run_steps([("no more of the system", lambda: no_more_of_the_system(cluster))])
    with Cluster(parsed, name="full", start_flags=["--memory", f"{MEMORY_MIB}MiB"]) as cluster:
        run_steps([
            ("filled to the bound", lambda: filled_to_the_bound(cluster, state)),
            ("restarted", lambda: restarted(cluster, state)),
            ("a log that does not fit", lambda: does_not_fit(cluster)),
        ])
    with Cluster(parsed, name="slow") as cluster:
        done = cluster.run("write", "large", "-", stdin=bytes(65536))
        check_equal(done.returncode, 0, f"the value: {done.stderr!r}")
        run_steps([
            ("honest bursts", lambda: bursts_of_the_honest(cluster)),
            ("slow readers", lambda: slow_readers(cluster)),
        ])


if __name__ == "__main__":
    main()
