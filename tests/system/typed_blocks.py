"""The commands of a Markdown page and what they must print, for typed_docs.py.

docs/testing/typed-pages.md has the convention for those who write pages.
"""

import dataclasses
import re

FENCE = re.compile(r"^```(\w*)\s*$")
MARK = re.compile(r"^<!-- (not typed|file): (.+) -->$")
PROMPT = re.compile(r"^([a-z0-9]*)\$ (.*)$")
EXIT_CODE = re.compile(r"#.*\bexit code (\d+)")
PLACEHOLDER = re.compile(r"<([A-Z]+)>")
INDENTED_COMMAND = re.compile(r"^(?: {4}|\t)[a-z0-9]*\$ ")


class BadPage(Exception):
    """The page itself breaks the convention."""


@dataclasses.dataclass
class Command:
    page: str
    line: int
    terminal: str
    text: str
    wanted: list

    @property
    def exit_code(self):
        found = EXIT_CODE.search(self.text)
        return int(found.group(1)) if found else 0

    def __str__(self):
        return f"{self.page}:{self.line}: {self.terminal}$ {self.text}"


@dataclasses.dataclass
class File:
    page: str
    line: int
    path: str
    text: str


def blocks(page, text):
    """(line, language, mark, lines) of each fenced block."""
    lines = text.splitlines()
    mark, at = None, 0
    while at < len(lines):
        line = lines[at]
        if INDENTED_COMMAND.match(line):
            raise BadPage(f"{page}:{at + 1}: an indented command is not typed: use ```console")
        found = FENCE.match(line)
        if not found:
            if line.startswith("```"):
                raise BadPage(f"{page}:{at + 1}: a fence with more than one word: {line}")
            if line:
                mark = MARK.match(line)
            at += 1
            continue
        end = next((i for i in range(at + 1, len(lines)) if lines[i] == "```"), None)
        if end is None:
            raise BadPage(f"{page}:{at + 1}: a block without an end")
        yield at + 1, found.group(1), mark, lines[at + 1:end]
        mark, at = None, end + 1


def commands_of(page, first, lines):
    found = []
    for number, line in enumerate(lines, first + 1):
        prompt = PROMPT.match(line)
        if prompt:
            found.append(Command(page, number, prompt.group(1), prompt.group(2), []))
        elif not found:
            raise BadPage(f"{page}:{number}: output before the first command: {line}")
        elif line.startswith("> ") and not found[-1].wanted:
            found[-1].text += "\n" + line[2:]
        else:
            found[-1].wanted.append(line)
    if not found:
        raise BadPage(f"{page}:{first}: a console block without a command")
    return found


def steps_of(page, text):
    """All commands and files of a page, in order."""
    steps = []
    for line, language, mark, lines in blocks(page, text):
        if mark and mark.group(1) == "not typed":
            continue
        if mark:
            steps.append(File(page, line, mark.group(2), "\n".join(lines) + "\n"))
        elif language == "console":
            steps += commands_of(page, line, lines)
        elif language != "text":
            raise BadPage(f"{page}:{line}: a block of {language or 'no language'}: only console "
                          "is typed; mark it: <!-- not typed: REASON --> or <!-- file: NAME -->")
    return steps


def pattern_of(wanted):
    """A regular expression for a row of wanted lines, each with its end of line."""
    out = ""
    for line in wanted:
        if line == "...":
            out += r"(?:[^\n]*\n)*?"
            continue
        pieces = []
        for piece in re.split(r"(\.\.\.|<[A-Z]+>)", line):
            if piece == "...":
                pieces.append(r"[^\n]*")
            elif PLACEHOLDER.fullmatch(piece):
                pieces.append(rf"(?P<{piece[1:-1]}>\S+)")
            else:
                pieces.append(re.escape(piece))
        out += "".join(pieces) + r"\n"
    return out


def match(wanted, got):
    """What the placeholders stand for; None if the output is not the wanted one."""
    text = "".join(line + "\n" for line in got)
    found = re.fullmatch(pattern_of(wanted), text)
    return found.groupdict() if found else None


def filled(text, known):
    """The text with the values of placeholders that earlier outputs gave."""
    return PLACEHOLDER.sub(lambda found: known.get(found.group(1), found.group(0)), text)


def changed(wanted):
    """The wanted lines with each one changed, left out or added in its turn."""
    for at, line in enumerate(wanted):
        if line == "...":
            continue
        yield wanted[:at] + ["~" + line + "~"] + wanted[at + 1:]
        if "..." not in wanted:
            yield wanted[:at] + wanted[at + 1:]
    if "..." not in wanted[-1:]:
        yield wanted + ["one line more"]
