#!/usr/bin/env python3
"""What a life of writing costs on disk, and how a node that was away comes back: figures, not
tests. Three nodes on this machine.

  python3 bench/storage.py churn   --bin build/bin [--million 10] [--against OTHER/bin]
  python3 bench/storage.py trickle --bin build/bin [--writes 1000000]
  python3 bench/storage.py away    --bin build/bin [--million 1]

churn: 1,000 names are overwritten all the time, new names beside them; the files of each log are
measured every quarter of a second against the bound (twice what is needed, and four segments).
With --against, the same load by turns on other binaries, whose p99 it is compared with.
trickle: one write at a time; the bytes on disk for each.
away: a node is down during the writes; how long until it is in sync, what a client of the others
notices, and what it answers when it is alone.
Traffic stays on loopback.
"""

import json
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "system"))
from cluster import Cluster, DONE, check, options  # noqa: E402

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
                bound = 2 * entry["log_needed_bytes"] + 4 * SEGMENT * self.cluster.cores
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


def main():
    kinds = {"churn": churn, "trickle": trickle, "away": away}
    if len(sys.argv) < 2 or sys.argv[1] not in kinds:
        print(__doc__)
        return 2
    kind = sys.argv.pop(1)

    def more(parser):
        parser.add_argument("--million", type=float, default=10 if kind == "churn" else 1)
        parser.add_argument("--fresh", type=int, default=10_000)
        parser.add_argument("--writes", type=int, default=1_000_000)
        parser.add_argument("--against", default="")
    print(json.dumps(kinds[kind](options(more)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
