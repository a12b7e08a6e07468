#!/usr/bin/env python3
"""Citations of docs/design.md ("DESIGN 3.3") name sections that are there, what stands in quotes
behind a citation stands in that section, tests and files that this page and the map beside it name
exist, and the glossary explains each word once.

`--list` prints each citation with the title of its section, for reading.
"""

import pathlib
import re
import sys

import guarantees_test
import tidy_test

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = "docs/design.md"
MAP = "docs/architecture.md"
GLOSSARY = "docs/glossary.md"
HEADING = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\.? (.+)$", re.MULTILINE)
SECTION = r"\d+(?:\.\d+)?"
MORE = rf"(?:,\s*|,?\s+(?:and|or)\s+){SECTION}\b"
CITATION = re.compile(rf"\bDESIGN\s+({SECTION}(?:{MORE})*)(?!\.?\d|-\d)")
WORD = re.compile(r"\bDESIGN\b")
# Citations that the check would not find.
BARE = re.compile(r"^[ \t]*// (?:\d\.\d[\d.]*\b[^\n]{0,6}:|Section \d)", re.MULTILINE)
QUOTE = re.compile(rf'\bDESIGN\s+({SECTION}): +"([^"]+)"')
UNCHECKED = "a citation that cannot be checked: say DESIGN 3.3"
COMMENT = re.compile(r"\n[ \t]*(?://|#)")


def sections_of(page):
    """Number -> (title, text) of each section; a section has the text of those below it."""
    found, heads = {}, list(HEADING.finditer(page))
    for at, head in enumerate(heads):
        number = head.group(1)
        end = next((later.start() for later in heads[at + 1:]
                    if not later.group(1).startswith(number + ".")), len(page))
        found[number] = (head.group(2), page[head.end():end])
    return found


