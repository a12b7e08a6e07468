#!/usr/bin/env python3
"""1000 concurrent writers of one name, each with its own connection, through all nodes: exactly one
is told done, 999 are refused and told the same winner."""

import asyncio
import collections
import resource

import protocol
from cluster import Cluster, check, check_equal, options, run_steps

WRITERS = 1000
NAMES = 5  # of several homes


async def contend(connections, name):
    identities = [protocol.new_identity() for _ in connections]
    replies = await asyncio.gather(*(
        connection.write(name, f"value of writer {index}".encode(), identities[index], 20000)
        for index, connection in enumerate(connections)))
    counts = collections.Counter(protocol.STATUS_NAMES[reply.status] for reply in replies)
    check_equal(dict(counts), {"done": 1, "already_set": WRITERS - 1}, f"answers for {name}")
    winner = next(i for i, reply in enumerate(replies) if reply.status == protocol.DONE)
    value = f"value of writer {winner}".encode()
    for index, reply in enumerate(replies):
        check_equal(reply.writer, identities[winner], f"winner told to writer {index}")
        check(reply.sealed and reply.version == 1, f"state told to writer {index}: {reply}")
        if index != winner:
            check_equal(reply.value, value, f"winning value told to writer {index}")
    for connection in connections[:6]:
        reply = await connection.read(name)
        check_equal((reply.status, reply.value), (protocol.DONE, value), f"read of {name}")
    # A retry of each, with its own id, gets its own answer again.
    for index in (winner, (winner + 1) % WRITERS, (winner + 2) % WRITERS):
        reply = await connections[index].write(name, f"value of writer {index}".encode(),
                                               identities[index])
        wanted = protocol.DONE if index == winner else protocol.ALREADY_SET
        check_equal(reply.status, wanted, f"retry of writer {index}")


async def contention(cluster):
    connections = []
    for index in range(WRITERS):
        node = cluster.nodes[index % len(cluster.nodes)]
        connections.append(await protocol.Connection.open(node.client_port))
    for number in range(NAMES):
        await contend(connections, f"contended-{number}".encode())
    for connection in connections:
        await connection.close()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with Cluster(options()) as cluster:
        run_steps([
            ("contention", lambda: asyncio.run(asyncio.wait_for(contention(cluster), 150))),
            ("health", cluster.check_healthy)])


if __name__ == "__main__":
    main()
