#!/usr/bin/env python3
"""Builds each mutant of patches/ on a copy of the tree and runs the tests that must kill it.

A mutant is killed by the first test program that fails, crashes, or hangs where the unmutated tree
took less than a third of the time. A patch that does not apply without fuzz, and a mutant that does
not compile, are errors. Exit code 0: every mutant was killed and the unmutated control passed all
programs within the same budgets; 1: not so; 2: usage.
"""

import argparse
import json
import os
import pathlib
import queue
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import killers as killers_module  # noqa: E402
import patches as patches_module  # noqa: E402
import tree as tree_module  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Progress:
    """One line that rewrites itself on a terminal; nothing anywhere else."""

    def __init__(self, total):
        self.total, self.done, self.lock = total, 0, threading.Lock()
        self.shown = sys.stderr.isatty()

    def step(self, name):
        with self.lock:
            self.done += 1
            if self.shown:
                sys.stderr.write(f"\r\x1b[K[{self.done}/{self.total}] {name}")
                sys.stderr.flush()

    def end(self):
        if self.shown:
            sys.stderr.write("\r\x1b[K")


def run_control(copy, killers):
    """The unmutated tree against every killer: its times are the budgets' measure."""
    log = copy.build(sorted({killer.target for killer in killers}), os.cpu_count() or 1)
    if log is not None:
        return [{"killer": "build", "failed": True, "seconds": 0.0, "detail": log}]
    rows = []
    for killer in killers:
        outcome = killer.run(copy.build_dir, killer.control_limit_s)
        rows.append({"killer": killer.name, "failed": outcome.failed, "detail": outcome.detail,
                     "seconds": round(outcome.seconds, 2)})
        killer.control_s = outcome.seconds
    return rows


def run_mutant(copy, patch, killers, every):
    row = {"mutant": patch.name, "file": patch.files[0], "killed": False, "by": "", "detail": "",
           "error": "", "build_s": 0.0, "test_s": 0.0, "also": []}
    error = copy.apply(patch)
    if error:
        row["error"] = f"the patch does not apply: {error}"
        return row
    try:
        for killer in patch.in_order(killers):
            begun = time.monotonic()
            log = copy.build([killer.target])
            row["build_s"] += time.monotonic() - begun
            if log is not None:
                row["error"] = f"it does not compile: {log}"
                return row
            outcome = killer.run(copy.build_dir, killer.limit_s())
            row["test_s"] += outcome.seconds
            if not outcome.failed:
                continue
            if row["killed"]:
                row["also"].append(killer.name)
                continue
            row.update(killed=True, by=killer.name, detail=outcome.detail)
            if not every:
                break
    finally:
        copy.revert()
        row["build_s"], row["test_s"] = round(row["build_s"], 1), round(row["test_s"], 1)
    return row


def run_all(copies, chosen, killers, every, journal):
    """Each copy has a thread of its own; the threads share one queue of mutants. `journal` gets a
    line for each as it ends."""
    todo, rows, progress = queue.Queue(), {}, Progress(len(chosen))
    for patch in chosen:
        todo.put(patch)

    def work(copy):
        while True:
            try:
                patch = todo.get_nowait()
            except queue.Empty:
                return
            try:
                rows[patch.name] = run_mutant(copy, patch, killers, every)
            except Exception as trouble:  # a row, so that the others still get theirs
                rows[patch.name] = {"mutant": patch.name, "file": patch.files[0], "killed": False,
                                    "by": "", "detail": "", "error": f"the runner: {trouble!r}",
                                    "build_s": 0.0, "test_s": 0.0, "also": []}
            progress.step(patch.name)
            journal.write(json.dumps(rows[patch.name]) + "\n")
            journal.flush()

    threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.end()
    return [rows[patch.name] for patch in chosen]


