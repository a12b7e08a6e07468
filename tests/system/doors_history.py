#!/usr/bin/env python3
"""All doors at once, under faults, for half a minute: the joint history holds, and a lie of each
door in it is found. tests/doors/campaign.py does the same for longer."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "doors"))

import campaign  # noqa: E402
from cluster import check  # noqa: E402

MINUTES = "0.4"


def saw_everything(totals):
    """A run in which some door did next to nothing proves nothing."""
    for door in campaign.DOORS:
        for action in ("write", "read", "set", "cas", "next", "check"):
            check(totals.asked[door, action], f"{action} at {door}")
        for outcome in ("done", "already_set", "empty"):
            check(totals.outcomes[door, outcome], f"{outcome} at {door}")
        for lie in ("second winner", "stale read", "old value", "one number twice", "lost set"):
            check(totals.falsified[f"{door} {lie}"], f"a {lie} to be told at {door}")
    check(sum(count for (_, outcome), count in totals.outcomes.items() if outcome == "unknown"),
          "an unknown outcome, of all these faults")
    check(totals.retried, "a request that was asked again at another door")


if __name__ == "__main__":
    campaign.run(campaign.parse(["--minutes", MINUTES, *sys.argv[1:]]), saw_everything)
