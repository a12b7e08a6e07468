#!/usr/bin/env python3
"""Instructions of each micro-benchmark, beside those that are on record: a time differs from one
machine and minute to the next, the number of instructions does not.

  python3 bench/check.py                    # says what takes 5 % more or less than recorded
  python3 bench/check.py --renew            # records what it counts, once a change is meant
  python3 bench/check.py --only core_write

The record is bench/results/instructions.json. It holds for one compiler: with another one the
figures are shown, and nothing is compared. Exit codes: 0 nothing is worse, 1 something is, 2 wrong
usage or no valgrind. What takes fewer instructions is told, so that it is recorded.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECORD = ROOT / "bench/results/instructions.json"
FEW, MANY = 100, 600  # iterations: the difference is free of what a program does to begin
TOLERANCE = 0.05
# Of tables of a million names, which take minutes to fill when each instruction is counted.
LEFT_OUT = re.compile(r"^index_|^request_ids")  # and what asks the kernel


def collected(program, name, iterations):
    """Instructions of the whole program while it runs that benchmark so often."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
         f"--benchmark_filter=^{re.escape(name)}/iterations:{iterations}$"],
        capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "ONCE_MICRO_ITERATIONS": str(iterations)})
    counts = re.findall(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not counts or name not in done.stdout:
        sys.exit(f"bench-check: {name} did not run:\n{done.stdout[-500:]}{done.stderr[-2000:]}")
    return int(counts[-1])


def instructions(program, name):
    return (collected(program, name, MANY) - collected(program, name, FEW)) / (MANY - FEW)


def names_of(program, only):
    done = subprocess.run([program, "--benchmark_list_tests"], capture_output=True, text=True,
                          check=True)
    return [name for name in done.stdout.split()
            if not LEFT_OUT.search(name) and (only is None or only in name)]


def compiler():
    """Of this tree, as CMake has found it: its version decides which instructions there are."""
    cache = (ROOT / "build/CMakeCache.txt").read_text(encoding="utf-8")
    found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.M)
    told = subprocess.run([found[1], "--version"], capture_output=True, text=True, check=True)
    return told.stdout.splitlines()[0]


def compare(counted, recorded):
    """A line for each benchmark that is not as it was; whether one of them is worse."""
    lines, worse = [], False
    for name, now in counted.items():
        before = recorded.get(name)
        if before is None:
            lines.append(f"{name}: not on record; --renew records it")
        elif now > before * (1 + TOLERANCE):
            worse = True
            lines.append(f"{name}: {now:.0f} instructions, {before:.0f} on record "
                         f"({now / before - 1:+.1%}): WORSE")
        elif now < before * (1 - TOLERANCE):
            lines.append(f"{name}: {now:.0f} instructions, {before:.0f} on record "
                         f"({now / before - 1:+.1%}): better, --renew records it")
    return lines, worse


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=ROOT / "build/bin", type=pathlib.Path)
    parser.add_argument("--only", help="benchmarks with that in their name")
    parser.add_argument("--renew", action="store_true")
    settings = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("bench-check: there is no valgrind: `make dev-deps` installs it", file=sys.stderr)
        return 2
    program = settings.bin / "once-micro"
    names = names_of(program, settings.only)
    counted = {}
    for number, name in enumerate(names):
        if sys.stderr.isatty():
            print(f"\r\x1b[K{number + 1} of {len(names)}: {name}", end="", file=sys.stderr)
        counted[name] = round(instructions(program, name), 1)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    if settings.renew:
        kept = record.get("instructions", {}) if settings.only else {}
        RECORD.write_text(json.dumps({"compiler": compiler(), "instructions": kept | counted},
                                     indent=1) + "\n", encoding="utf-8")
        print(f"{len(counted)} benchmarks recorded in {RECORD.relative_to(ROOT)}")
        return 0
    if record.get("compiler") != compiler():
        for name, count in counted.items():
            print(f"{name}: {count:.0f} instructions")
        print(f"not compared: the record is of '{record.get('compiler')}', this is of "
              f"'{compiler()}'")
        return 0
    lines, worse = compare(counted, record["instructions"])
    print("\n".join([*lines, f"{len(counted)} benchmarks, {len(lines)} not as recorded"]))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
