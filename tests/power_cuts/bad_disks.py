#!/usr/bin/env python3
"""Bad disks: three nodes with a real file system on a disk each, in a machine of their own
(user-mode Linux, no privileges). Under load one disk becomes slow (dm-delay), is well again, fails
its writes (dm-flakey) and heals. With the slow disk the cluster's p99 is at most twice what it is
with good ones, no request fails, and the node says that its disk is slow. The node whose writes
fail ends and says so; started again on the healed disk it catches up, and answers alone.
Exit code 0: so it was; 1: not so; 2: usage, or no machine can be booted here.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys

import machine
from power_cuts import MAKERS, SEGMENT_MIB

LOG_FAILED = 74
MOST_P99_RATIO = 2.0
LIMIT_S = 1200


def answer_of(options):
    shutil.rmtree(options.data, ignore_errors=True)
    options.data.mkdir(parents=True)
    maker, mib = MAKERS[options.file_system]
    disks = [options.data / f"disk-{number}" for number in (1, 2, 3)]
    for disk in disks:
        with open(disk, "wb") as file:
            file.truncate(mib << 20)
        subprocess.run([*maker, str(disk)], check=True, timeout=60, stdout=subprocess.DEVNULL)
    folder = options.data / "job"
    folder.mkdir()
    path = folder / "job.json"
    path.write_text(json.dumps(
        {"step": "bad_disks", "binaries": str(options.bin), "cores": 1, "nodes": 3,
         "segment_mib": SEGMENT_MIB, "file_system": options.file_system,
         "seconds": options.seconds, "write_ms": options.write_ms}))
    log = options.data / "machine.log"
    machine.boot(path, disks, log, LIMIT_S)
    answer = path.with_suffix(".result")
    if not answer.exists():
        raise AssertionError(f"the machine says nothing: {machine.tail(log)}")
    result = json.loads(answer.read_text())
    if result["error"]:
        raise AssertionError(result["error"])
    return result


def median(rounds, part, figure):
    return statistics.median(one[part][figure] for one in rounds)


def faults(result):
    """What is not as it should be; and prints the figures."""
    rounds, fails = result["slow"]["rounds"], result["fails"]
    ratio = median(rounds, "slow", "p99_us") / median(rounds, "well", "p99_us")
    for part in ("well", "change", "slow"):
        print(f"{part}: p50 {median(rounds, part, 'p50_us') / 1e3:.1f} ms, p99 "
              f"{median(rounds, part, 'p99_us') / 1e3:.1f} ms, max "
              f"{median(rounds, part, 'max_us') / 1e3:.1f} ms, "
              f"{sum(one[part]['done'] for one in rounds)} done, "
              f"{sum(one[part]['errors'] for one in rounds)} failed")
    print(f"p99 slow over well: {ratio:.2f}")
    print(*result["slow"]["words"], sep="\n")
    print(f"writes fail: exit code {fails['exit_code']}, {fails['during']['done']} writes done "
          f"meanwhile, {fails['during']['errors']} failed; then {fails['names']} names written at "
          f"the others, {fails['failed_at_others']} failed; in sync after "
          f"{fails['seconds_to_sync']} s; {fails['missing_alone']} missing when it is alone")
    print(*fails["words"], sep="\n")
    if ratio > MOST_P99_RATIO:
        yield f"p99 is {ratio:.2f} times what it is with good disks"
    if any(one[part]["errors"] for one in rounds for part in ("well", "change", "slow")):
        yield "requests failed"
    if not all(one["disk_slow"] for one in rounds) or not result["slow"]["words"]:
        yield "the node does not say that its disk is slow"
    if fails["exit_code"] != LOG_FAILED or not fails["words"]:
        yield f"exit code {fails['exit_code']}, not {LOG_FAILED}, or it does not say why"
    if fails["failed_at_others"] or fails["missing_alone"]:
        yield "the others did not go on, or it did not catch up"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/bin", type=pathlib.Path)
    parser.add_argument("--data", default="build/bad-disks", type=pathlib.Path)
    parser.add_argument("--file-system", default="ext4", choices=sorted(MAKERS))
    parser.add_argument("--seconds", default=10, type=int, help="of each load")
    parser.add_argument("--write-ms", default=500, type=int, help="that each write takes")
    options = parser.parse_args()
    options.bin, options.data = options.bin.resolve(), options.data.resolve()
    if machine.why_not():
        print(machine.why_not(), file=sys.stderr)
        return 2
    found = list(faults(answer_of(options)))
    print(*(f"FAULT: {line}" for line in found), sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
