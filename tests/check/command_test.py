#!/usr/bin/env python3
"""once-check as a command: exit codes 0, 1 and 2, counts, the text of a violation."""

import pathlib
import subprocess
import sys
import tempfile

ID = "000000000000000000000000000000ab"
WRITE = (f"1 write name=a id={ID} value=x call=1 return=2 done version=1 sealed=1 writer={ID} "
         "result=x")
GOOD = ["once-history 2", WRITE, "2 read name=a call=1 return=2 empty", "end 2"]
BAD = ["once-history 2", WRITE, "2 read name=a call=3 return=4 empty", "end 2"]


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        def history(name, lines):
            path = pathlib.Path(directory) / name
            path.write_text("\n".join(lines) + "\n")
            return path

        def expect(code, text, *arguments):
            done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60)
            output = done.stdout + done.stderr
            if done.returncode != code or text not in output:
                sys.exit(f"once-check {arguments}: exit code {done.returncode}, wanted {code}; "
                         f"{text!r} wanted in: {output}")

        good = history("good", GOOD)
        bad = history("bad", BAD)
        expect(0, "2 calls (1 done, 0 refused, 1 empty, 0 unknown, 0 nothing) on 1 names, "
                  "1 of them searched too: 0 violations", good)
        expect(1, "VIOLATION: a read found nothing", bad)
        expect(1, "1 names, 1 of them searched too: 1 violations", good, bad)
        expect(1, "0 of them searched too: 1 violations", "--short", "1", bad)
        expect(2, "cut after 1 calls", history("cut", GOOD[:2]))
        expect(2, "line 2: the client is missing", history("blank", GOOD[:1] + [""]))
        expect(2, "cannot open", pathlib.Path(directory) / "none")
        expect(2, "HISTORY is required")
        expect(2, "--wrong", "--wrong", good)
        expect(2, "--short", "--short", "65", good)
        expect(0, "Exit code: 0 everything holds", "--help")
    print("once-check: exit codes and texts are as documented")


if __name__ == "__main__":
    main()
