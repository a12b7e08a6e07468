#!/usr/bin/env python3
"""Three nodes of once beside three of etcd, three of ZooKeeper and one Redis, each at its best
durable setting, on this machine and its disk: creates of new names with values of 32 bytes, by
turns; reads; kill -9 of the leader. A table of the medians, and the ratios that it is read against.
Trials come first: each peer is asked in the way that is the fastest here, by few connections or
many, through its leader or through all.

  make bench-peers                                           # installs and builds what it needs
  python3 bench/peers/peers.py --rounds 5 --seconds 5 --json peers.json
  python3 bench/peers/peers.py --systems once,etcd --points 1,1024 --rounds 1 --seconds 2

All systems run all the time, and one of them at a time is asked. Each point is measured once a
round; the order of the systems turns. `shared`: a few connections carry all requests; `one a
connection`: as many connections as requests. Traffic stays on loopback; the data is removed at the
end, and every process is ended.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from etcd import Etcd  # noqa: E402
from figures import medians, spread  # noqa: E402
from measure import (  # noqa: E402
    Failed, floor_of, idle_cores, measure_gap, measure_patiently, warm_up)
from once_nodes import Once  # noqa: E402
from points import IN_FLIGHT, points_of  # noqa: E402
from redis_server import Redis  # noqa: E402
from table import text_of  # noqa: E402
from trials import choose_ways  # noqa: E402
from zookeeper import Zookeeper  # noqa: E402

ROOT = HERE.parents[1]
SYSTEMS = {system.NAME: system for system in (Once, Etcd, Zookeeper, Redis)}
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
EXIT_CODES = "Exit codes: 0 measured, 1 a system or a load failed, 2 wrong usage or something " \
    "is not installed or built, 130 interrupted."
PREPARE_SECONDS = 6  # of a start, or of a node that comes back
TRIAL_SECONDS = 70  # of one system


class Progress:
    """One line on a terminal; nothing elsewhere."""

    def __init__(self, steps):
        self.steps, self.step, self.begun = steps, 0, time.monotonic()

    def show(self, what):
        self.step += 1
        if sys.stderr.isatty():
            left = (time.monotonic() - self.begun) / max(self.step - 1, 1) * \
                (self.steps - self.step + 1)
            about = f", about {left:.0f} s left" if self.step > 1 else ""
            print(f"\r\x1b[K{self.step} of {self.steps}: {what}{about}", end="", file=sys.stderr,
                  flush=True)

    def end(self):
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def missing(settings):
    """What is not there, and the command that helps; empty: all is."""
    for system in settings.systems:
        for program, package in SYSTEMS[system].PROGRAMS.items():
            if shutil.which(program) is None and not os.path.exists(program):
                return f"{package} is not installed: scripts/install-dependencies --peers"
    for program in ("onced", "once", "once-bench", "peer-load"):
        if not (settings.bin / program).exists():
            return f"{settings.bin / program} is not built: `make bench-peers` builds it"
    return ""


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True,
                          cwd=ROOT).stdout.strip()


def about_machine(folder):
    cpu = [line.split(": ")[1] for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")]
    changed = output("git", "status", "--porcelain", "--untracked-files=no") != ""
    return {"date": datetime.date.today().isoformat(),
            "commit": output("git", "rev-parse", "--short=12", "HEAD") +
            ("+changes" if changed else ""),
            "cpu": cpu[0] if cpu else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(),
            "file_system": output("stat", "-f", "-c", "%T", str(folder)),
            "load_before": os.getloadavg()[0]}


def turned(systems, turn):
    """Each is first as often as the others."""
    at = turn % len(systems)
    return systems[at:] + systems[:at]


def run_rounds(settings, systems, points, progress):
    """{system: {point: [figures of each round]}}"""
    runs = {system.NAME: {} for system in systems}
    turn = 0
    for number in range(1, settings.rounds + 1):
        for point in points:
            turn += 1
            for system in turned(systems, turn):
                progress.show(f"round {number}, {point.key}, {system.NAME}")
                runs[system.NAME].setdefault(point.key, []).append(
                    measure_patiently(system, point, settings))
    for number in range(1, settings.gap_rounds + 1):
        for system in systems:
            progress.show(f"kill -9 number {number}, {system.NAME}")
            runs[system.NAME].setdefault("gap", []).append(measure_gap(system, settings))
    return runs


def result_of_run(settings, systems, points, folder, progress):
    machine, idle = about_machine(folder), idle_cores(systems)  # as it is before any load
    ours = next((system for system in systems if system.NAME == "once"), None)
    floor = floor_of(settings, ours, folder) if ours else None
    for system in systems:
        progress.show(f"warm-up of {system.NAME}")
        warm_up(system, settings)
        progress.show(f"trials of {system.NAME}")
        choose_ways(system, dict.fromkeys(point.shape for point in points))
    runs = run_rounds(settings, systems, points, progress)
    whole = {system.NAME: {"version": system.version(), "idle_cores": idle[system.NAME],
                           "resident_bytes": system.resident_bytes(),
                           "kept_bytes_a_name": system.kept_bytes() / max(system.written, 1)}
             for system in systems}
    return {"settings": {"rounds": settings.rounds, "seconds": settings.seconds,
                         "warmup": settings.warmup, "warm": settings.warm, "value_size": 32,
                         "gap_rounds": settings.gap_rounds, "gap_seconds": settings.gap_seconds,
                         "writers": settings.writers, "patience_ms": settings.patience,
                         "ways": {system.NAME: {shape: way.text_for(shape)
                                                for shape, way in system.ways.items()}
                                  for system in systems}},
            "machine": machine, "floor": floor,
            "systems": [system.NAME for system in systems],
            "points": [point.key for point in points], "whole": whole,
            "medians": {name: {key: medians(of) for key, of in by_point.items()}
                        for name, by_point in runs.items()},
            "spreads": {name: {key: spread(of) for key, of in by_point.items() if key != "gap"}
                        for name, by_point in runs.items()},
            "runs": runs}


def measure_all(settings):
    points = points_of(settings.points, settings.reads)
    steps = len(settings.systems) * (3 + settings.rounds * len(points) + settings.gap_rounds)
    progress = Progress(steps)
    settings.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.data, prefix="bench-peers-") as folder:
        systems = [SYSTEMS[name](settings, folder) for name in settings.systems]
        try:
            for system in systems:
                progress.show(f"start of {system.NAME}")
                system.start()
            return result_of_run(settings, systems, points, folder, progress)
        finally:
            progress.end()
            for system in systems:
                system.stop()


def listed(known, convert=str):
    def parse(text):
        values = [convert(word) for word in text.split(",")]
        for value in values:
            if known and value not in known:
                raise argparse.ArgumentTypeError(f"{value} is none of {', '.join(known)}")
        return values
    parse.__name__ = "list"
    return parse


def in_flight_of(text):
    value = int(text)
    if not 1 <= value <= 4096:
        raise argparse.ArgumentTypeError("1 to 4096 requests can be in flight")
    return value


def positive(convert):
    def parse(text):
        value = convert(text)
        if not 0 < value <= 3600:
            raise argparse.ArgumentTypeError(f"{text} is not above 0, at most 3600")
        return value
    parse.__name__ = "number"
    return parse


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXIT_CODES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=ROOT / "build/bin", type=pathlib.Path)
    parser.add_argument("--data", default=ROOT / "build", type=pathlib.Path,
                        help="on the disk that is meant (build)")
    parser.add_argument("--systems", type=listed(list(SYSTEMS)), default=list(SYSTEMS),
                        metavar="A,B", help=f"of {','.join(SYSTEMS)}")
    parser.add_argument("--points", type=listed(None, in_flight_of), default=list(IN_FLIGHT),
                        metavar="N,N", help="requests in flight (1,16,64,256,1024)")
    parser.add_argument("--rounds", type=positive(int), default=3)
    parser.add_argument("--seconds", type=positive(float), default=3, help="of each point (3)")
    parser.add_argument("--warmup", type=positive(float), default=1, help="before each (1)")
    parser.add_argument("--warm", type=positive(float), default=15,
                        help="seconds of load on each system before the first point (15)")
    parser.add_argument("--gap-rounds", type=int, default=3, choices=range(0, 101), metavar="N",
                        help="kill -9 so often; 0: never (3)")
    parser.add_argument("--gap-seconds", type=positive(float), default=12,
                        help="of the writers that it happens under (12)")
    parser.add_argument("--writers", type=positive(int), default=12, help="so many of them (12)")
    parser.add_argument("--patience", type=positive(int), default=250,
                        help="milliseconds after which a writer goes to the next node (250)")
    parser.add_argument("--no-reads", dest="reads", action="store_false")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="every run, and medians")
    settings = parser.parse_args()
    settings.bin, settings.data = settings.bin.resolve(), settings.data.resolve()
    return settings


def estimated_seconds(settings):
    points = points_of(settings.points, settings.reads)
    of_points = settings.rounds * len(points) * (settings.seconds + settings.warmup + 1)
    of_gaps = settings.gap_rounds * (settings.gap_seconds + PREPARE_SECONDS)
    return len(settings.systems) * (of_points + of_gaps + settings.warm + TRIAL_SECONDS +
                                     PREPARE_SECONDS)


def end_on(*numbers):
    """As Ctrl-C does, so that what was started is ended."""
    def interrupt(*_):
        raise KeyboardInterrupt
    for number in numbers:
        signal.signal(number, interrupt)


def main():
    settings = parsed()
    wrong = missing(settings)
    if wrong:
        print(f"bench-peers: {wrong}", file=sys.stderr)
        return EXIT_USAGE
    end_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # a connection for each request
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"bench-peers: about {estimated_seconds(settings) / 60:.0f} minutes", file=sys.stderr)
    try:
        result = measure_all(settings)
    except KeyboardInterrupt:
        print("bench-peers: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (Failed, AssertionError, OSError, subprocess.SubprocessError) as failed:
        print(f"bench-peers: {failed}", file=sys.stderr)
        return EXIT_FAILED
    if settings.json:
        settings.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(text_of(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
