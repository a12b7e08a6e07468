#!/usr/bin/env python3
"""Runs the fuzz targets: each on its committed corpus, then on what libFuzzer makes of it.

The committed corpus is only read; what is found is kept in BUILD/corpus/TARGET, and inputs that
crash in BUILD/crashes. --adopt N then minimises what was found and adds up to N inputs a target to
the committed corpus, as found-01.bin, ...

Exit codes: 0 no crash, 1 a target crashed, 2 it could not be run (not built, no corpus, no
executions).
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CORPORA = HERE / "corpus"
SUFFIX = "_fuzz"
LIMITS = ["-rss_limit_mb=1024", "-timeout=60"]
# A schedule is worth something from its first byte on and in any length; and the entropic choice of
# inputs costs more there than to run them.
OWN_LIMITS = {
    "client_frames": ["-max_len=8192"],
    "http_door": ["-max_len=2048"],
    "peer_frames": ["-max_len=8192"],
    "resp_door": ["-max_len=4096", "-len_control=0"],
    "schedule": ["-max_len=1024", "-len_control=0", "-entropic=0"],
    "streams": ["-max_len=4096", "-len_control=0", "-entropic=0"],
    "log_recovery": ["-max_len=1024", "-len_control=0", "-entropic=0"],
}
SLACK_SECONDS = 180  # for the committed corpus, on a slow machine
ENVIRONMENT = {
    "ASAN_OPTIONS": "quarantine_size_mb=16:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


@dataclasses.dataclass
class Outcome:
    target: str
    problem: str = ""  # empty: it ran
    crashes: list = dataclasses.field(default_factory=list)
    executions: int = 0
    per_second: int = 0
    coverage: int = 0
    features: int = 0
    corpus: int = 0
    text: str = ""


def targets():
    return sorted(path.stem.removesuffix(SUFFIX) for path in HERE.glob(f"*{SUFFIX}.cc"))


def seed(build, target):
    """Copies the committed corpus next to what earlier runs found."""
    work = build / "corpus" / target
    work.mkdir(parents=True, exist_ok=True)
    files = sorted((CORPORA / target).glob("*"))
    for path in files:
        shutil.copyfile(path, work / path.name)
    return work, len(files)


def flags(target):
    dictionary = HERE / f"{target}.dict"
    words = [f"-dict={dictionary}"] if dictionary.exists() else []
    return LIMITS + OWN_LIMITS.get(target, []) + words


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run(build, target, seconds):
    outcome = Outcome(target)
    binary = build / "bin" / (target + SUFFIX)
    if not binary.exists():
        outcome.problem = f"{binary} is not there; build it with `make fuzz-build`"
        return outcome
    work, seeds = seed(build, target)
    if seeds == 0:
        outcome.problem = f"no committed corpus in {CORPORA / target}"
        return outcome
    crashes = build / "crashes"
    crashes.mkdir(parents=True, exist_ok=True)
    mine = f"{target}-*"
    before = set(crashes.glob(mine))  # others may run beside it
    command = [str(binary), *flags(target), f"-max_total_time={seconds}",
               "-print_final_stats=1", "-close_fd_mask=1",
               f"-artifact_prefix={crashes}/{target}-", str(work)]
    with tempfile.TemporaryFile(mode="w+", errors="replace") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                 cwd=build, env={**os.environ, **ENVIRONMENT})
        watchdog = threading.Timer(seconds + SLACK_SECONDS, child.kill)
        watchdog.start()
        code = child.wait()
        watchdog.cancel()
        output.seek(0)
        outcome.text = output.read()
    outcome.crashes = sorted(set(crashes.glob(mine)) - before)
    outcome.executions = last_number(r"stat::number_of_executed_units:\s*(\d+)", outcome.text)
    outcome.per_second = outcome.executions // max(seconds, 1)
    outcome.coverage = last_number(r"\bcov: (\d+)", outcome.text)
    outcome.features = last_number(r"\bft: (\d+)", outcome.text)
    outcome.corpus = sum(1 for _ in work.iterdir())
    if code != 0 and not outcome.crashes:
        outcome.problem = f"it ended with code {code} and left no input behind"
    elif outcome.executions == 0 and not outcome.crashes:
        outcome.problem = "it executed nothing"
    return outcome


def report(outcomes, build):
    head = ("target", "executions", "exec/s", "coverage", "features", "corpus", "crashes")
    rows = [head]
    for one in outcomes:
        rows.append((one.target, f"{one.executions:,}", f"{one.per_second:,}", str(one.coverage),
                     str(one.features), str(one.corpus), str(len(one.crashes))))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    print()
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  ".join(cells))
    print(f"{len(outcomes)} targets, {sum(one.executions for one in outcomes):,} executions, "
          f"{sum(len(one.crashes) for one in outcomes)} crashes")
    for one in outcomes:
        if one.problem or one.crashes:
            print(f"\n--- {one.target}: {one.problem or 'crashed'}; the end of what it said:")
            print("\n".join(line[:200] for line in one.text.splitlines()[-60:]))
        for crash in one.crashes:
            print(f"\n{one.target} crashed on {crash}, kept there. Replay it with:\n"
                  f"  {build / 'bin' / (one.target + SUFFIX)} {crash}\n"
                  f"Once it is fixed, keep it: cp {crash} "
                  f"{(CORPORA / one.target).relative_to(ROOT)}/crash-WHAT-IT-WAS.bin")


def adopt(build, target, most):
    """Adds to the committed corpus the found inputs that cover what it does not cover yet."""
    binary = build / "bin" / (target + SUFFIX)
    found = build / "corpus" / target
    committed = CORPORA / target
    if not binary.exists() or not found.is_dir():
        return
    with tempfile.TemporaryDirectory(dir=build) as merged:
        kept = pathlib.Path(merged)
        for path in committed.glob("*"):
            shutil.copyfile(path, kept / path.name)
        command = [str(binary), "-merge=1", *flags(target), "-close_fd_mask=3"]
        subprocess.run([*command, str(kept), str(found)], check=True, cwd=build,
                       env={**os.environ, **ENVIRONMENT})
        known = {hashlib.sha1(path.read_bytes()).digest() for path in committed.glob("*")}
        fresh = [path for path in kept.iterdir()
                 if hashlib.sha1(path.read_bytes()).digest() not in known]
        fresh.sort(key=lambda path: path.stat().st_size)
        number = sum(1 for _ in committed.glob("found-*.bin"))
        for path in fresh[:most]:
            number += 1
            shutil.copyfile(path, committed / f"found-{number:02}.bin")
        print(f"{target}: {min(len(fresh), most)} of {len(fresh)} new inputs adopted")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    parser.add_argument("--target", action="append", help="only this one; may be repeated")
    parser.add_argument("--adopt", type=int, metavar="N", help="take in what was found")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    chosen = arguments.target or targets()
    unknown = sorted(set(chosen) - set(targets()))
    if unknown:
        print(f"no such target: {', '.join(unknown)}; there are: {', '.join(targets())}",
              file=sys.stderr)
        return 2
    if arguments.adopt is not None:
        for target in chosen:
            adopt(build, target, arguments.adopt)
        return 0
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(max(arguments.jobs, 1)) as pool:
        for outcome in pool.map(lambda target: run(build, target, arguments.seconds), chosen):
            outcomes.append(outcome)
            print(f"{outcome.target}: {outcome.executions:,} executions, "
                  f"{len(outcome.crashes)} crashes {outcome.problem}".rstrip(), flush=True)
    report(outcomes, build)
    if any(outcome.crashes for outcome in outcomes):
        return 1
    return 2 if any(outcome.problem for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
