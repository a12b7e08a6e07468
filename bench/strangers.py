#!/usr/bin/env python3
"""How long one well-behaved client waits beside strangers, accidents and crowds: a figure, not a
test. Three nodes with 256 MiB each; writes of one at a time through node 1, alone and beside each
of them by turns; the medians of the rounds and their ratios, and the memory of the nodes.

  python3 bench/strangers.py --bin build/bin --rounds 3 [--only silent] [--json]

As many open files as it needs: `ulimit -n 20000`. Traffic stays on loopback.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import resource
import secrets
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "system"))
import protocol  # noqa: E402
from cluster import Cluster, DONE, check, options  # noqa: E402

MEMORY = "256MiB"
MASK = (1 << 64) - 1


def connect(node, sent=b""):
    connection = socket.create_connection(("127.0.0.1", node.client_port), 10)
    connection.sendall(sent)
    return connection


def load(cluster, *arguments):
    """once-bench until the measuring is over: a load, whose figures nobody reads."""
    bench = pathlib.Path(cluster.onced).with_name("once-bench")
    return subprocess.Popen([bench, "--endpoints", cluster.endpoints(), "--warmup", "0",
                             *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def full_stderr(cluster):
    """The log collector is stuck, and somebody sends junk that each node complains of."""
    over = threading.Event()

    def complain():
        while not over.is_set():
            for node in cluster.nodes:
                with contextlib.suppress(OSError), connect(node, b"junk" * 20) as one:
                    one.recv(4096)
            time.sleep(0.01)
    thread = threading.Thread(target=complain)
    thread.start()
    yield
    over.set()
    thread.join()


@contextlib.contextmanager
def waiters(cluster):
    """16,384 of them for one name, which changes now and then."""
    run = load(cluster, "--op", "wait", "--in-flight", "16384", "--connections", "6", "--rate", "1",
               "--seconds", "60")
    yield
    run.kill()
    run.wait()


def crafted(place, number):
    """32 bytes that have one XXH3 under the seed that each server hello tells."""
    return struct.pack("<QQQQ", (0xbe4ba423396cfeb8 + place) & MASK, number,
                       (0xdb979083e96dd4de + place) & MASK,
                       number * 0x9e3779b97f4a7c15 & MASK)


@contextlib.contextmanager
def crafted_names(cluster):
    """20,000 names that all have one place, and reads of them without end."""
    node = cluster.nodes[0]
    with connect(node, protocol.hello_frame()) as one:
        stream = one.makefile("rb")
        body = read_frame(stream)
        place = int.from_bytes(body[32:40], "little")
        if crafted(place, 0).startswith(b"_"):
            raise SystemExit("this cluster's seed makes names of the system: run it again")
        for begin in range(0, 20_000, 1000):
            one.sendall(b"".join(
                protocol.request_frame(i, protocol.WRITE, crafted(place, i), b"v",
                                       identity=(secrets.randbits(64), i))
                for i in range(begin, begin + 1000)))
            for _ in range(1000):
                read_frame(stream)
        over = threading.Event()

        def ask():
            while not over.is_set():
                one.sendall(b"".join(protocol.request_frame(i, protocol.READ, crafted(place, i))
                                     for i in range(0, 20_000, 200)))
                for _ in range(100):
                    read_frame(stream)
        thread = threading.Thread(target=ask)
        thread.start()
        yield
        over.set()
        thread.join()


def read_frame(stream):
    length, _, _ = protocol.HEADER.unpack(stream.read(protocol.HEADER.size))
    return stream.read(length - (protocol.HEADER.size - protocol.LENGTH_BYTES))


@contextlib.contextmanager
def never_read(cluster):
    """100 clients that ask 250 times for 64 KiB and take nothing; those cut off come again."""
    node = cluster.nodes[0]
    cluster.run("write", "never-read", "-", stdin=bytes(65_536), nodes=[node])
    ask = protocol.hello_frame() + b"".join(
        protocol.request_frame(i, protocol.READ, b"never-read") for i in range(250))
    yield from crowd(node, 100, ask)


@contextlib.contextmanager
def silent(cluster):
    yield from crowd(cluster.nodes[0], 4096, b"")


def crowd(node, count, sent):
    """Who is closed comes again, if he had something to say."""
    over = threading.Event()
    members = [connect(node, sent) for _ in range(count)]

    def insist():
        while not over.is_set():
            for index, member in enumerate(members):
                with contextlib.suppress(OSError):
                    if member.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                        continue
                    member.close()
                    members[index] = connect(node, sent)
            time.sleep(0.1)
    thread = threading.Thread(target=insist if sent else over.wait)
    thread.start()
    yield
    over.set()
    thread.join()
    for member in members:
        member.close()


@contextlib.contextmanager
def unset_reads(cluster):
    """Reads of names that nobody wrote, 3 x 4,096 in flight."""
    run = load(cluster, "--op", "read", "--names", "unset", "--in-flight", "12288", "--seconds",
               "60")
    yield
    run.kill()
    run.wait()


@contextlib.contextmanager
def one_connection(cluster):
    """One connection with 4,096 writes in flight, in bursts as large as that."""
    run = load(cluster, "--op", "set", "--names", "hot:4096", "--connections", "1", "--in-flight",
               "4096", "--seconds", "60")
    yield
    run.kill()
    run.wait()


@contextlib.contextmanager
def only_compute(_):
    """The control: as many as keep each core busy and one more, none of which knows of the nodes.
    No node can do better beside a crowd that takes all of the machine."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
               for _ in range((os.cpu_count() or 1) + 1)]
    yield
    for one in burners:
        one.kill()
        one.wait()


