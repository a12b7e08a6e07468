#!/usr/bin/env python3
"""The disk under one node of three fails, or fills up: that node says so (exit code 74, or
`overloaded`), the others go on, and what was acknowledged reads back from each of them."""

import asyncio
import contextlib
import resource
import subprocess
import sys

import disks
import protocol
from cluster import Cluster, check, check_equal, options, run_steps, wait_for
from load import History, Load, read_back

LOG_FAILED = 74
BLOCK = 4096
SMALL_SEGMENTS = ["--segment-mib", "2"]


def cut_off_by_limit(node):
    """Writes anywhere in the log fail (EFBIG) from now on."""
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (BLOCK, resource.RLIM_INFINITY))


def exits_with_log_failed(node, words):
    check_equal(node.process.wait(timeout=20), LOG_FAILED, f"exit code: {node.log_tail()}")
    node.process = None
    errors = [line for line in node.log_path.read_text().splitlines() if " error " in line]
    check_equal(len(errors), 1, f"error lines of node {node.number}: {errors}")
    for word in ["the log failed, stopping", "log-0-", *words]:
        check(word in errors[0], f"{word!r} in {errors[0]!r}")
    print(f"   {errors[0]}")


async def fail_under_load(cluster, victim, fail, words):
    """Returns the history of the load that went on all the time."""
    history = History()
    load = Load(cluster, history, "failing")
    load.start()
    await asyncio.to_thread(wait_for, lambda: history.writes > 20, "the load writes", 20)
    fail()
    await asyncio.to_thread(exits_with_log_failed, victim, words)
    before = history.writes
    await asyncio.to_thread(wait_for, lambda: history.writes > before + 50, "the others go on", 10)
    await load.stop()
    return history


def log_fails(cluster, victim, fail, words):
    history = asyncio.run(fail_under_load(cluster, victim, fail, words))
    survivors = [node for node in cluster.nodes if node is not victim]
    for node in survivors:  # each of them alone
        view = AtNodes(node)
        asyncio.run(read_back(view, history, history.acknowledged))
    print(f"   {len(history.acknowledged)} acknowledged writes read back from each survivor")
    return history


class AtNodes:
    def __init__(self, *nodes):
        self.nodes = list(nodes)


def by_limit(settings):
    with Cluster(settings, name="limit", format_flags=SMALL_SEGMENTS) as cluster:
        victim = cluster.nodes[1]
        history = log_fails(cluster, victim, lambda: cut_off_by_limit(victim),
                            ["File too large"])
        victim.start()  # without the limit the same directory is as good as before
        cluster.wait_ready()
        asyncio.run(read_back(AtNodes(victim), history, history.acknowledged))


@contextlib.contextmanager
def cluster_with_disk(settings, name, file_system, mib):
    """A cluster whose third node has a disk of its own."""
    cluster = Cluster(settings, name=name, format_flags=SMALL_SEGMENTS)
    victim = cluster.nodes[2]
    with disks.mounted(file_system, cluster.directory / "disk", mib) as disk:
        victim.directory = disk.mount_point / "node"
        with cluster:
            yield cluster, victim, disk


def by_dead_disk(settings):
    with cluster_with_disk(settings, "dead-disk", "ext4", 48) as (cluster, victim, disk):
        log_fails(cluster, victim, disk.fail_from_now_on, ["Input/output error"])


def by_read_only(settings):
    with cluster_with_disk(settings, "read-only", "ext4", 48) as (cluster, victim, disk):
        log_fails(cluster, victim, disk.become_read_only, ["Read-only file system"])
        # Nothing there can be synced any more; whoever only looks sees what can be read.
        done = subprocess.run([cluster.onced, "inspect", "--data", victim.directory],
                              capture_output=True, text=True, timeout=60)
        check_equal(done.returncode, 0, f"inspect reads it as it is: {done.stderr}")
        check("accept" in done.stdout, f"it shows what is there: {done.stdout}")


def counter(cluster, node, name):
    """None while the node does not answer."""
    found = [entry for entry in cluster.status([node])
             if entry.get("node") == node.number and entry["reachable"]]
    return found[0][name] if found else None


def linked(cluster):
    return all(counter(cluster, node, f"peer_{other.number}_up") == 1
               for node in cluster.nodes for other in cluster.nodes if other is not node)


async def write_until_full(node, acknowledged):
    """Fresh names of 60 KB until one is refused as overloaded; that is the last answer."""
    connection = await protocol.Connection.open(node.client_port)
    for number in range(2000):
        name = f"fill-{len(acknowledged)}-{number}".encode()
        reply = await connection.write(name, bytes(60_000))
        if reply.status == protocol.OVERLOADED:
            await connection.close()
            return name
        check_equal(reply.status, protocol.DONE, f"write {number}")
        acknowledged.append(name)
    raise AssertionError("the disk never filled up")


async def read_all(node, names):
    connection = await protocol.Connection.open(node.client_port)
    for begin in range(0, len(names), 16):
        replies = await asyncio.gather(*(connection.read(name) for name in names[begin:begin + 16]))
        check(all(reply.status == protocol.DONE and reply.value == bytes(60_000)
                  for reply in replies), "reads go on")
    await connection.close()


async def refused_name_is_empty(node, name):
    connection = await protocol.Connection.open(node.client_port)
    reply = await connection.read(name)
    check_equal(reply.status, protocol.EMPTY, f"read of {name!r}, which was refused")
    await connection.close()


