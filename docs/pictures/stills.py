#!/usr/bin/env python3
"""Makes docs/pictures/terminal-*.svg: a terminal with commands that are really run.

    python3 docs/pictures/stills.py --bin build/bin

It starts three nodes on ports of its own, and shows them as those of `make run`.
"""

import html
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))
from cluster import options, wait_for  # noqa: E402
from dev import free_base  # noqa: E402
from typed_terminal import Terminal  # noqa: E402

COLUMNS = 80
# Name -> lines that are typed. "stop N" and "go on N" are done to a node and not shown.
STILLS = {
    "write": ["once write job-42 node-a", "once write job-42 node-b", "echo $?",
              "once read job-42"],
    "run": ["once run report-17 -- echo making the report", "once run report-17 -- echo again",
            "once lock nightly -- sh -c 'echo my token is $ONCE_LOCK_TOKEN'"],
    "status": ["once status", "stop 2", "once write still-there yes", "once --timeout 1000 status",
               "go on 2"],
}
LINE, LEFT, TOP, CHARACTER = 18, 16, 44, 8.43


def wrapped(line):
    return [line[at:at + COLUMNS] for at in range(0, len(line), COLUMNS)] or [""]


def picture(title, rows):
    """rows: (is typed, text)."""
    width, height = round(2 * LEFT + COLUMNS * CHARACTER), TOP + LINE * len(rows) + 8
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
           f"  <title>{html.escape(title)}</title>",
           f'  <rect width="{width}" height="{height}" rx="8" fill="#16202c"/>',
           f'  <path d="M0,28 V8 a8,8 0 0 1 8,-8 H{width - 8} a8,8 0 0 1 8,8 V28 z" '
           'fill="#2a3848"/>',
           '  <g fill="#7d8b99"><circle cx="18" cy="14" r="5"/><circle cx="36" cy="14" r="5"/>'
           '<circle cx="54" cy="14" r="5"/></g>',
           '  <g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" '
           'fill="#d7dee6" xml:space="preserve">']
    for number, (is_typed, text) in enumerate(rows):
        colour = ' fill="#8fd6a0"' if is_typed else ""
        out.append(f'    <text x="{LEFT}" y="{TOP + LINE * number + 6}"{colour} textLength='
                   f'"{len(text) * CHARACTER:.0f}" lengthAdjust="spacing">'
                   f"{html.escape(text)}</text>")
    return "\n".join(out + ["  </g>", "</svg>", ""])


def shown(line, base):
    return re.sub(r"\b\d{5}\b", lambda found: str(7400 + int(found[0]) - base)
                  if 0 <= int(found[0]) - base < 200 else found[0], line)


def pids(log):
    return {int(node): int(pid) for node, pid in
            re.findall(r"^node (\d+): pid (\d+)", log.read_text(), re.MULTILINE)}


def status(environment):
    return subprocess.run(["once", "--timeout", "500", "status"], env=environment,
                          capture_output=True, text=True).stdout


def main():
    given = options(lambda parser: parser.add_argument("--out", type=pathlib.Path,
                                                       default=ROOT / "docs" / "pictures"))
    directory = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
    base, log = free_base(), directory / "nodes.log"
    endpoints = ",".join(f"127.0.0.1:{base + node}" for node in (1, 2, 3))
    environment = dict(os.environ, ONCE_ENDPOINTS=endpoints, NO_COLOR="1",
                       PATH=f"{given.bin}:{os.environ['PATH']}")
    with open(log, "wb") as output:
        nodes = subprocess.Popen(
            [f"{given.bin}/onced", "dev", "--nodes", "3", "--data", directory / "nodes",
             "--port", str(base)], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    terminal = None
    try:
        wait_for(lambda: subprocess.run(["once", "write", "is-up", "yes"], env=environment,
                                        capture_output=True).returncode in (0, 3), "nodes", 60)
        terminal = Terminal(directory, environment, columns=COLUMNS)
        for name, commands in STILLS.items():
            rows = []
            for command in commands:
                word, _, node = command.rpartition(" ")
                if word == "stop":
                    os.kill(pids(log)[int(node)], signal.SIGSTOP)
                    wait_for(lambda node=node: f"{node} down" in status(environment), "it is noted")
                    continue
                if word == "go on":
                    os.kill(pids(log)[int(node)], signal.SIGCONT)
                    continue
                rows.append((True, f"$ {command}"))
                lines, _ = terminal.type(command, 60)
                rows += [(False, part) for line in lines for part in wrapped(shown(line, base))]
            (given.out / f"terminal-{name}.svg").write_text(
                picture(f"A terminal: {commands[0]}", rows))
    finally:
        if terminal:
            terminal.close()
        nodes.kill()  # its nodes die with it
        nodes.wait(timeout=30)
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