def plain(text):
    """Words alone: no marks of Markdown, no line ends, no capital at the beginning."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    words = " ".join(re.sub(r"[*`|]", " ", words).split()).rstrip(".")
    return words[:1].lower() + words[1:]


def misnumbered(page):
    """Sections are 1, 2, 3 and so on, those below them x.1, x.2 and so on, each once."""
    numbers = [tuple(int(part) for part in head.group(1).split("."))
               for head in HEADING.finditer(page)]
    before = (0,)
    for number in numbers:
        wanted = {(before[0] + 1,), before + (1,), before[:-1] + (before[-1] + 1,)}
        if number not in wanted:
            yield f"section {'.'.join(map(str, number))} follows {'.'.join(map(str, before))}"
        before = number


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def citations(text):
    """(offset, section) of each. A comment of several lines is read as one."""
    if "DESIGN" not in text:
        return
    joined = COMMENT.sub(lambda found: " " * len(found.group()), text)
    for found in CITATION.finditer(joined):
        for number in re.finditer(SECTION, found.group(1)):
            yield found.start(), number.group()


def problems(path, text, sections):
    if path.endswith((".h", ".cc")):
        for found in BARE.finditer(text):
            yield line_of(text, found.start()), UNCHECKED
    if "DESIGN" not in text:
        return
    joined = COMMENT.sub(lambda found: " " * len(found.group()), text)
    good = {found.start() for found in CITATION.finditer(joined)}
    for offset, number in citations(text):
        if number not in sections:
            yield line_of(text, offset), f"DESIGN {number}: there is no such section in {PAGE}"
    for found in WORD.finditer(joined):
        if found.start() not in good:
            yield line_of(text, found.start()), UNCHECKED
    for found in QUOTE.finditer(joined):
        number, words = found.groups()
        there = re.sub(r"\s+", " ", plain(sections.get(number, ("", ""))[1])).lower()
        if plain(words).lower() not in there:
            yield line_of(text, found.start()), f"DESIGN {number} does not say: {words!r}"


def missing(page, tests):
    """What the page names in code spans and is not there: tests, files and folders."""
    for name in re.findall(r"`([^`\s]+)`", page):
        if re.fullmatch(r"[A-Z]\w+\.[A-Z]\w+", name):
            if name not in tests:
                yield f"no such test: {name}"
        elif name.split("/")[0] in tidy_test.FOLDERS and "/" in name:
            if not (ROOT / name).exists():
                yield f"no such file: {name}"


def doubled(glossary):
    """Words with two lines."""
    words = [word for word in re.findall(r"^\| ([^|]+) \|", glossary, re.MULTILINE)
             if word != "word"]
    yield from (f"{word!r} stands there twice" for word in sorted(set(words))
                if words.count(word) > 1)


SAMPLE = """## 1. Promises
### 1.1 One
The *first*
line ([a](b.md)). No word.
### 1.2 Two
## 2. More
`T.T` `Test.IsThere` `Test.IsNot` `base/limits.h` `base/none.h` `a/b`
"""
GOOD = """// As DESIGN 1, 1.2 and 2 say, and DESIGN
// 1.1 too.
// DESIGN 1.1: "The first
// line (a)."
"""
BAD = [  # each has one problem
    "// DESIGN 3\n", "// (DESIGN 1, 1.3)\n", "// DESIGN 1.1 or 1.4\n", "// DESIGN says\n",
    "// DESIGN 1-2\n", "// DESIGN section 1\n", "int a;  // DESIGN\n", "// 1.1: one\n",
    "// Section 1: one\n", "// 1.2 (b): one\n", '// DESIGN 1.1: "A second line"\n',
    '// DESIGN 1.2: "the first line"\n', "// DESIGN 1.1.1\n"]


def prove():
    sections = sections_of(SAMPLE)
    bites = [list(problems("base/a.cc", text, sections)) for text in [GOOD, *BAD]]
    if [len(bite) for bite in bites] != [0] + [1] * len(BAD):
        sys.exit(f"the check of citations does not bite: {bites}")
    if [line for line, _ in problems("base/a.cc", "\n\n// DESIGN\n// 7\n", sections)] != [3]:
        sys.exit("the check of citations counts lines wrongly")
    named = list(missing(SAMPLE, {"Test.IsThere", "T.T"}))
    if named != ["no such test: Test.IsNot", "no such file: base/none.h"]:
        sys.exit(f"the check of names does not bite: {named}")
    head = "| word | means |\n|---|---|\n"
    if list(doubled(f"{head}| a | b |\n| c d | e |\n\n{head}| a b | c |\n| a | d |\n")) != [
            "'a' stands there twice"]:
        sys.exit("the check of the glossary does not bite")
    for page, wrong in [(SAMPLE, 0), ("## 1. A\n## 3. B\n", 1), ("## 1. A\n### 1.2 B\n", 1),
                        ("## 1. A\n### 1.1 B\n### 1.1 C\n## 2. D\n", 1), ("## 2. A\n", 1)]:
        if len(list(misnumbered(page))) != wrong:
            sys.exit(f"the check of numbers does not bite: {list(misnumbered(page))}")


def texts():
    for path in tidy_test.files():
        name = path.relative_to(ROOT).as_posix()
        if name not in (PAGE, "tests/tidy/design_test.py"):
            yield name, path.read_text(encoding="utf-8")


def main():
    prove()
    page = (ROOT / PAGE).read_text()
    sections = sections_of(page)
    found = [f"{PAGE}: {why}" for why in misnumbered(page)]
    tests = guarantees_test.gtest_names()
    found += [f"{name}: {why}" for name in (PAGE, MAP)
              for why in missing((ROOT / name).read_text(), tests)]
    found += [f"{GLOSSARY}: {why}" for why in doubled((ROOT / GLOSSARY).read_text())]
    cited = []
    for name, text in texts():
        found += [f"{name}:{line}: {why}" for line, why in problems(name, text, sections)]
        cited += [(number, name, line_of(text, at)) for at, number in citations(text)]
    if "--list" in sys.argv:
        for number, name, line in sorted(cited):
            print(f"{number} {sections.get(number, ('?', ''))[0]}: {name}:{line}")
    for problem in found:
        print(problem)
    print(f"design: {len(sections)} sections, {len(cited)} citations, {len(found)} problems")
    return 1 if found or len(sections) < 10 or len(cited) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
