#!/usr/bin/env python3
"""A cluster on each file system that it is meant for, written with O_DIRECT: load, kill -9 of all,
restart, and every acknowledged write reads back. A file system in memory is refused."""

import asyncio
import contextlib
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile

import disks
from cluster import Cluster, DONE, check, check_equal, free_port, options, run_steps
from load import History, Load, read_back

DIRECTORY = 66
DISK_MIB = 400  # mkfs.xfs wants 300 at least


def log_files(node):
    """Open flags of the log's files in the running node."""
    process = pathlib.Path(f"/proc/{node.process.pid}")
    flags = []
    for descriptor in process.joinpath("fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            if not os.readlink(descriptor).endswith(".seg"):
                continue
            info = process.joinpath("fdinfo", descriptor.name).read_text()
            flags += [int(line.split()[1], 8) for line in info.splitlines()
                      if line.startswith("flags:")]
    return flags


async def load_and_kill(cluster, history, label):
    load = Load(cluster, history, label)
    before = len(history.acknowledged)
    load.start()
    await asyncio.sleep(1.0)
    cluster.kill_all()
    await load.stop()
    check(len(history.acknowledged) > before, "the load writes")


def survives(cluster, direct):
    history = History()
    for label in ("first", "second"):
        for node in cluster.nodes:
            flags = log_files(node)
            check(flags and all(bool(one & os.O_DIRECT) == direct for one in flags),
                  f"O_DIRECT is {direct} for every log file of node {node.number}: {flags}")
        asyncio.run(load_and_kill(cluster, history, label))
        cluster.start()
        asyncio.run(read_back(cluster, history, history.acknowledged))
    print(f"   {len(history.acknowledged)} acknowledged writes read back after two kills of all")


def on_disk(settings, file_system):
    cluster = Cluster(settings, name=file_system, format_flags=["--segment-mib", "8"])
    with disks.mounted(file_system, cluster.directory / "disk", DISK_MIB) as disk:
        for node in cluster.nodes:
            node.directory = disk.mount_point / f"node-{node.number}"
        with cluster:
            survives(cluster, direct=True)


def on_what_there_is(settings):
    with Cluster(settings, name="here", format_flags=["--segment-mib", "8"]) as cluster:
        survives(cluster, direct=True)


@contextlib.contextmanager
def in_memory(cluster):
    """A directory on tmpfs: a mount of our own, or under /dev/shm."""
    if not disks.why_no_mounts():
        with disks.mounted("tmpfs", cluster.directory / "memory", 256) as disk:
            yield disk.mount_point
        return
    directory = tempfile.mkdtemp(prefix="once-test-", dir="/dev/shm")
    try:
        yield pathlib.Path(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def refused(command, words):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30)
    check_equal(done.returncode, DIRECTORY, f"exit code of {command}: {done.stderr!r}")
    errors = [line for line in done.stderr.decode().splitlines() if " error " in line]
    check_equal(len(errors), 1, f"error lines: {done.stderr!r}")
    for word in words:
        check(word in errors[0], f"{word!r} in {errors[0]!r}")
    return errors[0]


def tmpfs(settings):
    words = ["tmpfs", "ext4 or XFS", "--unsafe-buffered-log"]
    flag = "--unsafe-buffered-log"
    cluster = Cluster(settings, name="tmpfs", format_flags=["--segment-mib", "2"])
    with in_memory(cluster) as directory:
        for node in cluster.nodes:
            node.directory = directory / f"node-{node.number}"
        first = cluster.nodes[0]
        print("   " + refused([cluster.onced, "format", "--data", first.directory, "--node", "1",
                               "--cluster", cluster.members(), "--cluster-id",
                               secrets.token_hex(16)], words))
        check(not list(first.directory.iterdir()), "a refused format leaves nothing behind")
        cluster.format_flags.append(flag)
        first.format()
        before = {path.name: path.read_bytes() for path in first.directory.iterdir()}
        print("   " + refused([cluster.onced, "start", "--data", first.directory, "--listen",
                               f"127.0.0.1:{free_port()}"], words))
        after = {path.name: path.read_bytes() for path in first.directory.iterdir()}
        before.pop("lock"), after.pop("lock")  # says which process came last
        check(before == after, "a refused start changes nothing")
        shutil.rmtree(first.directory)
        cluster.start_flags.append(flag)
        with cluster:
            survives(cluster, direct=False)
            check("buffered log" in first.log_tail(), "the log warns of it")


def main():
    settings = options()
    steps = [("tmpfs", lambda: tmpfs(settings))]
    for file_system in ("ext4", "xfs"):
        reason = disks.why_not(file_system)
        if reason:
            print(f"no {file_system} of its own ({reason}): only on the file system that is here")
            steps.append((f"instead of {file_system}", lambda: on_what_there_is(settings)))
        else:
            steps.append((file_system, lambda it=file_system: on_disk(settings, it)))
    run_steps(steps)


if __name__ == "__main__":
    sys.exit(main())
