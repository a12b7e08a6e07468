#!/usr/bin/env python3
"""What a life of writing costs on disk, and how a node that was away comes back: figures, not
tests. Three nodes on this machine.

  python3 bench/storage.py churn   --bin build/bin [--million 10] [--against OTHER/bin]
  python3 bench/storage.py trickle --bin build/bin [--writes 1000000]
  python3 bench/storage.py away    --bin build/bin [--million 1]
  python3 bench/storage.py claim   --bin build/bin [--million 5]

churn: 1,000 names are overwritten all the time, new names beside them; the files of each log are
measured every quarter of a second against the bound (twice what is needed, and eight segments while
much is written).
With --against, the same load by turns on other binaries, whose p99 it is compared with.
trickle: one write at a time; the bytes on disk for each.
away: a node is down during the writes; how long until it is in sync, what a client of the others
notices, and what it answers when it is alone.
claim: a home is away while so many of its names are written by the others, so that their unsettled
lists grow; then it comes back. The memory of each node, how long its claim and all that follows
takes, and the longest that one of some names, asked all the time, had no answer meanwhile.
Traffic stays on loopback.
"""

import asyncio
import json
import pathlib
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "system"))
import protocol  # noqa: E402
from cluster import Cluster, DONE, check, options  # noqa: E402
from peer_protocol import home_slot  # noqa: E402

SEGMENT_MIB = 8
SEGMENT = SEGMENT_MIB * 1024 * 1024
MIB = 1024 * 1024


