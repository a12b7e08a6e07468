#!/usr/bin/env python3
"""What the simulator and the exhaustive search do, against the lists in this folder.

  check.py seeds once-sim                 seeds.txt: the trace hash of each seed
  check.py worlds once-exhaustive         worlds.txt: what each world came to, searched to its end
  check.py small-worlds once-exhaustive   small_worlds.txt: the same of its first states only

Names what changed, and ends with 1 if anything did; --renew writes the list anew instead, and
names the same. A change of form alone (code that moves) changes no line. Whoever changes behaviour
on purpose renews the lists in the same commit, and says there why.
"""

import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
MOST_SHOWN = 20

SEEDS = ["--seeds", "1..200", "--seconds", "1", "--hashes", "--keep-going"]
SMALL = ["--max-states", "20000", "--audit", "100"]

# Kind: the list, what the program is asked, how the list begins.
KINDS = {
    "seeds": ("seeds.txt", SEEDS, f"""\
# once-sim {" ".join(SEEDS)}
# seed, hash of its trace. See docs/testing/golden.md.
"""),
    "worlds": ("worlds.txt", [], """\
# once-exhaustive
# world, states, transitions, depth, node states, how it ended. See docs/testing/golden.md.
"""),
    "small-worlds": ("small_worlds.txt", SMALL, f"""\
# once-exhaustive {" ".join(SMALL)}
# world, states, transitions, depth, node states, how it ended. See docs/testing/golden.md.
"""),
}

SEED = re.compile(r"(\d+) ([0-9a-f]{16})")
WORLD = re.compile(r"(\S+) +(\d+) states +(\d+) transitions +depth +(\d+) +(complete|TRUNCATED) .*")
NODE_STATES = re.compile(r" +(\d+) node states, .*")


def found_in(output):
    """Key to what the list says of it, in the order of the output."""
    found, world = {}, None
    for line in output.splitlines():
        if match := SEED.fullmatch(line):
            found[match[1]] = match[2]
        elif match := WORLD.fullmatch(line):
            world = match
        elif world and (match := NODE_STATES.fullmatch(line)):
            name, states, transitions, depth, end = world.groups()
            found[name] = f"{states} {transitions} {depth} {match[1]} {end}"
            world = None
    return found


def listed_in(text):
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


def differences(listed, found):
    """One line for each seed or world that is not as it was."""
    lines = []
    for key in [*listed, *(key for key in found if key not in listed)]:
        was, now = listed.get(key), found.get(key)
        if was != now:
            lines.append(f"{key}: was {was or 'not there'}, is {now or 'not there'}")
    return lines


def run(command):
    """The program's output, shown too if it is made for people; its exit code."""
    output = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            output.append(line)
            if not SEED.fullmatch(line.rstrip("\n")):
                print(line, end="", flush=True)
    return "".join(output), process.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("program", help="once-sim or once-exhaustive")
    parser.add_argument("--renew", action="store_true", help="write the list anew")
    parser.add_argument("--list", type=pathlib.Path, help="another list (for the test of this)")
    parser.add_argument("--jobs", default="1", help="seeds: how many processes")
    arguments = parser.parse_args()
    name, asked, head = KINDS[arguments.kind]
    path = arguments.list or HERE / name

    jobs = ["--jobs", arguments.jobs] if arguments.kind == "seeds" else []
    output, code = run([arguments.program, *asked, *jobs])
    if code != 0:
        sys.exit(f"{arguments.program} failed with {code}: nothing is compared")
    found = found_in(output)
    if not found:
        sys.exit(f"{arguments.program} told nothing that can be compared")
    changed = differences(listed_in(path.read_text()) if path.exists() else {}, found)
    for line in changed[:MOST_SHOWN]:
        print(line)
    if len(changed) > MOST_SHOWN:
        rest = ", ".join(line.split(":")[0] for line in changed[MOST_SHOWN:])
        print(f"and these: {rest}")
    if arguments.renew:
        path.write_text(head + "".join(f"{key} {value}\n" for key, value in found.items()))
        print(f"{path.name}: {len(found)} written, {len(changed)} of them changed")
        return 0
    print(f"{path.name}: {len(found)} compared, {len(changed)} changed")
    if changed:
        print("If that is meant: make golden-renew, and say why in the commit "
              "(docs/testing/golden.md)")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
