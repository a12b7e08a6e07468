#!/usr/bin/env python3
"""The Markdown pages: one sentence a line, every relative link leads somewhere, no phrase that is
hard to read for those who learnt English as a second language, and no promise of what is not there.

`--fix` writes the lines as they should be. Of dated pages (decisions, recorded results) only the
links are looked at.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ITEM = re.compile(r"^(\s*)((?:[-*+]|\d+\.)\s+)(.*)$")
ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.", "cf.", "St.", "No.")
# The end of a sentence, what may close it, and how the next one may begin.
SENTENCE_END = re.compile(r"([.!?][\"')*_\]]*) +(?=[\"'(\[*_]*(?:[A-Z\x00]|\d+[ ,]))")
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")

BANNED = [
    (r"\bmend the (network|list|name server)\b", "restore the network, correct the list"),
    (r"whether to is for you", "decide yourself"),
    (r"replace (the|a|that) node\b", "a node cannot be replaced yet: docs/deploy.md#a-lost-disk"),
    (r"\bnew member\b", "nodes cannot join yet: docs/deploy.md#a-lost-disk"),
    (r"\brejoin\b", "nodes cannot join yet: docs/deploy.md#a-lost-disk"),
]


def sentences(text):
    """The sentences of a paragraph. A code span is one word to this."""
    spans = re.findall(r"(`+)(.+?)\1(?!`)", text)
    kept = []

    def hide(found):
        kept.append(found.group(0))
        return f"\x00{len(kept) - 1}\x00"

    hidden = re.sub(r"(`+).+?\1(?!`)", hide, text) if spans else text
    out, begin = [], 0
    for found in SENTENCE_END.finditer(hidden):
        before = hidden[begin:found.end(1)]
        if before.endswith(ABBREVIATIONS) or before.endswith("..."):
            continue
        out.append(before)
        begin = found.end()
    out.append(hidden[begin:])
    return [re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found[1])], part) for part in out]


def is_plain(line):
    """What is neither a paragraph nor an item: tables, headings, comments, pictures."""
    return line.lstrip().startswith(("|", "#", "<!--", "![")) or not line.strip()


def formatted(text):
    lines, out, at = text.split("\n"), [], 0
    item_indent = None  # where the text of the open list item begins
    while at < len(lines):
        line = lines[at]
        if line.lstrip().startswith("```"):
            end = next((i for i in range(at + 1, len(lines))
                        if lines[i].lstrip().startswith("```")), len(lines) - 1)
            out += lines[at:end + 1]
            at = end + 1
            continue
        indent = len(line) - len(line.lstrip())
        if line.strip() and item_indent is not None and indent == 0 and not ITEM.match(line):
            item_indent = None
        found = ITEM.match(line)
        if is_plain(line) or (indent >= (item_indent or 0) + 4 and not found):
            out.append(line)
            at += 1
            continue
        if found:
            head, rest = found.group(1) + found.group(2), found.group(3)
            item_indent = len(head)
        else:
            head, rest = " " * indent, line.strip()
        at += 1
        while (at < len(lines) and not is_plain(lines[at]) and not ITEM.match(lines[at])
               and not lines[at].lstrip().startswith("```")):
            rest += " " + lines[at].strip()
            at += 1
        first, *others = sentences(rest)
        out += [head + first] + [" " * len(head) + sentence for sentence in others]
    return "\n".join(out)


def anchors(text):
    """The names that GitHub gives to the headings of a page."""
    found = set()
    for title in re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S),
                            re.MULTILINE):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        found.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return found


def broken_links(path, text):
    for target in (first or second for first, second in LINK.findall(
            re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve()
        if name and not there.exists():
            yield f"a link to nothing: {target}"
        elif anchor and (not name or there.suffix == ".md"):
            if anchor not in anchors(there.read_text() if name else text):
                yield f"no such heading: {target}"


def is_dated(path):
    return re.match(r"\d{4}-", path.name) is not None or path.name == "CHANGELOG.md"


def problems(path, text):
    yield from broken_links(path, text)
    if is_dated(path):
        return
    if formatted(text) != text:
        wanted = formatted(text).split("\n")
        number = next(i for i, (a, b) in enumerate(zip(text.split("\n") + [""], wanted + [""]))
                      if a != b)
        yield f"line {number + 1}: one sentence a line (--fix does it)"
    for found in re.finditer(r"^.+\n!\[|^!\[.*\n.+", text, re.MULTILINE):
        yield f"a picture needs an empty line before and after it: {found.group(0)[:40]!r}"
    for pattern, better in BANNED:
        for found in re.finditer(pattern, text):
            yield f"{found.group(0)!r}: say: {better}"


SAMPLES = [  # as written, as it should be
    ("One. Two.\n", "One.\nTwo.\n"),
    ("One\nand more. Two\n", "One and more.\nTwo\n"),
    ("- One. Two.\n- Three\n  four.\n", "- One.\n  Two.\n- Three four.\n"),
    ("| a. B | c |\n", "| a. B | c |\n"),
    ("```\nA. B\n```\n", "```\nA. B\n```\n"),
    ("Say `a. B`. `C` is.\n", "Say `a. B`.\n`C` is.\n"),
    ("Text:\n\n    A. B\n    C. D\n", "Text:\n\n    A. B\n    C. D\n"),
    ("See e.g. Paxos. **Two.** Three (*four*). Five\n",
     "See e.g. Paxos.\n**Two.**\nThree (*four*).\nFive\n"),
    ("1. One. Two\n   three\n2. Four\n\nFive\n", "1. One.\n   Two three\n2. Four\n\nFive\n"),
    ("Linux 6.1 or later, 0.5 ms ... And so\n", "Linux 6.1 or later, 0.5 ms ... And so\n"),
]


def prove():
    for given, wanted in SAMPLES:
        if formatted(given) != wanted or formatted(wanted) != wanted:
            sys.exit(f"sample {given!r}: {formatted(given)!r}, not {wanted!r}")
    here = ROOT / "docs" / "sample.md"
    bad = ("# A title\n[a](none.md) [b](#another) [c](README.md#nothing) [d](#a-title)\n"
           "Replace it: mend the network, replace the node. A.\n![p](README.md)\n")
    if len(list(problems(here, bad))) != 7:
        sys.exit(f"the check does not bite: {list(problems(here, bad))}")


def pages():
    yield from sorted(ROOT.glob("*.md"))
    for folder in ("docs", "examples", "bench"):
        yield from sorted((ROOT / folder).rglob("*.md"))


def main():
    prove()
    count, bad = 0, 0
    for path in pages():
        text = path.read_text()
        if "--fix" in sys.argv and not is_dated(path) and formatted(text) != text:
            text = formatted(text)
            path.write_text(text)
        for problem in problems(path, text):
            print(f"{path.relative_to(ROOT)}: {problem}")
            bad += 1
        count += 1
    print(f"docs: {count} pages, {bad} problems")
    return 1 if bad or count < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