def log_bytes(node):
    total = 0
    for path in pathlib.Path(node.directory).glob("log-*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass  # recycled between the two
    return total


def bench(cluster, nodes, *arguments, warmup="0.5"):
    program = pathlib.Path(cluster.onced).with_name("once-bench")
    return [str(program), "--endpoints", ",".join(node.address for node in nodes), "--warmup",
            warmup, "--json", *arguments]


def run(command, timeout):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    check(done.returncode == DONE, f"{command}: {done.stdout} {done.stderr}")
    return json.loads(done.stdout)


def total(cluster, name):
    return sum(cluster.counters(node)[name] for node in cluster.nodes)


class SpaceWatch:
    """The files of each log against the bound, all the time."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.worst = 0.0
        self.most = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.25):
            for entry in self.cluster.status():
                if not entry["reachable"] or "log_needed_bytes" not in entry:
                    continue
                node = self.cluster.nodes[entry["node"] - 1]
                used = log_bytes(node)
                bound = 2 * entry["log_needed_bytes"] + 8 * SEGMENT * self.cluster.cores
                self.worst = max(self.worst, used / bound)
                self.most = max(self.most, used)

    def end(self):
        self.ended.set()
        self.thread.join()


def churn_once(settings, binaries, name):
    settings.bin = binaries
    with Cluster(settings, name=name, format_flags=["--segment-mib", str(SEGMENT_MIB)]) as cluster:
        cluster.wait_ready()
        watch = SpaceWatch(cluster)
        wanted = settings.million * 1_000_000
        hot, fresh, slices = 0, 0, []
        while hot < wanted:
            fresh_run = subprocess.Popen(
                bench(cluster, cluster.nodes, "--op", "write", "--value-size", "32", "--rate",
                      str(settings.fresh), "--in-flight", "64", "--seconds", "10"),
                stdout=subprocess.PIPE, text=True)
            one = run(bench(cluster, cluster.nodes, "--op", "set", "--names", "hot:1000",
                            "--value-size", "32", "--in-flight", "256", "--seconds", "10"), 60)
            beside = json.loads(fresh_run.communicate(timeout=60)[0])
            hot += int(one["throughput_per_s"] * 10)
            fresh += int(beside["throughput_per_s"] * 10)
            slices.append((one, beside))
            print(f"  {hot:10} overwritten, {fresh:8} new, {log_bytes(cluster.nodes[0]) // MIB:6} "
                  f"MiB, p99 {beside['p99_us']:7.0f} us", file=sys.stderr, flush=True)
        watch.end()
        figures = {
            "overwritten": hot, "new": fresh, "worst_of_bound": round(watch.worst, 2),
            "most_mib": watch.most // MIB,
            "p99_us": statistics.median(b["p99_us"] for _, b in slices),
            "p50_us": statistics.median(b["p50_us"] for _, b in slices),
            "hot_per_s": round(statistics.median(a["throughput_per_s"] for a, _ in slices)),
            "written_mib": total(cluster, "log_bytes") // MIB}
        if "log_kept_bytes" in cluster.counters(cluster.nodes[0]):
            figures |= {"kept_mib": total(cluster, "log_kept_bytes") // MIB,
                        "recycled": total(cluster, "log_segments_recycled")}
        return figures


def churn(settings):
    rows = {"these": churn_once(settings, settings.bin, "churn")}
    if settings.against:
        rows["others"] = churn_once(settings, settings.against, "churn-others")
        rows["p99_ratio"] = round(rows["these"]["p99_us"] / rows["others"]["p99_us"], 2)
    return rows


def trickle(settings):
    with Cluster(settings, name="trickle",
                 format_flags=["--segment-mib", str(SEGMENT_MIB)]) as cluster:
        cluster.wait_ready()
        watch = SpaceWatch(cluster)
        done = 0
        while done < settings.writes:
            one = run(bench(cluster, cluster.nodes, "--op", "write", "--value-size", "32",
                            "--in-flight", "1", "--connections", "1", "--seconds", "20",
                            warmup="0"), 60)
            done += int(one["throughput_per_s"] * 20)
            print(f"  {done:9} writes, {log_bytes(cluster.nodes[0]) // MIB:6} MiB",
                  file=sys.stderr, flush=True)
        watch.end()
        return {"writes": done, "worst_of_bound": round(watch.worst, 2),
                "bytes_a_write": round(max(log_bytes(node) for node in cluster.nodes) / done),
                "written_bytes_a_write": round(total(cluster, "log_bytes") / 3 / done)}


def modest(cluster, nodes, seconds):
    return run(bench(cluster, nodes, "--op", "write", "--in-flight", "1", "--connections", "1",
                     "--seconds", str(seconds)), 60)


def away(settings):
    with Cluster(settings, name="away",
                 format_flags=["--segment-mib", str(SEGMENT_MIB)]) as cluster:
        cluster.wait_ready()
        others, late = cluster.nodes[:2], cluster.nodes[2]
        late.kill()
        wanted = settings.million * 1_000_000
        done = 0
        while done < wanted:
            one = run(bench(cluster, others, "--op", "write", "--value-size", "32", "--in-flight",
                            "1024", "--seconds", "5"), 60)
            done += int(one["throughput_per_s"] * 5)
        alone = modest(cluster, others, 5)
        late.start()
        begun = time.monotonic()
        beside = modest(cluster, others, 5)
        in_sync = None
        while time.monotonic() - begun < 600:
            entry = cluster.counters(late)
            if entry.get("in_sync") == 1:
                in_sync = time.monotonic() - begun
                break
            time.sleep(0.1)
        check(in_sync is not None, "in sync within ten minutes")
        for node in others:
            node.process.send_signal(signal.SIGSTOP)
        try:
            listed = subprocess.run([cluster.once, "--endpoints", late.address, "list", "--limit",
                                     "0"], capture_output=True, text=True, timeout=300)
            names = listed.stdout.split()
            answered = sum(
                subprocess.run([cluster.once, "--endpoints", late.address, "--timeout", "2000",
                                "read", name], capture_output=True, timeout=30).returncode == DONE
                for name in random.sample(names, 500))
        finally:
            for node in others:
                node.process.send_signal(signal.SIGCONT)
        return {"writes": done, "seconds_to_sync": round(in_sync, 1),
                "names_a_second": round(done / in_sync), "names_listed_alone": len(names),
                "read_alone_of_500": answered, "p99_us_before": alone["p99_us"],
                "p99_us_beside": beside["p99_us"],
                "p99_ratio": round(beside["p99_us"] / alone["p99_us"], 2)}


def resident_mib(node):
    """None when it does not run."""
    try:
        with open(f"/proc/{node.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() // MIB
    except (OSError, AttributeError):
        return None


class Writer:
    """Writes names whose home is `home` through another node, many in flight."""

    AT_ONCE = 512

    def __init__(self, node, home):
        self.socket = socket.create_connection(("127.0.0.1", node.client_port), timeout=60)
        self.socket.sendall(protocol.hello_frame())
        self.bytes = b""
        kind, hello = self.frame()
        check(kind == protocol.SERVER_HELLO, f"a server hello: {kind}")
        self.seed, nodes = protocol.members_by_slot(hello)
        self.slot, self.slots = nodes.index(home.number), len(nodes)
        self.number = 0
        self.refused = 0

    def frame(self):
        while True:
            if len(self.bytes) >= protocol.HEADER.size:
                length, kind, _ = protocol.HEADER.unpack_from(self.bytes)
                end = protocol.LENGTH_BYTES + length
                if len(self.bytes) >= end:
                    body, self.bytes = self.bytes[protocol.HEADER.size:end], self.bytes[end:]
                    return kind, body
            more = self.socket.recv(1 << 16)
            check(more, "the node closed the connection")
            self.bytes += more

    def next_name(self):
        while True:
            self.number += 1
            name = b"claim/%d" % self.number
            if home_slot(name, self.seed, self.slots) == self.slot:
                return name

    def write(self):
        """So many at once, and how many of them are done."""
        self.socket.sendall(b"".join(
            protocol.request_frame(correlation, protocol.WRITE, self.next_name(), bytes(32), 30_000,
                                   (1, self.number))
            for correlation in range(1, self.AT_ONCE + 1)))
        done = 0
        for _ in range(self.AT_ONCE):
            kind, body = self.frame()
            check(kind == protocol.REPLY, f"a reply: {kind} {body!r}")
            done += body[0] == protocol.DONE
        return done


class Probes:
    """Names that are written again and again, through nodes that stay: how long each had to wait
    for its next answer, at most. On a thread of its own."""

    NAMES, PAUSE_S = 60, 0.01

    def __init__(self, nodes):
        self.nodes = nodes
        self.longest_s = {}  # by name, since the last take()
        self.failed = 0
        self.ended = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self.work()))
        self.thread.start()

    async def one(self, connection, name):
        answered = time.monotonic()
        while not self.ended:
            reply = await connection.request(protocol.SET, name, b"probe", 5000)
            now = time.monotonic()
            if reply.status != protocol.DONE:
                self.failed += 1
                continue
            gap = now - answered - self.PAUSE_S
            self.longest_s[name] = max(self.longest_s.get(name, 0.0), gap)
            answered = now
            await asyncio.sleep(self.PAUSE_S)

    async def work(self):
        connections = [await protocol.Connection.open(node.client_port) for node in self.nodes]
        await asyncio.gather(*(self.one(connections[number % len(connections)],
                                        b"probe-%d" % number) for number in range(self.NAMES)))
        for connection in connections:
            await connection.close()

    def take(self):
        """The longest gap of all names since it was asked last, in ms; of an answer that is still
        to come, too, once it has come."""
        longest, self.longest_s = self.longest_s, {}
        return round(max(longest.values(), default=0.0) * 1000, 1)

    def end(self):
        self.ended = True
        self.thread.join()


class MemoryWatch:
    def __init__(self, cluster):
        self.most_mib = {node.number: 0 for node in cluster.nodes}
        self.cluster = cluster
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.1):
            for node in self.cluster.nodes:
                self.most_mib[node.number] = max(self.most_mib[node.number],
                                                 resident_mib(node) or 0)

    def end(self):
        self.ended.set()
        self.thread.join()


def until(condition, begun, limit_s=3600):
    """The seconds since `begun` at which it was so."""
    while not condition():
        check(time.monotonic() - begun < limit_s, f"within {limit_s} s")
        time.sleep(0.05)
    return round(time.monotonic() - begun, 2)


def claim(settings):
    with Cluster(settings, name="claim",
                 format_flags=["--segment-mib", str(SEGMENT_MIB)]) as cluster:
        cluster.wait_ready()
        others, home = cluster.nodes[:2], cluster.nodes[2]
        home.kill()
        wanted = settings.million * 1_000_000
        writer = Writer(others[0], home)
        written, batches, begun = 0, 0, time.monotonic()
        while written < wanted:
            written += writer.write()
            batches += 1
            if batches % 200 == 0:
                print(f"  {written:9} written, {written / (time.monotonic() - begun):.0f} a second",
                      file=sys.stderr, flush=True)
        unsettled = min(cluster.counters(node)["unsettled"] for node in others)
        figures = {"written": written, "unsettled": unsettled,
                   "names": cluster.counters(others[0])["names"],
                   "mib_before": {node.number: resident_mib(node) for node in others}}
        probes, memory = Probes(others), MemoryWatch(cluster)
        try:
            time.sleep(5)
            figures["gap_ms_before"] = probes.take()
            begun = time.monotonic()
            home.start()
            figures["seconds_to_serve"] = until(lambda: serves(cluster, home), begun)
            figures["seconds_to_claim"] = until(
                lambda: cluster.counters(home)["claimed"] == 1, begun)
            figures["gap_ms_claim"] = probes.take()
            figures["seconds_to_sync"] = until(
                lambda: cluster.counters(home)["in_sync"] == 1, begun)
            figures["seconds_to_settle"] = until(
                lambda: all(cluster.counters(node)["unsettled"] < 1000 for node in others), begun)
            figures["gap_ms_after"] = probes.take()
        finally:
            probes.end()
            memory.end()
        return figures | {"mib_most": memory.most_mib, "probes_failed": probes.failed,
                          "mib_after": {node.number: resident_mib(node) for node in cluster.nodes}}


def serves(cluster, node):
    return any(entry["reachable"] for entry in cluster.status([node]))


def main():
    kinds = {"churn": churn, "trickle": trickle, "away": away, "claim": claim}
    if len(sys.argv) < 2 or sys.argv[1] not in kinds:
        print(__doc__)
        return 2
    kind = sys.argv.pop(1)

    def more(parser):
        parser.add_argument("--million", type=float, default={"churn": 10, "claim": 5}.get(kind, 1))
        parser.add_argument("--fresh", type=int, default=10_000)
        parser.add_argument("--writes", type=int, default=1_000_000)
        parser.add_argument("--against", default="")
    print(json.dumps(kinds[kind](options(more)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
