#!/usr/bin/env python3
"""What `make bench-check` says of counts: nothing within 5 %, worse above, and what to record."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "bench"))
import check  # pylint: disable=wrong-import-position

RECORD = {"a": 1000.0, "b": 1000.0}


def said(counted, wanted_worse, *parts):
    lines, worse = check.compare(counted, RECORD)
    text = "\n".join(lines)
    assert worse == wanted_worse, f"{counted}: {text!r}"
    assert all(part in text for part in parts), f"{counted}: {text!r}"
    assert bool(lines) == bool(parts), f"{counted}: {text!r}"


said({"a": 1000, "b": 1050}, False)
said({"a": 1000, "b": 951}, False)
said({"a": 1051, "b": 1000}, True, "a: 1051 instructions, 1000 on record (+5.1%): WORSE")
said({"a": 940, "b": 1000}, False, "a: 940 instructions", "better, --renew records it")
said({"c": 5}, False, "c: not on record")
said({"a": 900, "b": 2000}, True, "better", "b: 2000 instructions, 1000 on record (+100.0%): WORSE")
print("check_test: 6 comparisons as they should be")
