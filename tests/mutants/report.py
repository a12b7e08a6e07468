"""What the runner says: a line while it works, a table at the end."""

import collections
import sys
import threading


class Progress:
    """One line that rewrites itself on a terminal; nothing anywhere else."""

    def __init__(self, total):
        self.total, self.lock = total, threading.Lock()
        self.shown = sys.stderr.isatty()

    def step(self, name, done):
        with self.lock:
            if self.shown:
                sys.stderr.write(f"\r\x1b[K[{done}/{self.total}] {name}")
                sys.stderr.flush()

    def end(self):
        if self.shown:
            sys.stderr.write("\r\x1b[K")


def table(control, rows, seconds):
    lines = ["| mutant | killed by | seed, schedule or test | build s | test s |",
             "|---|---|---|---|---|"]
    lines += [_line(row) for row in rows]
    return "\n".join([*lines, "", _of_control(control), *_of_weaving(rows),
                      *_unexpected(rows), _score(rows, seconds)]) + "\n"


def _line(row):
    by = row["by"] if row["killed"] else ("**error**" if row["error"] else "**survived**")
    also = f" (also {', '.join(row['also'])})" if row["also"] else ""
    detail = row["error"].splitlines()[0] if row["error"] else row["detail"]
    detail = detail.replace("|", "\\|")
    build = row["build_s"] if row["alone"] else "woven"
    return f"| {row['mutant']} | {by}{also} | {detail} | {build} | {row['test_s']} |"


def _of_control(control):
    failed = [row["killer"] for row in control if row["failed"]]
    spent = sum(row["seconds"] for row in control)
    return f"control: {len(control)} programs, " + (
        f"FAILED: {', '.join(failed)}" if failed else f"all passed in {spent:.1f} s")


def _of_weaving(rows):
    alone = collections.Counter(row["alone"] for row in rows if row["alone"])
    yield (f"{len(rows) - sum(alone.values())} mutants woven into one build, "
           f"{sum(alone.values())} built alone")
    for why, count in alone.most_common():
        yield f"- {count} alone: {why}"


def _unexpected(rows):
    """A kill that nobody expected may be a test that failed for another reason."""
    for row in rows:
        if row["killed"] and row["by"].split(" ")[0] not in row["expected"]:
            yield f"- look at it: {row['mutant']} was expected to be killed by " + (
                f"{', '.join(row['expected'])}, and was by {row['by']}")


def _score(rows, seconds):
    killed = sum(row["killed"] and not row["error"] for row in rows)
    errors = sum(bool(row["error"]) for row in rows)
    share = 100 * killed / max(1, len(rows))
    return (f"{killed} of {len(rows)} mutants killed ({share:.0f} %), "
            f"{len(rows) - killed - errors} survived, {errors} errors, {seconds:.0f} s")
