#!/usr/bin/env python3
"""Which system calls the loops of a loaded node make, and how often: none that may wait for a disk,
a peer or a reader, and none that nobody expects. Clients, requests, segments and peers come and go
meanwhile. Prints the list."""

import collections
import contextlib
import pathlib
import re
import subprocess
import threading
import time

from cluster import Cluster, check, options, run_steps, wait_for

# What none of which waits: the ring, wake-ups of other threads, sockets that are non-blocking or in
# the ring's hands, memory.
EXPECTED = {
    "io_uring_enter", "futex", "write",  # write: an eventfd, see below
    "socket", "fcntl", "setsockopt", "getsockopt", "getsockname", "getpeername", "close",
    "shutdown",
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk",
    "getpid", "gettid", "sched_yield", "restart_syscall", "rt_sigreturn",
}
# With --io epoll. Its sockets are asked with MSG_DONTWAIT; read: an eventfd that was rung.
OF_EPOLL = {"epoll_pwait2", "epoll_ctl", "accept4", "connect", "recvfrom", "sendto", "read"}
# A segment of the log that another thread made ready is opened, once each.
ONCE_A_SEGMENT = {"openat", "fstat", "newfstatat", "io_uring_register"}
CALL = re.compile(r"^(\w+)\((.*)")


def is_expected(given, name):
    return name in EXPECTED or (given.io == "epoll" and name in OF_EPOLL)


def loop_threads(node):
    """Thread ids of the node's loops: its first thread, and those that are named for a core."""
    pid = node.process.pid
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if task.joinpath("comm").read_text().startswith("core-"):
            found.append(int(task.name))
    return sorted(found)


def start_trace(node, prefix):
    tracer = subprocess.Popen(["strace", "-f", "-ff", "-qq", "-y", "-o", str(prefix),
                               "-p", str(node.process.pid)], stderr=subprocess.PIPE)
    wait_for(lambda: all(pathlib.Path(f"{prefix}.{thread}").exists() or tracer.poll() is not None
                         for thread in loop_threads(node)), "strace is attached")
    check(tracer.poll() is None, f"strace: {tracer.stderr}")
    return tracer


def calls_of(path):
    counts = collections.Counter()
    unlike = []
    for line in path.read_text(errors="replace").splitlines():
        call = CALL.match(line)
        if not call:
            continue
        counts[call.group(1)] += 1
        if call.group(1) == "write" and "anon_inode:[eventfd]" not in call.group(2):
            unlike.append(line)
    return counts, unlike


def load(cluster, node, seconds):
    """Every operation, values that fill segments, connections that come and go, status requests."""
    bench = pathlib.Path(cluster.once).with_name("once-bench")
    runs = [subprocess.Popen([bench, "--endpoints", cluster.endpoints(), "--seconds", str(seconds),
                              "--warmup", "0", *arguments], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
            for arguments in (["--op", "mix", "--names", "hot:5"],
                              ["--op", "write", "--value-size", "20000", "--in-flight", "16"])]

    def come_and_go():
        while any(run.poll() is None for run in runs):
            cluster.run("read", "some-name", nodes=[node])
            cluster.run("wait", "some-name", "0", nodes=[node], timeout_ms=50)
            cluster.run("status", nodes=[node])

    visitor = threading.Thread(target=come_and_go)
    visitor.start()
    for run in runs:
        run.wait(timeout=seconds + 60)
    visitor.join()


def loops_never_wait(given):
    with Cluster(given, cores=2, name="loop-calls", format_flags=["--segment-mib", "8"]) as cluster:
        node, peer = cluster.nodes[0], cluster.nodes[2]
        prefix = cluster.directory / "calls"
        tracer = start_trace(node, prefix)
        try:
            segments = len(list(node.directory.glob("log-*.seg")))
            load(cluster, node, 3)
            peer.kill()
            load(cluster, node, 1)
            peer.start()
            load(cluster, node, 2)
            threads = loop_threads(node)
            made = len(list(node.directory.glob("log-*.seg"))) - segments
        finally:
            tracer.terminate()
            tracer.wait(timeout=30)
        check(len(threads) == 2, f"one loop a core: {threads}")
        check(made > 0, "the load was too small: no segment was begun")
        whole = collections.Counter()
        for thread in threads:
            counts, unlike = calls_of(pathlib.Path(f"{prefix}.{thread}"))
            waits = counts["epoll_pwait2" if given.io == "epoll" else "io_uring_enter"]
            check(waits > 100, f"thread {thread} is no loop: {counts}")
            check(not unlike, f"a loop writes to more than its wake-ups: {unlike[:5]}")
            whole += counts
        print(f"calls of {len(threads)} loops, {made} segments begun:")
        for name, count in whole.most_common():
            print(f"  {count:8}  {name}")
        for name, count in whole.items():
            if name in ONCE_A_SEGMENT:
                check(count <= 4 * (made + 2), f"{name}: {count} calls for {made} segments")
            else:
                check(is_expected(given, name), f"a loop calls {name}, {count} times")


def first_meetings_never_wait(given):
    """Nodes that meet for the first time write down whom they met; no loop waits for that."""
    with contextlib.closing(Cluster(given, cores=2, name="loop-meetings")) as cluster:
        for node in cluster.nodes:
            node.format()
        node = cluster.nodes[1]  # is called, and calls
        node.start()
        wait_for(lambda: "serves clients" in node.log_path.read_text(), "node 2 has begun")
        prefix = cluster.directory / "calls"
        tracer = start_trace(node, prefix)
        try:
            cluster.nodes[0].start()
            cluster.nodes[2].start()
            cluster.wait_ready()
            cluster.run("write", "name", "value", nodes=[node])
            threads = loop_threads(node)
        finally:
            tracer.terminate()
            tracer.wait(timeout=30)
        others = [path for path in prefix.parent.glob(f"{prefix.name}.*")
                  if int(path.suffix[1:]) not in threads]
        check(any(calls_of(path)[0]["rename"] >= 3 for path in others),
              "two disks and that the node votes were written down by another thread")
        for thread in threads:
            counts, unlike = calls_of(pathlib.Path(f"{prefix}.{thread}"))
            check(not unlike, f"a loop writes to more than its wake-ups: {unlike[:5]}")
            odd = {name: count for name, count in counts.items() if not is_expected(given, name)
                   and (name not in ONCE_A_SEGMENT or count > 4)}
            check(not odd, f"a loop calls {odd} while nodes meet")


def main():
    given = options()
    run_steps([("the loops of nodes that meet for the first time never wait",
                lambda: first_meetings_never_wait(given)),
               ("the loops of a loaded node never wait", lambda: loops_never_wait(given))])


if __name__ == "__main__":
    main()
