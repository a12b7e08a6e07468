"""One mutant against the programs that must kill it, and the control: none against all."""

import time

import killers as killers_module
import placing
import weaving
from tree import first_errors


def run_control(build_dir, killers):
    """The copy with no mutant chosen against every killer: its times are the budgets' measure."""
    rows = []
    for killer in killers:
        outcome = killer.run(build_dir, killer.control_limit_s)
        rows.append({"killer": killer.name, "failed": outcome.failed, "detail": outcome.detail,
                     "seconds": round(outcome.seconds, 2)})
        killer.control_s = outcome.seconds
    return rows


def empty_row(mutant, places, why_alone=""):
    return {"mutant": mutant.name, "file": places[0].file, "killed": False, "by": "", "detail": "",
            "error": "", "build_s": 0.0, "test_s": 0.0, "also": [], "alone": why_alone,
            "expected": list(mutant.killers)}


def is_settled(row):
    """Whether no other program need try this mutant."""
    return row is not None and (row["killed"] or bool(row["error"]))


def run_woven(build_dir, mutant, places, number, killers, every):
    """The mutant is in the build; its number chooses it."""
    row = empty_row(mutant, places)
    settings = {weaving.VARIABLE: str(number)}
    for killer in killers_module.in_order(mutant, folder_of(places), killers):
        if _kills(row, killer, killer.run(build_dir, killer.limit_s(), settings)) and not every:
            break
    row["test_s"] = round(row["test_s"], 1)
    return row


def run_alone(copy, mutant, places, sources, why, killers, every):
    """Its files are written, what the next program needs is built, and the files put back."""
    row = empty_row(mutant, places, why)
    try:
        copy.change(placing.apply(places, sources))
        for killer in killers_module.in_order(mutant, folder_of(places), killers):
            begun = time.monotonic()
            log = copy.build([killer.program(copy.build_dir)])
            row["build_s"] += time.monotonic() - begun
            if log is not None:
                row["error"] = f"it does not compile: {first_errors(log)}"
                break
            if _kills(row, killer, killer.run(copy.build_dir, killer.limit_s())) and not every:
                break
    finally:
        copy.revert()
    row["build_s"], row["test_s"] = round(row["build_s"], 1), round(row["test_s"], 1)
    return row


def folder_of(places):
    return places[0].file.split("/")[0]


def _kills(row, killer, outcome):
    row["test_s"] += outcome.seconds
    if outcome.failed and row["killed"]:
        row["also"].append(killer.name)
    elif outcome.failed:
        row.update(killed=True, by=killer.name, detail=outcome.detail)
    return outcome.failed
