#!/usr/bin/env python3
"""Puts each mutant of catalogue/ into a copy of the tree and runs the tests that must kill it.

A mutant is killed by the first test program that fails, crashes, or hangs where the unmutated tree
took less than a third of the time. A mutant whose place is not found, or not unique, and one that
does not compile, are errors. Exit code 0: every mutant was killed and the unmutated control passed
all programs within the same budgets; 1: not so; 2: usage.
"""

import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import campaign as campaign_module  # noqa: E402
import catalogue  # noqa: E402
import checks  # noqa: E402
import killers as killers_module  # noqa: E402
import placing  # noqa: E402
import report  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="name the mutants and end")
    parser.add_argument("--check", action="store_true",
                        help="check that each mutant has its place and its killers, and end")
    parser.add_argument("--only", action="append", metavar="WORD", help="mutants with this in name")
    parser.add_argument("--subset", choices=["fast", "all"], default="all")
    parser.add_argument("--jobs", type=int, default=2, help="copies that build at the same time")
    parser.add_argument("--quick", action="store_true",
                        help="without the programs that run long: simulator, crash points, ...")
    parser.add_argument("--alone", action="store_true", help="build each by itself, weave nothing")
    parser.add_argument("--every-killer", action="store_true", help="go on after the first kill")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "mutants",
                        help="where the copies and results go (default build/mutants)")
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error("--jobs must be at least 1")
    return args


def choose(args, mutants):
    if args.only:
        chosen = [one for one in mutants if any(word in one.name for word in args.only)]
        if not chosen:
            sys.exit(f"no mutant is called like {' or '.join(args.only)}; --list shows all")
        return chosen
    return [one for one in mutants if one.fast] if args.subset == "fast" else mutants


def stages(args, chosen):
    """The programs that are expected to kill one of the chosen mutants; then, for what they leave
    alive, the others."""
    known = killers_module.known(fast=args.quick or args.subset == "fast")
    if args.every_killer:
        return [known]
    expected = [one for one in known if any(one.stem in mutant.killers for mutant, _ in chosen)]
    others = [one for one in known if one not in expected]
    return [expected, [] if args.subset == "fast" else others]


def run(args, mutants, sources):
    begun = time.monotonic()
    chosen = [(mutant, placing.place(mutant, sources)) for mutant in choose(args, mutants)]
    apart = {mutant.name: "--alone" for mutant, _ in chosen} if args.alone else {}
    work = campaign_module.Campaign(ROOT, args.work, args.jobs, chosen, sources,
                                    stages(args, chosen), args.every_killer, apart)
    control, rows = work.run()
    seconds = time.monotonic() - begun
    text = report.table(control, rows, seconds)
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
    killed = rows and all(row["killed"] and not row["error"] for row in rows)
    return 0 if killed and not work.control_failed() else 1


def main():
    args = parse_arguments()
    os.umask(0o022)
    try:
        mutants, sources = catalogue.read_all(HERE / "catalogue"), placing.Sources(ROOT)
    except catalogue.Trouble as trouble:
        sys.exit(f"mutants: {trouble}")
    if args.list:
        for mutant in mutants:
            print(f"{mutant.name:48} {mutant.edits[0].file:28} {mutant.defect}")
        return 0
    found = checks.problems(mutants, sources, ROOT)
    if found or args.check:
        print("\n".join(found) if found else f"{len(mutants)} mutants: each has its place")
        return 1 if found else 0
    return run(args, mutants, sources)


if __name__ == "__main__":
    sys.exit(main())