def table(control, rows, seconds):
    lines = ["| mutant | killed by | seed, schedule or test | build s | test s |",
             "|---|---|---|---|---|"]
    for row in rows:
        by = row["by"] if row["killed"] else ("**error**" if row["error"] else "**survived**")
        also = f" (also {', '.join(row['also'])})" if row["also"] else ""
        detail = (row["detail"] or row["error"].splitlines()[0] if row["error"] else row["detail"])
        detail = detail.replace("|", "\\|")
        lines.append(f"| {row['mutant']} | {by}{also} | {detail} | {row['build_s']} | "
                     f"{row['test_s']} |")
    killed = sum(row["killed"] for row in rows)
    errors = sum(bool(row["error"]) for row in rows)
    failed = [row["killer"] for row in control if row["failed"]]
    spent = sum(row["seconds"] for row in control)
    lines += ["", f"control: {len(control)} programs, "
              + (f"FAILED: {', '.join(failed)}" if failed else f"all passed in {spent:.1f} s")]
    lines.append(f"{killed} of {len(rows)} mutants killed ({100 * killed / max(1, len(rows)):.0f} "
                 f"%), {len(rows) - killed - errors} survived, {errors} errors, {seconds:.0f} s")
    return "\n".join(lines) + "\n"


def choose(args, patches):
    if args.only:
        chosen = [patch for patch in patches if any(word in patch.name for word in args.only)]
        if not chosen:
            sys.exit(f"no mutant is called like {' or '.join(args.only)}; --list shows all")
        return chosen
    return [patch for patch in patches if patch.fast] if args.subset == "fast" else patches


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="name the mutants and end")
    parser.add_argument("--only", action="append", metavar="WORD", help="mutants with this in name")
    parser.add_argument("--subset", choices=["fast", "all"], default="all")
    parser.add_argument("--jobs", type=int, default=2, help="copies that build at the same time")
    parser.add_argument("--quick", action="store_true",
                        help="without the programs that run long: simulator, crash points, ...")
    parser.add_argument("--every-killer", action="store_true", help="go on after the first kill")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "mutants",
                        help="where the copies and results go (default build/mutants)")
    parser.add_argument("--refresh", action="store_true",
                        help="rewrite patches whose context has moved, with fuzz, and end")
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error("--jobs must be at least 1")
    os.umask(0o022)
    patches = patches_module.read_all(ROOT / "tests" / "mutants" / "patches")
    if args.list:
        for patch in patches:
            print(f"{patch.name:48} {patch.files[0]:28} {patch.defect}")
        return 0
    if args.refresh:
        return patches_module.refresh(ROOT, patches)
    chosen = choose(args, patches)
    begun = time.monotonic()
    known = killers_module.known(ROOT, fast=args.quick or args.subset == "fast")
    killers = [one for one in known if any(one in patch.in_order(known) for patch in chosen)]
    if args.subset == "fast":  # what is expected to kill, and no more to build
        killers = [one for one in killers if any(one.target in patch.expected for patch in chosen)]
    cpus = os.cpu_count() or 1
    copies = [tree_module.Copy(ROOT, args.work / f"copy-{index}", max(1, cpus // args.jobs))
              for index in range(min(args.jobs, len(chosen)))]
    for copy in copies:
        copy.prepare()
    control = run_control(copies[0], killers)
    rows = []
    if not any(row["failed"] for row in control):
        with open(args.work / "rows.jsonl", "w", encoding="utf-8") as journal:
            rows = run_all(copies, chosen, killers, args.every_killer, journal)
    seconds = time.monotonic() - begun
    text = table(control, rows, seconds)
    result = {"control": control, "mutants": rows, "seconds": round(seconds, 1)}
    (args.work / "results.md").write_text(text)
    (args.work / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1) if args.json else text, end="")
    for row in rows:
        if row["error"]:
            print(f"\n{row['mutant']}: {row['error']}", file=sys.stderr)
    for row in control:
        if row["failed"]:
            print(f"\ncontrol {row['killer']}: {row['detail']}", file=sys.stderr)
    return 0 if rows and all(row["killed"] and not row["error"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
