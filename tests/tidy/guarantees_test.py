#!/usr/bin/env python3
"""Each promise, answer and fault in docs/guarantees.md names tests and mutants that exist."""

import pathlib
import re
import sys

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


def problems(text, tests, mutants):
    found = []
    for number, promise in re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |^## )", text, re.M | re.S):
        guards = {}
        for kind in ("Tests", "Mutants"):
            line = re.search(rf"^   {kind}: (.*)$", promise, re.MULTILINE)
            guards[kind] = re.findall(r"`([^`]+)`", line.group(1)) if line else []
            if not guards[kind]:
                found.append(f"promise {number} names no {kind.lower()}")
        found += [f"promise {number}: no test {name}" for name in guards["Tests"]
                  if name not in tests]
        found += [f"promise {number}: no mutant {name}" for name in guards["Mutants"]
                  if name not in mutants]
    for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        answer, *_, guards = row.split(" | ")
        names = re.findall(r"`([^`]+)`", guards)
        if answer in ("answer", "fault") or row.startswith("---"):
            continue
        if not names:
            found.append(f"row {answer!r} names no guard")
        found += [f"row {answer!r}: no test or mutant {name}" for name in names
                  if name not in tests and name not in mutants]
    return found


def main():
    text = (ROOT / "docs/guarantees.md").read_text()
    tests = gtest_names() | ctest_names()
    mutants = {path.stem for path in (ROOT / "tests/mutants/patches").glob("*.patch")}
    # The check itself must be able to fail.
    sample = ("1. **x**\n   Tests: `No.Such`.\n   Mutants: `none`.\n2. **y**\n## end\n"
              "| fault | guarded by |\n| a | `none` |\n| b | nothing |\n")
    if len(problems(sample, tests, mutants)) != 6:
        sys.exit(f"the check does not bite: {problems(sample, tests, mutants)}")
    promises = len(re.findall(r"^\d+\. ", text, re.MULTILINE))
    found = problems(text, tests, mutants)
    for problem in found:
        print(f"docs/guarantees.md: {problem}")
    print(f"guarantees: {promises} promises, {len(tests)} tests, {len(mutants)} mutants, "
          f"{len(found)} problems")
    return 1 if found or promises == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
