#!/usr/bin/env python3
"""Captures what somebody sees on a terminal of 80 columns and 24 rows, with tmux.

    python3 docs/pictures/screens.py --bin build/bin screens.txt

It starts three nodes of its own, types, and writes all screens into one text file. A row below each
says what does not fit: lines that the terminal broke, and rows that scrolled away.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))
from cluster import Cluster, check, free_port, options, wait_for  # noqa: E402

COLUMNS, ROWS = 80, 24
INTERRUPT, STOP = "C-c", "C-z"


class Screen:
    """A shell with job control in a tmux of its own."""

    def __init__(self, directory, environment):
        self._socket = directory / "tmux"
        shell = "exec env PS1='$ ' bash --noprofile --norc -i"  # what is no terminal's drops PS1
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS),
                   shell, environment=dict(environment, HISTFILE=""))
        try:
            self._tmux("set-option", "-g", "status", "off")  # it takes a row
            self._tmux("resize-window", "-x", str(COLUMNS), "-y", str(ROWS))
            self._wait_for_prompt()
        except AssertionError:
            self._tmux("kill-server")
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tmux("kill-server")

    def _tmux(self, *words, environment=None):
        done = subprocess.run(["tmux", "-S", str(self._socket), *words], capture_output=True,
                              text=True, timeout=20, env=environment)
        check(done.returncode == 0, f"tmux {words}: {done.stderr}")
        return done.stdout

    def clear(self):
        self.press("C-l")
        time.sleep(0.2)
        self._tmux("clear-history")

    def press(self, key):
        self._tmux("send-keys", key)

    def type(self, line):
        self._tmux("send-keys", "-l", line)
        self.press("Enter")

    def run(self, line, seconds=30):
        """A command that ends by itself."""
        self.type(line)
        time.sleep(0.1)
        self._wait_for_prompt(seconds)

    def expect(self, words, seconds=30):
        wait_for(lambda: words in self.text(joined=True), f"{words!r} on the screen", seconds, 0.05)

    def _wait_for_prompt(self, seconds=30):
        wait_for(lambda: self.text().splitlines()[-1:] == ["$"], "a prompt", seconds, 0.05)

    def text(self, joined=False):
        """All that was shown since it was cleared, without the empty rows below."""
        words = ["capture-pane", "-p", "-S", "-", *(["-J"] if joined else [])]
        rows = [row.rstrip() for row in self._tmux(*words).splitlines()]
        while rows and not rows[-1]:
            rows.pop()
        return "\n".join(rows)


class Album:
    """All that was captured, as one text."""

    def __init__(self):
        self.parts = []

    def take(self, title, screen, goes_on=False):
        text = screen.text()
        rows = text.splitlines()
        wrapped = [line for line in screen.text(joined=True).splitlines() if len(line) > COLUMNS]
        out = [f"=== {title} ", "", text, ""]
        out[0] += "=" * (COLUMNS - len(out[0]))
        for line in wrapped:
            out.append(f"--- broken by the terminal: {len(line)} columns: {line[:40]}...")
        if len(rows) > ROWS:
            out.append(f"--- {len(rows)} rows: {len(rows) - ROWS} scrolled away")
        self.parts.append("\n".join(out + [""]))
        if not goes_on:
            screen.clear()

    def write(self, path):
        path.write_text("\n".join(self.parts))


def shown(album, screen, title, *lines):
    for line in lines:
        screen.run(line)
    album.take(title, screen)


def words(album, screen):
    shown(album, screen, "once", "once")
    shown(album, screen, "a command that does not exist", "once wirte", "echo $?")
    shown(album, screen, "a flag that does not exist", "once write --timout 5 a b", "echo $?")
    shown(album, screen, "help of a command", "once help lock")
    shown(album, screen, "onced", "onced")
    shown(album, screen, "help of the load generator", "once-bench --help")


def names(album, screen):
    shown(album, screen, "a name set once", "once write job-42 node-a", "once write job-42 node-b",
          "echo $?", "once read job-42", "once read job-43", "once set colour red",
          "once cas colour 4 blue", "once next tickets", "once check tickets 9")
    shown(album, screen, "once list", "once list", "once list job --long", "once list --limit 1")
    shown(album, screen, "once explain", "once explain job-42", "once explain nobody-wrote-this")


def health(album, screen, cluster):
    shown(album, screen, "once status, healthy", "once status", "echo $?")
    screen.type("once status --watch")
    screen.expect("healthy")
    time.sleep(3)
    album.take("once status --watch", screen, goes_on=True)
    cluster.nodes[1].kill()
    screen.expect("2 of 3 up")
    time.sleep(2)
    album.take("once status --watch, one node down", screen, goes_on=True)
    screen.press(INTERRUPT)
    screen.clear()
    shown(album, screen, "once status, one node down", "once status", "echo $?")
    cluster.nodes[2].kill()
    time.sleep(1)
    shown(album, screen, "once status, no majority", "once status", "echo $?")
    shown(album, screen, "no majority: a write", "once write after x", "echo $?")
    shown(album, screen, "no majority: a lock", "once lock --wait 1 after -- true", "echo $?")
    cluster.start()


def interrupted_claims(album, screen, cluster):
    nowhere = ",".join(f"127.0.0.1:{free_port()}" for _ in range(3))
    shown(album, screen, "nobody there", f"export NOWHERE={nowhere}",
          "once --endpoints $NOWHERE read x", "once --endpoints $NOWHERE list")
    screen.type("once --endpoints $NOWHERE --timeout 60000 run report -- date")
    screen.expect("waiting for")
    screen.press(INTERRUPT)
    screen.expect("nothing was claimed")
    screen.run("echo $?")
    album.take("once run, interrupted while it claims", screen)
    screen.type("once run report -- sh -c 'echo working; sleep 60'")
    screen.expect("\nworking")
    screen.press(INTERRUPT)
    time.sleep(0.5)
    screen.run("echo $?")
    screen.run("once run report -- true")
    screen.run("echo $?")
    album.take("once run, interrupted while the command runs", screen)


def locks(album, screen, cluster):
    other = subprocess.Popen([cluster.once, "--endpoints", cluster.endpoints(), "lock", "nightly",
                              "--", "sleep", "60"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        screen.type("once lock nightly -- echo my turn")
        screen.expect("is held by")
        time.sleep(1)
        album.take("once lock, waiting", screen, goes_on=True)
        screen.press(INTERRUPT)
        screen.run("echo $?")
        screen.run("once lock --wait 1 nightly -- echo my turn")
        screen.run("echo $?")
        album.take("once lock, interrupted and in vain", screen)
    finally:
        other.send_signal(signal.SIGTERM)
        other.wait(timeout=20)
    screen.type("once lock job -- sh -c 'echo working; sleep 60'")
    screen.expect("\nworking")
    screen.press(STOP)
    screen.expect("Stopped")
    screen.run("jobs")
    screen.type("fg")
    time.sleep(0.5)
    screen.press(INTERRUPT)
    time.sleep(0.5)
    screen.run("echo $?")
    album.take("Ctrl-Z and fg of a lock's command", screen)
    screen.run("once lock job -- sleep 60 & sleep 1; kill -TERM $!; wait $!")
    screen.run("echo $?")
    album.take("once lock, told to end", screen)


def load(album, screen):
    screen.type("once-bench --op mix --names hot:100 --seconds 30")
    time.sleep(4)
    album.take("once-bench, running", screen, goes_on=True)
    screen.press(INTERRUPT)
    time.sleep(1)
    screen.run("echo $?")
    album.take("once-bench, interrupted", screen)
    shown(album, screen, "once-bench, to the end", "once-bench --seconds 2")


def main():
    given = options(lambda parser: parser.add_argument("file", type=pathlib.Path))
    album = Album()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, contextlib.ExitStack() as stack:
        given.data = directory
        cluster = stack.enter_context(Cluster(given, name="screens"))
        environment = dict(os.environ, ONCE_ENDPOINTS=cluster.endpoints(),
                           PATH=f"{given.bin}:{os.environ['PATH']}")
        for variable in ("ONCE_CLUSTER_ID", "TMUX", "PROMPT_COMMAND"):
            environment.pop(variable, None)
        screen = stack.enter_context(Screen(pathlib.Path(directory), environment))
        screen.clear()
        try:
            words(album, screen)
            names(album, screen)
            health(album, screen, cluster)
            interrupted_claims(album, screen, cluster)
            locks(album, screen, cluster)
            load(album, screen)
        except AssertionError:
            album.take("WHERE IT ENDED", screen)
            raise
        finally:
            album.write(given.file)
    print(f"{len(album.parts)} screens in {given.file}")


if __name__ == "__main__":
    main()
