#!/usr/bin/env python3
"""once-sim as a command: exit codes, errors for bad input, a trace and its replay."""

import json
import pathlib
import subprocess
import sys
import tempfile


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        story = pathlib.Path(directory) / "story.txt"

        def expect(code, text, *arguments):
            done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=120)
            output = done.stdout + done.stderr
            if done.returncode != code or text not in output:
                sys.exit(f"once-sim {arguments}: exit code {done.returncode}, wanted {code}; "
                         f"{text!r} wanted in: {output[-2000:]}")
            return done.stdout

        run = ["--seed", "5", "--seconds", "2"]
        expect(0, "trace hash", *run)
        expect(0, "Examples:", "--help")
        expect(0, " calls ", *run, "--trace", "-")
        expect(0, "trace hash", *run, "--trace", story)
        expect(0, "trace hash", "--replay", story)
        told = expect(0, "asks node", *run, "--tell", "--lines", "100")
        if "lines more: --lines N" not in told.splitlines()[100]:
            sys.exit(f"100 lines, how many more, and the report wanted: {told[:20000]}")
        expect(2, "--tell", *run, "--name", "hot-1")
        expect(2, "excludes", "--seeds", "1..2", "--tell")
        one = json.loads(expect(0, "decisions", *run, "--json"))
        if one["violation"] or one["answered"] == 0:
            sys.exit(f"seed 5 is expected to do something and to be fine: {one}")
        expect(0, "2 seeds, 0 violations", "--seeds", "5..6", "--seconds", "1", "--jobs", "2")
        many = json.loads(expect(0, "wall_s", "--seeds", "5..6", "--seconds", "1", "--json"))
        if many["seeds"] != 2:
            sys.exit(f"two seeds wanted: {many}")
        waits = many["waits"]
        if not 0 < waits["longest_ns"] <= waits["bound_ns"] or waits["longest_seed"] not in (5, 6):
            sys.exit(f"the longest wait of two seeds, within its bound, wanted: {waits}")

        if waits["changes"] == 0 or waits["unknown_without_node_gone"] > waits["changes"]:
            sys.exit(f"changes, and how many of them ended unknown, wanted: {waits}")
        expect(0, "unknown without a node gone: ", *run)

        hashes = expect(0, "", "--seeds", "4..6", "--seconds", "2", "--jobs", "2", "--hashes")
        told = [line.split() for line in hashes.splitlines()]
        if [seed for seed, _ in told] != ["4", "5", "6"] or told[1][1] != one["hash"]:
            sys.exit(f"each seed and its hash wanted, {one['hash']} for seed 5: {hashes}")
        expect(2, "--hashes", *run, "--hashes")

        expect(2, "--wrong", "--wrong")
        expect(2, "--count-unfairness", *run, "--count-unfairness")
        expect(2, "wants A..B", "--seeds", "7")
        expect(2, "wants A..B", "--seeds", "9..7")
        expect(2, "--seconds", "--seconds", "0")
        expect(2, "excludes", "--seed", "1", "--seeds", "1..2")
        expect(2, "cannot read", "--replay", pathlib.Path(directory) / "none")
        whole = story.read_text()
        story.write_text(whole[:len(whole) // 2])
        expect(2, "cut off", "--replay", story)
        story.write_text(whole.replace("once-sim trace 1", "once-sim trace 0"))
        expect(2, "format 0", "--replay", story)
    print("once-sim: exit codes and texts are as documented")


if __name__ == "__main__":
    main()