def fills_up(cluster, node, directory):
    """Alone, so that every name is its own: full, reads, a restart while full, room again."""
    acknowledged = []
    ballast = disks.fill(directory / "ballast", 5 << 20)
    for stage in ("first", "again"):
        refused = asyncio.run(write_until_full(node, acknowledged))
        check_equal(counter(cluster, node, "log_full"), 1, "log_full")
        done = cluster.run("write", "one-more", "v", timeout_ms=500)
        check(done.returncode == 6 and b"overload" in done.stderr, f"once says why: {done}")
        asyncio.run(refused_name_is_empty(node, refused))
        asyncio.run(read_all(node, acknowledged))
        check("disk full" in node.log_tail(), f"the log says so: {node.log_tail()}")
        if stage == "first":
            rest = disks.fill(directory / "rest")
            node.kill()
            node.start()
            wait_for(lambda: cluster.run("read", acknowledged[0].decode()).returncode == 0,
                     "a node whose disk is full starts, and reads go on", 20)
            asyncio.run(read_all(node, acknowledged))
            rest.unlink()
            ballast.unlink()
            cluster.wait_ready()
            check_equal(counter(cluster, node, "log_full"), 0, "log_full")
            ballast = disks.fill(directory / "ballast", 5 << 20)
    ballast.unlink()
    cluster.wait_ready()
    print(f"   {len(acknowledged)} writes of 60 kB, refused twice")


def full_disk(settings):
    cluster = Cluster(settings, nodes=1, name="full", format_flags=SMALL_SEGMENTS)
    node = cluster.nodes[0]
    with disks.mounted("ext4", cluster.directory / "disk", 48) as disk:
        node.directory = disk.mount_point / "node"
        with cluster:
            fills_up(cluster, node, disk.mount_point)


def no_room_for_segments():
    """In place of a full disk, and without root: no second segment of 2 MiB can be made."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 19, resource.RLIM_INFINITY))


async def write_through_all(cluster, identities):
    """Writes each name through a node, by turns; name -> status."""
    connections = [await protocol.Connection.open(node.client_port) for node in cluster.nodes]
    names = list(identities)
    replies = await asyncio.gather(*(
        connections[index % len(connections)].write(name, b"v", identities[name])
        for index, name in enumerate(names)))
    for connection in connections:
        await connection.close()
    return {name: reply.status for name, reply in zip(names, replies)}


async def write_one(node, name):
    connection = await protocol.Connection.open(node.client_port)
    reply = await connection.write(name, b"v")
    await connection.close()
    return reply.status


async def read_small(node, names):
    connection = await protocol.Connection.open(node.client_port)
    replies = await asyncio.gather(*(connection.read(name) for name in names))
    await connection.close()
    check(all(reply.status == protocol.DONE and reply.value == b"v" for reply in replies),
          f"each name reads back from node {node.number}")


def one_full_of_three(settings):
    """Its clients write on: what it has no room for it sends on to the others."""
    with Cluster(settings, name="one-full", format_flags=SMALL_SEGMENTS) as cluster:
        full = cluster.nodes[2]
        full.kill()
        for segment in full.directory.glob("log-0-*.seg"):
            if segment.name != "log-0-1.seg":  # a spare, never written
                segment.unlink()
        full.start(no_room_for_segments)
        wait_for(lambda: counter(cluster, full, "log_full") == 1, "log_full", 20)
        wait_for(lambda: linked(cluster), "links between all nodes", 20)
        identities = {f"new-{number}".encode(): protocol.new_identity() for number in range(120)}
        statuses = asyncio.run(write_through_all(cluster, identities))
        check_equal(set(statuses.values()), {protocol.DONE}, "answers")
        sent_on = counter(cluster, full, "forwarded_full")
        check(sent_on >= 40, f"{sent_on} of 40 requests sent on")
        for node in cluster.nodes:
            asyncio.run(read_small(node, identities))
        # With one of the two others gone, those with room are no majority: refused at once.
        cluster.nodes[1].kill()
        wait_for(lambda: counter(cluster, full, "peer_2_up") == 0, "its link is down", 20)
        name = b"new-alone"
        check_equal(asyncio.run(write_one(full, name)), protocol.OVERLOADED, "nobody has room")
        asyncio.run(refused_name_is_empty(cluster.nodes[0], name))
        cluster.nodes[1].start()
        wait_for(lambda: linked(cluster), "links between all nodes", 20)
        resource.prlimit(full.process.pid, resource.RLIMIT_FSIZE, 2 * (resource.RLIM_INFINITY,))
        wait_for(lambda: counter(cluster, full, "log_full") == 0, "room again", 20)
        statuses = asyncio.run(write_through_all(cluster, identities))
        check_equal(set(statuses.values()), {protocol.DONE}, "retries once there is room")
        for said in ("no further log file can be made", "File too large",
                     "log files can be made again"):
            check(said in full.log_tail(), f"the log says {said!r}: {full.log_tail()}")
        print(f"   120 new names written, {sent_on} sent on by the full node")


def main():
    settings = options()
    steps = [("log fails: file size limit", lambda: by_limit(settings)),
             ("disk full: one of three", lambda: one_full_of_three(settings))]
    reason = disks.why_not("ext4")
    if reason:
        print(f"no loop mounts here ({reason}): errors and full disks by size limits alone")
    else:
        steps += [("log fails: dead disk", lambda: by_dead_disk(settings)),
                  ("log fails: read-only", lambda: by_read_only(settings)),
                  ("disk full", lambda: full_disk(settings))]
    run_steps(steps)


if __name__ == "__main__":
    sys.exit(main())
