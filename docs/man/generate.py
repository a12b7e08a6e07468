#!/usr/bin/env python3
"""Makes the man pages: commands, arguments, options and examples from the programs' own help, which
comes from the tree that reads the command line; what help has no room for from PROGRAM.in.

In PROGRAM.in, `[HEADING]` begins a section of the page, in the order of the page. COMMANDS and
OPTIONS are made; what stands under these headings follows them, and `[command NAME]` follows that
command. The rest is roff as it stands.
"""

import argparse
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ("once", "onced", "once-bench")
LISTS = ("Arguments", "Options", "Options of every command", "Commands", "Subcommands")
SEE_ELSEWHERE = ("Exit codes:", "More of each option:")  # sections of the page say it


def output_of(*words):
    done = subprocess.run(words, capture_output=True, timeout=30, text=True, check=True)
    return done.stdout


class Help:
    """A help text taken apart: `lists` has for each heading (what is given, what is said)."""

    def __init__(self, text):
        head, _, rest = text.partition("\nUsage: ")
        self.about = " ".join(head.split())
        self.usage, _, rest = rest.partition("\n")
        self.lists = {}
        lines = rest.split("\n")
        at = 0
        while at < len(lines):
            name = lines[at].rstrip(":")
            if lines[at].endswith(":") and name in LISTS:
                at = self.take_list(name, lines, at + 1)
            elif lines[at]:
                break
            else:
                at += 1
        self.footer = "\n".join(lines[at:]).strip("\n")

    def take_list(self, name, lines, at):
        entries = self.lists.setdefault(name, [])
        while at < len(lines) and lines[at].startswith("  "):
            if lines[at].startswith("   "):
                entries[-1][1] += " " + lines[at].strip()
            else:
                given, _, said = lines[at].strip().partition("  ")
                entries.append([given, said.strip()])
            at += 1
        return at


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def quoted(text):
    return '"' + roff(text).replace('"', '\\(dq') + '"'


def sentence(text):
    text = text.strip()
    return roff(text if text.endswith((".", "?", ":")) else text + ".")


def entry(given, said):
    """An option or an argument: bold what is typed, italic what is put in its place."""
    if not given.startswith("-"):
        return [".TP", f".I {roff(given)}", sentence(said)]
    words, _, value = given.partition(" ")
    head = roff(words.replace(",", ", "))
    line = f'.BI "{head}" {quoted(" " + value)}' if value else f'.B "{head}"'
    return [".TP", line, sentence(said)]


def examples(lines):
    return [".PP", ".EX", *(roff(line[2:]) for line in lines), ".EE"]


def footer(text):
    """Paragraphs; indented lines behind a heading are examples. (Other lines, examples.)"""
    out, shown, paragraph = [], [], []
    lines = text.split("\n")

    def end_paragraph():
        if paragraph:
            out.extend([".PP", *(sentence(one) for one in re.split(
                r"(?<=[.?]) (?=[A-Z`-])", " ".join(paragraph)))])
            paragraph.clear()

    at = 0
    while at < len(lines):
        if lines[at].startswith(SEE_ELSEWHERE):
            at += 1
            while at < len(lines) and lines[at].startswith("  "):
                at += 1
        elif re.match(r"Examples?:$", lines[at]):
            at += 1
            while at < len(lines) and lines[at].startswith("  "):
                shown.append(lines[at])
                at += 1
        else:
            if lines[at].strip():
                paragraph.append(lines[at].strip())
            at += 1
    end_paragraph()
    return out, shown


def by_hand(program):
    """(heading, text) of PROGRAM.in."""
    parts = re.split(r"^\[([^\]]+)\]\n", (HERE / f"{program}.in").read_text(), flags=re.MULTILINE)
    return list(zip(parts[1::2], (text.strip("\n") for text in parts[2::2])))


def commands_of(binary, program, top, extra):
    out = []
    for name, _ in top.lists.get("Commands", []) + top.lists.get("Subcommands", []):
        one = Help(output_of(binary, name, "--help"))
        out += [f".SS {roff(one.usage)}", sentence(one.about)]
        for title in ("Arguments", "Options"):
            for given, said in one.lists.get(title, []):
                if "--help" not in given:
                    out += entry(given, said)
        said, shown = footer(one.footer) if one.footer != top.footer else ([], [])
        out += said
        if f"command {name}" in extra:
            out += ([] if said else [".PP"]) + [extra[f"command {name}"]]
        out += examples(shown) if shown else []
    return out


def page(binary, program):
    top = Help(output_of(binary, "--help"))
    version = re.search(r"\d+\.\d+\.\d+", output_of(binary, "--version"))[0]
    written = by_hand(program)
    extra = dict(written)
    said, shown = footer(top.footer)
    made = {
        "SYNOPSIS": [f".B {roff(program)}", roff(top.usage[len(program) + 1:])],
        "COMMANDS": commands_of(binary, program, top, extra),
        "OPTIONS": [line for given, text in top.lists["Options"] for line in entry(given, text)],
        "EXAMPLES": examples(shown)[1:] if shown else [],
    }
    out = ['.\\" Made by docs/man/generate.py; change the help of the program, or the .in file.',
           f'.TH {roff(program).upper()} 1 "" "once {version}" "User Commands"']
    for heading, text in written:
        if heading.startswith("command "):
            continue
        lines = made.pop(heading, []) + ([text] if text else [])
        if heading == "DESCRIPTION":
            lines += said
        out += [f".SH {heading}", *lines]
    missing = [heading for heading, lines in made.items() if lines]
    if missing:
        raise SystemExit(f"{program}.in has no place for {missing}")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", default=HERE.parents[1] / "build" / "bin", type=pathlib.Path)
    given = parser.parse_args()
    for program in PROGRAMS:
        (HERE / f"{program}.1").write_text(page(given.bin / program, program))


if __name__ == "__main__":
    main()
