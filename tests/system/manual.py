#!/usr/bin/env python3
"""The man pages are what the programs' help and docs/man/*.in make of them, and tell of each
command and option of --help, and of none that is not there. `docs/man/generate.py` writes them
anew."""

import pathlib
import re
import subprocess
import sys

from cluster import check, check_equal, options, run_steps

PAGES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "man"
sys.path.insert(0, str(PAGES))
import generate  # noqa: E402  (it stands beside the pages)

NOT_TOLD = {"--help", "--help-all", "--version"}


def help_of(where, *command):
    done = subprocess.run([pathlib.Path(where.bin) / command[0], *command[1:], "--help"],
                          capture_output=True, timeout=30, text=True)
    check_equal(done.returncode, 0, f"--help of {command}: {done.stderr}")
    return done.stdout


def words_of(where, program):
    """Of the program and of each of its commands: (commands, options)."""
    text = help_of(where, program)
    listed = re.split("^(?:Subc|C)ommands:", text, flags=re.MULTILINE)[-1].split("\n\n")[0]
    commands = set(re.findall(r"^  ([a-z]+) {2,}", listed, re.MULTILINE))
    texts = [text] + [help_of(where, program, command) for command in commands]
    found = {word for one in texts
             for word in re.findall(r"^  (?:-\w,)?(--[\w-]+)", one, re.MULTILINE)}
    return commands, found - NOT_TOLD


def told_by(program):
    """Without the font changes and escapes of roff; the commands that it explains apart."""
    text = re.sub(r"\\f.", "", (PAGES / f"{program}.1").read_text()).replace("\\-", "-")
    return text, re.findall(rf"^\.SS {program} ([a-z]+)", text, re.MULTILINE)


def matches(where, program):
    commands, found = words_of(where, program)
    text, heads = told_by(program)
    check(found, f"{program} --help shows no option")
    told = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) - NOT_TOLD - {"--all"}
    check_equal(told, found, f"options of {program}: the page, the help")
    check_equal(set(heads), commands, f"commands of {program}")


def is_made(where, program):
    made = generate.page(pathlib.Path(where.bin) / program, program)
    check((PAGES / f"{program}.1").read_text() == made,
          f"docs/man/{program}.1 is not what docs/man/generate.py makes: run it")



if __name__ == "__main__":
    given = options()
    names = generate.PROGRAMS
    run_steps([(f"{name}.1 is made", lambda name=name: is_made(given, name)) for name in names]
              + [(name, lambda name=name: matches(given, name)) for name in names])
