#!/usr/bin/env python3
"""Measures three nodes on this machine and appends a line to bench/results/history.jsonl: what the
figures are of this commit, on this machine, with these settings.

  python3 bench/record.py --bin build/bin
  python3 bench/record.py --repeat 5 --seconds 5 --print   # shows it, records nothing

Writes of new names with 1, 16, 64, 256, 1,024 and 4,096 requests in flight, each --repeat times, by
turns, and reads of decided names with 256; medians. The line says how far the throughputs of one
point lie apart: more than a quarter means that something else ran, and such a line is not recorded
unless --noisy says so. Traffic stays on loopback; it takes about two minutes.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
HISTORY = ROOT / "bench/results/history.jsonl"
POINTS = (1, 16, 64, 256, 1024, 4096)
MOST_SPREAD = 0.25
PORT = 19_400


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          cwd=ROOT).stdout.strip()


def machine(folder):
    cpu = re.search(r"model name\s*: (.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**30, 1), "kernel": platform.release(),
            "file_system": output("stat", "-f", "-c", "%T", folder)}


def commit():
    changed = output("git", "status", "--porcelain", "--untracked-files=no") != ""
    return output("git", "rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")


def bench(settings, *arguments):
    endpoints = ",".join(f"127.0.0.1:{PORT + node}" for node in (1, 2, 3))
    done = subprocess.run(
        [settings.bin / "once-bench", "--endpoints", endpoints, "--value-size", "32", "--seconds",
         str(settings.seconds), "--warmup", "0.5", "--repeat", str(settings.repeat), "--json",
         *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"once-bench {' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout)["series"]


def points_of(steps):
    kept = ("throughput_per_s", "spread", "p50_us", "p99_us", "p999_us", "max_us")
    return {str(step["in_flight"]): {key: step["medians"][key] for key in kept} for step in steps}


def claimed(status):
    """How many nodes serve what has its home with them."""
    try:
        told = json.loads(status)
    except ValueError:  # nobody is there yet
        return 0
    nodes = told if isinstance(told, list) else told["nodes"]
    return sum(1 for node in nodes if node.get("reachable") and node.get("claimed"))


def serve(settings, folder):
    """Three nodes that serve; ends when they have claimed their names."""
    nodes = subprocess.Popen(
        [settings.bin / "onced", "dev", "--nodes", "3", "--cores", "1", "--port", str(PORT),
         "--data", pathlib.Path(folder, "data")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        status = subprocess.run(
            [settings.bin / "once", "--endpoints", f"127.0.0.1:{PORT + 1}", "--json", "status"],
            capture_output=True, text=True, check=False)
        if claimed(status.stdout) == 3:
            return nodes
        time.sleep(0.1)
    nodes.send_signal(signal.SIGTERM)
    nodes.wait()
    sys.exit("the nodes did not come up")


def measure(settings, folder):
    nodes = serve(settings, folder)
    try:
        in_flight = ",".join(map(str, POINTS))
        writes = bench(settings, "--op", "write", "--connections", "6", "--sweep",
                       f"in-flight={in_flight}")
        reads = bench(settings, "--op", "read", "--connections", "6", "--sweep", "in-flight=256")
    finally:
        nodes.send_signal(signal.SIGTERM)
        nodes.wait()
    return {"write": points_of(writes), "read": points_of(reads)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=ROOT / "build/bin", type=pathlib.Path)
    parser.add_argument("--data", default=tempfile.gettempdir(), help="on the disk that is meant")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--print", action="store_true", help="record nothing")
    parser.add_argument("--noisy", action="store_true", help="record it although it varies")
    settings = parser.parse_args()
    settings.bin = settings.bin.resolve()
    with tempfile.TemporaryDirectory(dir=settings.data, prefix="once-record-") as folder:
        line = {"date": datetime.date.today().isoformat(), "commit": commit(),
                "machine": machine(folder),
                "settings": {"nodes": 3, "cores": 1, "value_size": 32, "connections": 6,
                             "seconds": settings.seconds, "repeat": settings.repeat},
                "figures": measure(settings, folder)}
    print(json.dumps(line, indent=1))
    worst = max(point["spread"] for operation in line["figures"].values()
                for point in operation.values())
    if settings.print:
        return 0
    if worst > MOST_SPREAD and not settings.noisy:
        print(f"not recorded: throughputs of one point lie {worst:.0%} apart; try it on a quiet "
              "machine, or with --noisy", file=sys.stderr)
        return 1
    with HISTORY.open("a", encoding="utf-8") as history:
        history.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
