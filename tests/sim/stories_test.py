#!/usr/bin/env python3
"""docs/paxos-by-example.md: its stories are played again and must come out as they stand there, as
text and as pictures (docs/pictures/story-*); each function that it links is in the file that the
link names.

`--fix` writes texts and pictures anew: look at them then.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "paxos-by-example.md"
PICTURES = ROOT / "docs" / "pictures"
STORIES = ROOT / "tests" / "sim" / "stories"
BLOCK = re.compile(r"(\$ once-sim --story ([\w-]+)\n)(.*?)(?=```)", re.DOTALL)
FUNCTION = re.compile(r"\[`([\w:]+)(?:\((\w+)\))?`\]\(\.\./([\w/]+\.(?:cc|h))\)")


def is_there(name, argument, code):
    """`Core::on(Prepare)` is the function of that name that takes such a message. A header has its
    class, and the function in it."""
    scope, _, member = name.rpartition("::")
    if re.search(rf"\b(?:class|struct) {re.escape(scope)}\b", code):
        name = member
    if argument:
        return re.search(rf"\b{re.escape(name)}\([^)]*\b{argument}& ", code) is not None
    return re.search(rf"\b{re.escape(name)}\(", code) is not None


def missing_functions(text):
    for name, argument, path in FUNCTION.findall(text):
        file = ROOT / path
        if not file.exists() or not is_there(name, argument, file.read_text()):
            yield f"{path} has no {name}" + (f"({argument})" if argument else "")


def play(binary, name):
    with tempfile.TemporaryDirectory() as directory:
        picture = pathlib.Path(directory) / "story.svg"
        done = subprocess.run([binary, "--story", name, "--svg", picture], capture_output=True,
                              text=True, timeout=60)
        if done.returncode != 0:
            sys.exit(f"{name}: exit code {done.returncode}: {done.stderr}")
        return done.stdout, picture.read_text()


def expect_error(binary, text, *arguments):
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60)
    if done.returncode != 2 or text not in done.stderr:
        sys.exit(f"{arguments}: exit code {done.returncode}: {done.stderr!r}; wanted 2, {text!r}")


def bad_scripts(binary):
    whole = (STORIES / "two-writers.txt").read_text()
    for old, new, told in [("through 1", "through 4", "says nothing"),
                           ("A writes red", "C writes red", "says nothing"),
                           ("at 0 ", "at never ", "says nothing"),
                           ("until 8", "", "a story needs"),
                           ("title Two", "lose word from 1 to 2\ntitle Two", "says nothing")]:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(whole.replace(old, new))
            file.flush()
            expect_error(binary, told, "--story", file.name)
    expect_error(binary, "there are:", "--story", "no-such-story")
    expect_error(binary, "--story", "--svg", "x.svg")


def main():
    binary, fix = sys.argv[1], "--fix" in sys.argv
    if is_there("Core::none", "", "Core::some() {}") or is_there("on", "A", "on(B& b"):
        sys.exit("the check of functions does not bite")
    text, problems = PAGE.read_text(), []
    problems += missing_functions(text)
    if len(FUNCTION.findall(text)) < 10 or len(BLOCK.findall(text)) < 2:
        problems.append("hardly a function is linked, or hardly a story told")
    shown = {name: block for _, name, block in BLOCK.findall(text)}
    for story in sorted(STORIES.glob("*.txt")):
        name = story.stem
        told, drawn = play(binary, name)
        file = PICTURES / f"story-{name}.svg"
        words = file.with_suffix(".txt")
        if fix:
            file.write_text(drawn)
            words.write_text(told)
            text = BLOCK.sub(lambda found, name=name, told=told: found[1] + told
                             if found[2] == name else found[0], text)
            continue
        if not file.exists() or file.read_text() != drawn:
            problems.append(f"{file.name} is not what the story draws")
        if not words.exists() or words.read_text() != told:
            problems.append(f"{words.name} is not what the story tells")
        if shown.get(name, told) != told:
            problems.append(f"the page does not tell {name} as it is:\n{told}")
        for shown_file in (file, words):
            if f"(pictures/{shown_file.name})" not in text:
                problems.append(f"the page does not show {shown_file.name}")
    if fix:
        PAGE.write_text(text)
    bad_scripts(binary)
    for problem in problems:
        print(f"{PAGE.name}: {problem}")
    print(f"stories: {len(shown)} on the page, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
