#!/usr/bin/env python3
"""check.py on programs that are not there: what it names, and how it ends."""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

SEEDS = """\
1 00000000000000aa
2 00000000000000bb
"""
WORLDS = """\
duel                    337239 states    1166067 transitions  depth  26  complete  8.5 s
    3262 node states, 41928 steps of the core, 1990 audited; 1432 beyond round 3
    answers checked: 1 done; ballots accepted: (1,n2,i1)
"""


def main():
    with tempfile.TemporaryDirectory() as directory:
        program = pathlib.Path(directory) / "program"
        golden = pathlib.Path(directory) / "list.txt"

        def expect(code, text, kind, output, *more, ends_with=0):
            program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}END\nexit {ends_with}\n")
            program.chmod(0o755)
            done = subprocess.run([sys.executable, HERE / "check.py", kind, program, "--list",
                                   golden, *more], capture_output=True, text=True, timeout=60)
            if done.returncode != code or text not in done.stdout + done.stderr:
                sys.exit(f"{kind} {more} of\n{output}ended with {done.returncode}, wanted {code}, "
                         f"and {text!r} in:\n{done.stdout}{done.stderr}")

        expect(0, "2 written", "seeds", SEEDS, "--renew")
        expect(0, "2 compared, 0 changed", "seeds", SEEDS)
        other = SEEDS.replace("bb", "cc")
        expect(1, "2: was 00000000000000bb, is 00000000000000cc", "seeds", other)
        expect(1, "2: was 00000000000000bb, is not there", "seeds", SEEDS.splitlines(True)[0])
        expect(1, "3: was not there, is", "seeds", SEEDS + "3 00000000000000dd\n")
        expect(1, "failed with 1: nothing is compared", "seeds", SEEDS, ends_with=1)
        expect(1, "told nothing", "seeds", "")
        expect(0, "1 of them changed", "seeds", other, "--renew")
        expect(0, "0 changed", "seeds", other)

        golden.unlink()
        expect(0, "1 written", "worlds", WORLDS, "--renew")
        if "duel 337239 1166067 26 3262 complete\n" not in golden.read_text():
            sys.exit(f"not what was wanted:\n{golden.read_text()}")
        expect(0, "1 compared, 0 changed", "worlds", WORLDS.replace("8.5 s", "11.5 s"))
        for was, now in [("337239", "337238"), ("1166067", "1166066"), ("26", "27"),
                         ("3262", "3263"), ("complete", "TRUNCATED")]:
            expect(1, "1 compared, 1 changed", "worlds", WORLDS.replace(was, now))
    print("check.py: names what changed, and nothing else")


if __name__ == "__main__":
    main()
