#!/usr/bin/env python3
"""A client that says that it asks nothing more (`nc -N`: shutdown of its sending side) gets every
answer, then the node closes; a node keeps nothing of it for longer."""

import os
import socket
import subprocess
import time

import protocol
from cluster import Cluster, check, check_equal, options, run_steps, wait_for


def connect(node):
    return socket.create_connection(("127.0.0.1", node.client_port), timeout=20)


def frames_until_the_end(connection):
    data = b""
    while part := connection.recv(65536):
        data += part
    frames = []
    while data:
        length, kind, correlation = protocol.HEADER.unpack_from(data)
        end = protocol.LENGTH_BYTES + length
        frames.append((kind, correlation, data[protocol.HEADER.size:end]))
        data = data[end:]
    return frames


def ask(node, *requests):
    """All at once, and not a byte after it."""
    with connect(node) as connection:
        connection.sendall(protocol.hello_frame() + b"".join(requests))
        connection.shutdown(socket.SHUT_WR)
        frames = frames_until_the_end(connection)
    check_equal(frames[0][0], protocol.SERVER_HELLO, "the first frame")
    return {correlation: (kind, body) for kind, correlation, body in frames[1:]}


def write(correlation, name, value):
    return protocol.request_frame(correlation, protocol.WRITE, name, value,
                                  identity=protocol.new_identity())


def answers(cluster):
    for node in cluster.nodes:
        for count in (1, 300):
            prefix = f"half-{node.number}-{count}".encode()
            got = ask(node, *(write(i + 1, b"%s-%d" % (prefix, i), b"v") for i in range(count)),
                      protocol.frame(protocol.STATUS_REQUEST, count + 1, b""))
            check_equal(sorted(got), list(range(1, count + 2)), "every request is answered, once")
            for correlation in range(1, count + 1):
                reply = protocol.parse_reply(got[correlation][1])
                check_equal(reply.status, protocol.DONE, f"write {correlation}")
            check_equal(got[count + 1][0], protocol.STATUS_REPLY, "the status")


def waits(cluster):
    """A wait as well: until its news, or until its deadline."""
    node = cluster.nodes[0]
    with connect(node) as connection:
        connection.sendall(protocol.hello_frame() + protocol.request_frame(
            1, protocol.WAIT, b"half-news", timeout_ms=30_000))
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
        check_equal(cluster.run("write", "half-news", "it came").returncode, 0, "write")
        reply = protocol.parse_reply(frames_until_the_end(connection)[1][2])
        check_equal((reply.status, reply.value), (protocol.DONE, b"it came"), "the news")
    begin = time.monotonic()
    got = ask(node, protocol.request_frame(1, protocol.WAIT, b"half-never", timeout_ms=1500))
    check_equal(protocol.parse_reply(got[1][1]).status, protocol.NOT_YET, "its deadline")
    check(1 < time.monotonic() - begin < 10, "after its time")


def nothing_in_flight(cluster):
    """With nothing to answer it is closed at once: a half hello, a hello, an answered request."""
    node = cluster.nodes[0]
    for sent in (b"", protocol.hello_frame()[:9], protocol.hello_frame()):
        begin = time.monotonic()
        with connect(node) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            frames_until_the_end(connection)
        check(time.monotonic() - begin < 3, f"closed at once after {len(sent)} bytes")
    with connect(node) as connection:
        connection.sendall(protocol.hello_frame() + write(1, b"half-later", b"v"))
        time.sleep(0.5)
        connection.shutdown(socket.SHUT_WR)
        check_equal(len(frames_until_the_end(connection)), 2, "frames")


def wrong_frames(cluster):
    """The reason reaches whoever has ended already."""
    with connect(cluster.nodes[0]) as connection:
        connection.sendall(protocol.hello_frame() + protocol.frame(protocol.REPLY, 1, b"?"))
        connection.shutdown(socket.SHUT_WR)
        check_equal(frames_until_the_end(connection)[-1][0], protocol.ERROR, "the last frame")


def descriptors(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def nothing_is_left(cluster):
    node = cluster.nodes[1]
    before = descriptors(node)
    gone = []
    for i in range(50):  # gone altogether, in the middle of a wait: kept until that is over
        gone.append(connect(node))
        gone[-1].sendall(protocol.hello_frame() + protocol.request_frame(
            1, protocol.WAIT, b"half-gone", timeout_ms=2000))
    time.sleep(0.3)
    for connection in gone[::2]:  # nothing unread: the node sees no more than the end of input
        connection.recv(65536)
    for connection in gone:
        connection.close()
    wait_for(lambda: descriptors(node) <= before, "all are closed", seconds=10)


def killed_commands(cluster):
    """`once` is gone when it ends, however that is: what it waited for holds no place."""
    waits = [subprocess.Popen([cluster.once, "--endpoints", cluster.endpoints(), "--timeout",
                               "50000", "wait", "half-killed"]) for _ in range(3)]
    def operations():
        return sum(node["operations"] for node in cluster.status())
    wait_for(lambda: operations() >= 3, "they wait", seconds=10)
    for process in waits:
        process.kill()
        process.wait(timeout=10)
    wait_for(lambda: operations() == 0, "the places are free", seconds=10)


def main():
    where = options()
    for cores in (1, 2):
        with Cluster(where, cores=cores, name=f"half-closed-{cores}") as cluster:
            run_steps([(f"{step.__name__.replace('_', ' ')}, {cores} cores",
                        lambda step=step: step(cluster))
                       for step in (answers, waits, nothing_in_flight, wrong_frames,
                                    nothing_is_left, killed_commands)])


if __name__ == "__main__":
    main()