BESIDE = {"full stderr": full_stderr, "16,384 waiters": waiters, "20,000 crafted names":
          crafted_names, "100 never read": never_read, "4,096 silent": silent,
          "reads of unset names": unset_reads, "4,096 in flight of one": one_connection,
          "control: only compute": only_compute}


def start_with_stuck_stderr(cluster):
    """Every node writes into a pipe of 4 KiB that nobody reads, from the start."""
    kept = []
    for node in cluster.nodes:
        node.stop()
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, 1031, 4096)  # F_SETPIPE_SZ
        node.process = subprocess.Popen(
            [cluster.onced, "start", "--data", node.directory, "--listen", node.address,
             "--memory", MEMORY], stdin=subprocess.DEVNULL, stdout=write_end, stderr=write_end)
        os.close(write_end)
        kept.append(read_end)
    cluster.wait_ready()
    return kept


def measure(cluster, seconds):
    bench = pathlib.Path(cluster.onced).with_name("once-bench")
    done = subprocess.run([bench, "--endpoints", cluster.nodes[0].address, "--op", "write",
                           "--in-flight", "1", "--connections", "1", "--seconds", str(seconds),
                           "--warmup", "0.3", "--json"], capture_output=True, text=True, timeout=90)
    check(done.returncode == DONE, f"the well-behaved client: {done.stderr}")
    return json.loads(done.stdout)


def resident_mib(cluster):
    def one(node):
        text = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024
    return max(one(node) for node in cluster.nodes)


def main():
    def more(parser):
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("--seconds", type=float, default=2)
        parser.add_argument("--only", default="")
        parser.add_argument("--json", action="store_true")
    settings = options(more)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = []
    for name, beside in BESIDE.items():
        if settings.only not in name:
            continue
        alone, crowded = [], []
        with Cluster(settings, name="strangers", start_flags=["--memory", MEMORY],
                     format_flags=["--segment-mib", "8"]) as cluster:
            kept = start_with_stuck_stderr(cluster) if beside is full_stderr else []
            for _ in range(settings.rounds):
                alone.append(measure(cluster, settings.seconds))
                with beside(cluster):
                    time.sleep(0.5)
                    crowded.append(measure(cluster, settings.seconds))
                    resident = resident_mib(cluster)
                time.sleep(0.5)
            for descriptor in kept:
                os.close(descriptor)

        def median(runs, what):
            return statistics.median(run[what] for run in runs)
        row = {"beside": name, "resident_mib": round(resident)}
        for what in ("p50_us", "p99_us"):
            row |= {f"{what}_alone": median(alone, what), what: median(crowded, what),
                    f"{what}_ratio": round(median(crowded, what) / median(alone, what), 2)}
        rows.append(row)
        if not settings.json:
            print(f"{name:24} p50 {row['p50_us_alone']:7.0f} {row['p50_us']:7.0f} us "
                  f"x{row['p50_us_ratio']:<5} p99 {row['p99_us_alone']:7.0f} {row['p99_us']:7.0f} "
                  f"us x{row['p99_us_ratio']:<5} {row['resident_mib']} MiB", flush=True)
    if settings.json:
        json.dump(rows, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
