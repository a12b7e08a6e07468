#!/usr/bin/env python3
"""Each promise, answer and fault in docs/guarantees.md names tests and mutants that exist."""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def gtest_names():
    macro = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
    names = set()
    for source in (ROOT / "tests").rglob("*_test.cc"):
        names |= {f"{suite}.{test}" for suite, test in macro.findall(source.read_text())}
    return names


def ctest_names():
    """Names of add_test, with those that a foreach over names or files makes."""
    names = set()
    for listing in (ROOT / "tests").glob("*_tests.cmake"):
        text = listing.read_text()
        for name in re.findall(r"add_test\(NAME ([\w${}]+)", text):
            loop = re.search(r"foreach\((\w+) ([\w\s]+?)\)", text)
            if "${" not in name:
                names.add(name)
            elif name.startswith("fuzz_"):
                names |= {"fuzz_" + path.name.removesuffix("_fuzz.cc")
                          for path in (ROOT / "tests/fuzz").glob("*_fuzz.cc")}
            elif loop:
                variable = "${" + loop.group(1) + "}"
                names |= {name.replace(variable, word) for word in loop.group(2).split()}
    return names


def rows_of(text):
    """Of each table: (first cell of its head, rows as lists of cells)."""
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = [line[2:-2].split(" | ") for line in table.splitlines()]
        yield head[0], rows


def problems(text, tests, mutants):
    above, evidence = text.split("\n## Evidence\n")
    wanted = {"promise": re.findall(r"^(\d+)\. ", above, re.MULTILINE), "answer": [], "fault": []}
    for kind, rows in rows_of(above):
        wanted[kind] += [row[0] for row in rows]
    given = {kind: {row[0]: row[1:] for row in rows} for kind, rows in rows_of(evidence)}
    found = []
    for kind, names in wanted.items():
        there = given.get(kind, {})
        found += [f"no {kind}s"] if not names else []
        found += [f"{kind} {name!r} has no evidence" for name in names if name not in there]
        found += [f"evidence of no {kind}: {name!r}" for name in there if name not in names]
        for name, cells in there.items():
            # A promise has its tests in one cell and its mutants in the next; the others mix them.
            known = [tests, mutants] if kind == "promise" else [tests | mutants]
            for cell, names_known in zip(cells, known, strict=True):
                guards = re.findall(r"`([^`]+)`", cell)
                found += [f"{kind} {name!r} names no guard"] if not guards else []
                found += [f"{kind} {name!r}: no such guard: {guard}" for guard in guards
                          if guard not in names_known]
    return found


SAMPLE = """1. **x**
2. **y**
3. **z**

| answer | means |
|---|---|
| done | x |

| fault | effect |
|---|---|
| a | x |
| b | x |

## Evidence

| promise | tests | mutants |
|---|---|---|
| 1 | `No.Such` | `none` |
| 2 |  | `m` |
| 4 | `T.t` | `m` |

| answer | guarded by |
|---|---|
| done | `T.t` |

| fault | guarded by |
|---|---|
| a | `m` |
| b | nothing |
"""


def main():
    text = (ROOT / "docs/guarantees.md").read_text()
    tests = gtest_names() | ctest_names()
    mutants = {name for path in (ROOT / "tests/mutants/catalogue").glob("*.toml")
               for name in tomllib.loads(path.read_text())}
    # The check itself must be able to fail.
    bites = problems(SAMPLE, {"T.t"}, {"m"})
    if len(bites) != 6:
        sys.exit(f"the check does not bite: {bites}")
    promises = len(re.findall(r"^\d+\. ", text, re.MULTILINE))
    found = problems(text, tests, mutants)
    for problem in found:
        print(f"docs/guarantees.md: {problem}")
    print(f"guarantees: {promises} promises, {len(tests)} tests, {len(mutants)} mutants, "
          f"{len(found)} problems")
    return 1 if found or promises == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
