#!/usr/bin/env python3
"""Wrong directories, taken ports, foreign nodes, garbage on every port: a reason, never a crash."""

import asyncio
import pathlib
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess

import protocol
from cluster import Cluster, DONE, check, check_equal, free_port, options, run_steps, wait_for

SILENT = 40


def start_is_refused(cluster, directory, listen, *words, unchanged=True):
    """`onced start` ends by itself, soon, not by a signal, with a reason; nothing changes there."""
    before = snapshot(directory)
    done = subprocess.run([cluster.onced, "start", "--data", directory, "--listen", listen],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    check(done.returncode > 0, f"start in {directory}: {done}")
    check(done.stderr.strip() or done.stdout.strip(), "it says why")
    text = (done.stderr + done.stdout).decode().lower()
    check(not words or any(word in text for word in words), f"one of {words} in {text!r}")
    if unchanged:
        check_equal(snapshot(directory), before, f"contents of {directory}")


def snapshot(directory):
    return sorted((str(path), path.stat().st_size) for path in pathlib.Path(directory).rglob("*"))


def wrong_directories(cluster):
    listen = f"127.0.0.1:{free_port()}"
    base = cluster.directory
    start_is_refused(cluster, base / "missing", listen)
    (base / "empty").mkdir()
    start_is_refused(cluster, base / "empty", listen, "format")
    (base / "other").mkdir()
    (base / "other" / "letters.txt").write_text("not ours")
    start_is_refused(cluster, base / "other", listen)
    (base / "a-file").write_text("a file")
    start_is_refused(cluster, base / "a-file", listen)
    for directory in (base / "other", cluster.nodes[0].directory):
        before = snapshot(directory)
        done = subprocess.run(
            [cluster.onced, "format", "--data", directory, "--node", "1", "--cluster",
             cluster.members(), "--cluster-id", "ab"], capture_output=True, timeout=20)
        check(done.returncode > 0 and done.stderr, f"format of a used directory: {done}")
        check_equal([name for name, _ in snapshot(directory)], [name for name, _ in before],
                    "contents")
    start_is_refused(cluster, cluster.nodes[0].directory, listen, "use", "lock", unchanged=False)


def bad_arguments(cluster):
    target = cluster.directory / "never"
    for members, node, identity in (
            ("", "1", "ab"), ("1=127.0.0.1", "1", "ab"), ("1=127.0.0.1:1,1=127.0.0.1:2", "1", "ab"),
            ("1=127.0.0.1:1", "2", "ab"), ("0=127.0.0.1:1", "0", "ab"),
            ("1=127.0.0.1:99999", "1", "ab"), ("1=127.0.0.1:1", "1", "xyz"),
            ("1=127.0.0.1:1", "1", "a" * 33), ("1=127.0.0.1:1", "1", "")):
        done = subprocess.run(
            [cluster.onced, "format", "--data", target, "--node", node, "--cluster", members,
             "--cluster-id", identity], capture_output=True, timeout=20)
        check(done.returncode > 0 and done.stderr, f"format {members!r} {node} {identity}: {done}")
        check(not target.exists() or not list(target.iterdir()), "nothing was made")


def binds(holder, port):
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def port_in_use(cluster):
    node = cluster.nodes[2]
    node.stop()
    for port in (node.client_port, node.peer_port):
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # The kernel takes a ring apart after its process is gone, and its sockets with it.
            wait_for(lambda: binds(holder, port), f"port {port} is free", 5)
            holder.listen()
            done = subprocess.run(
                [cluster.onced, "start", "--data", node.directory, "--listen", node.address],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
            check(done.returncode > 0, f"start on a taken port: {done}")
            check(str(port).encode() in done.stderr + done.stdout, f"it names the port: {done}")
    cluster.start()


async def greet(port):
    """A connection to a node that is just starting."""
    for _ in range(200):
        try:
            return await protocol.Connection.open(port)
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError(f"nobody greets on port {port}")


async def nothing_through(node):
    """Straight to this node: `once` would learn the others' addresses and go there."""
    connection = await greet(node.client_port)
    replies = await asyncio.gather(*(
        connection.write(f"impostor-{index}".encode(), b"v", timeout_ms=700)
        for index in range(30)))
    for reply in replies:
        check(reply.status in (protocol.UNKNOWN, protocol.UNAVAILABLE),
              f"write through an impostor: {reply}")
    await connection.close()


def impostor_is_refused(cluster, cluster_id):
    """A node under a member's number and address, but with another disk or of another cluster."""
    node = cluster.nodes[2]
    node.stop()
    kept = node.directory.with_name("kept")
    node.directory.rename(kept)
    real_id, cluster.cluster_id = cluster.cluster_id, cluster_id or cluster.cluster_id
    node.format()
    cluster.cluster_id = real_id
    node.start()
    try:
        asyncio.run(nothing_through(node))
        for other in cluster.nodes[:2]:
            done = cluster.run("write", f"beside-{other.number}-{cluster_id}", "v", nodes=[other])
            check_equal(done.returncode, DONE, "the others go on")
    finally:
        if node.is_running():
            node.kill()
        node.process = None
    shutil.rmtree(node.directory)
    kept.rename(node.directory)
    cluster.start()


def is_closed(connection, seconds=5):
    """Whether the other side closes it; what it says first does not matter."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except (ConnectionError, BrokenPipeError):
        pass
    except TimeoutError:
        return False
    return True


def pour(port, data):
    """Sends data and returns the connection; a peer that hangs up in the middle is fine."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    try:
        connection.sendall(data)
    except OSError:
        pass
    return connection


def ports(cluster):
    return [port for node in cluster.nodes for port in (node.client_port, node.peer_port)]


def garbage(cluster):
    source = random.Random(7)
    for port in ports(cluster):
        for size in (1, 4, 15, 16, 17, 300, 65536, 1 << 20):
            pour(port, source.randbytes(size)).close()
        pour(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").close()
        pour(port, bytes(4096)).close()
        pour(port, b"").close()
    cluster.check_healthy()


def huge_frames(cluster):
    """A frame that claims 4 GiB is refused when its length is read, not when it is complete."""
    before = {node.number: resident_kib(node) for node in cluster.nodes}
    for port in ports(cluster):
        for length in (0xFFFFFFFF, 0x7FFFFFFF, 128 << 20):
            connection = pour(port, struct.pack("<I", length) + bytes(2 << 20))
            check(is_closed(connection), f"port {port} keeps a frame of {length} bytes")
            connection.close()
    for node in cluster.nodes:  # the same behind a hello
        data = protocol.hello_frame() + struct.pack("<IB3xQ", 0xFFFFFFFF, protocol.REQUEST, 1)
        connection = pour(node.client_port, data + bytes(2 << 20))
        check(is_closed(connection), "a frame of 4 GiB after the hello")
        connection.close()
        grown = resident_kib(node) - before[node.number]
        check(grown < 64 << 10, f"node {node.number} grew by {grown} KiB")
    cluster.check_healthy()


def resident_kib(node):
    for line in pathlib.Path(f"/proc/{node.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def broken_frames(cluster):
    port = cluster.nodes[0].client_port
    hello = protocol.hello_frame()
    request = protocol.request_frame(1, protocol.WRITE, b"name", b"value")
    short = protocol.frame(protocol.REQUEST, 1, request[protocol.HEADER.size:-1])
    for what, data in (
            ("a request before the hello", request),
            ("a newer version", protocol.hello_frame(version=999)),
            ("an older version", protocol.hello_frame(version=1)),
            ("another cluster", protocol.hello_frame(cluster=(1, 2))),
            ("an unknown type", hello + protocol.frame(200, 1, b"")),
            ("a server's type", hello + protocol.frame(protocol.REPLY, 1, bytes(40))),
            ("a length below the header", hello + struct.pack("<IB3xQ", 3, 3, 1)),
            ("sizes beyond the frame", hello + short),
            ("a body cut to nothing", hello + protocol.frame(protocol.REQUEST, 1, b""))):
        connection = pour(port, data)
        check(is_closed(connection), f"{what}: the connection stays open")
        connection.close()
    cluster.check_healthy()


def mutated_frames(cluster):
    source = random.Random(11)
    frames = protocol.hello_frame() + b"".join(
        protocol.request_frame(number, source.choice((1, 2)), b"mutated-%d" % number, b"v" * 50,
                               timeout_ms=100)
        for number in range(10))
    for number in range(300):
        data = bytearray(frames)
        for _ in range(source.choice((1, 1, 3, 20))):
            data[source.randrange(len(data))] = source.randrange(256)
        node = cluster.nodes[number % len(cluster.nodes)]
        pour(node.client_port, bytes(data[:source.randrange(len(data))])).close()
    cluster.check_healthy()


async def broken_limits(cluster):
    """What breaks a limit inside a well-formed frame is answered or closed; nothing happens."""
    for operation, name, value in ((protocol.WRITE, b"", b"v"), (protocol.READ, b"", b""),
                                   (protocol.WRITE, b"n" * 1025, b"v"), (9, b"name", b""),
                                   (protocol.WRITE, b"name", b"v" * 65537),
                                   (protocol.READ, b"_name", b""),
                                   (protocol.SET, b"_name", b"v")):
        connection = await protocol.Connection.open(cluster.nodes[0].client_port)
        try:
            reply = await connection.request(operation, name, value)
            check_equal(reply.status, protocol.INVALID, f"operation {operation} on {name[:9]!r}")
        except ConnectionError:
            pass
        await connection.close()
    connection = await protocol.Connection.open(cluster.nodes[0].client_port)
    reply = await connection.read(b"name")
    check_equal(reply.status, protocol.EMPTY, "nothing was written")
    await connection.close()


def silence_is_ended(cluster, connections):
    """Who does not greet a client port within 5 s is hung up on."""
    client_ports = {node.client_port for node in cluster.nodes}
    for port, connection in connections:
        if port in client_ports:
            check(is_closed(connection, 8), "a silent connection stays open")
        connection.close()


def stopped_by_signal(cluster):
    """SIGINT and SIGTERM end a node cleanly, also with connections open."""
    node = cluster.nodes[1]
    for number in (signal.SIGINT, signal.SIGTERM):
        holder = pour(node.client_port, protocol.hello_frame())
        node.process.send_signal(number)
        check_equal(node.process.wait(timeout=20), 0, f"exit code after {number.name}")
        holder.close()
        node.process = None
        cluster.start()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with Cluster(options()) as cluster:
        # Held open, silent, through all that follows until their node stops.
        silent = [(port, pour(port, b"")) for port in ports(cluster) for _ in range(SILENT)]
        half = [(port, pour(port, b"\x20\x00")) for port in ports(cluster)]
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in (
            garbage, huge_frames, broken_frames, mutated_frames)])
        run_steps([("broken_limits", lambda: asyncio.run(broken_limits(cluster)))])
        run_steps([("silence", lambda: silence_is_ended(cluster, silent + half))])
        run_steps([
            ("wrong directories", lambda: wrong_directories(cluster)),
            ("bad arguments", lambda: bad_arguments(cluster)),
            ("port in use", lambda: port_in_use(cluster)),
            ("another cluster", lambda: impostor_is_refused(cluster, "f" * 32)),
            ("another disk", lambda: impostor_is_refused(cluster, None)),
            ("signals", lambda: stopped_by_signal(cluster)),
            ("health", cluster.check_healthy)])


if __name__ == "__main__":
    main()
