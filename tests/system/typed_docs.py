#!/usr/bin/env python3
"""Types README's tour and the tutorial, http, resp and deploy pages of docs/ line by line; compares
what they print.

docs/testing/typed-pages.md has the convention, and what stands in for what one machine lacks.
Ports, addresses of hosts and paths of the pages are mapped to ones of this test, both ways.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

from cluster import check, check_equal, options, run_steps, wait_for
from dev import free_base
from typed_blocks import BadPage, Command, changed, filled, match, steps_of
from typed_terminal import Terminal

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
STAND_INS = pathlib.Path(__file__).resolve().parent / "stand_ins"
FIRST_PORT = 7400
COMMAND_S = 60
ALL_S = 220  # less than the test's own time limit, so that it can still say where it was
PATIENCE = re.compile(r"(?:once[a-z ]*: )?waiting for ")


def without_patience(lines):
    """A long line of it is folded: what is behind the fold begins with blanks."""
    kept, folded = [], False
    for line in lines:
        folded = bool(PATIENCE.match(line)) or (folded and line.startswith("  "))
        if not folded:
            kept.append(line)
    return kept


class Here:
    """What the words of a page are called on this machine, for one terminal."""

    def __init__(self, base, hosts, paths):
        self._base = base
        self._hosts = hosts
        self._paths = sorted(paths.items(), key=lambda item: -len(item[0]))

    def typed(self, text):
        for there, here in self._paths:
            text = text.replace(there, str(here))
        if self._hosts:
            text = re.sub(r"\b10\.0\.0\.(?=\d)", "127.0.0.", text)
        return re.sub(r"\b7[45]\d\d\b",
                      lambda found: str(int(found[0]) - FIRST_PORT + self._base), text)

    def printed(self, line):
        for there, here in sorted(self._paths, key=lambda item: -len(str(item[1]))):
            line = line.replace(str(here), there)
        if self._hosts:
            line = re.sub(r"\b127\.0\.0\.(?=\d)", "10.0.0.", line)
        return re.sub(r"\b\d{5}\b", self._port, line)

    def _port(self, found):
        from_base = int(found[0]) - self._base
        return str(FIRST_PORT + from_base) if 0 <= from_base < 200 else found[0]


class Page:
    """One page, typed from the first line to the last."""

    def __init__(self, settings, name, least, one_host):
        self.name = name
        self._end = time.monotonic() + ALL_S
        self._bin = settings.bin
        self._least = least  # commands: a page that lost its blocks must not pass
        self._one_host = one_host
        self._directory = (pathlib.Path(settings.data).resolve() / name.replace("/", "-"))
        self._base = free_base()
        self._terminals = {}
        self._here = {}
        self._known = {}
        self._last = ""
        self.records = []

    def run(self, before=None):
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)
        steps = steps_of(self.name, (ROOT / self.name).read_text())
        count = sum(isinstance(step, Command) for step in steps)
        check(count >= self._least, f"{self.name}: {count} commands, not {self._least}")
        dev = before(self) if before else None
        try:
            for step in steps:
                check(time.monotonic() < self._end, f"not typed within {ALL_S} s: {step}")
                if isinstance(step, Command):
                    self._type(step)
                else:
                    self._write(step)
        finally:
            for terminal in self._terminals.values():
                terminal.close()
            if dev:
                dev.kill()  # its nodes die with it
                dev.wait(timeout=30)
        shutil.rmtree(self._directory)

    def start_dev(self):
        """The cluster that `make run` would start."""
        dev = subprocess.Popen(
            [f"{self._bin}/onced", "dev", "--nodes", "3", "--data", self._directory / "demo-data",
             "--port", str(self._base)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: subprocess.run(
            [f"{self._bin}/once", "--endpoints", self._endpoints(), "write", "is-up", "yes"],
            capture_output=True, timeout=60).returncode in (0, 3), "the cluster serves", 60, 0.2)
        return dev

    def _endpoints(self):
        return ",".join(f"127.0.0.1:{self._base + node}" for node in (1, 2, 3))

    def _home(self, name):
        return self._directory / ("all" if self._one_host else name or "here")

    def _terminal(self, name):
        if name not in self._terminals:
            home = self._home(name)
            home.mkdir(exist_ok=True)
            paths = {"/usr/local/bin/": self._bin + "/"}
            if not self._one_host:
                for path in ("/var/lib/once", "/etc/default/onced"):
                    paths[path] = home / path[1:].replace("/", "-")
            self._here[name] = Here(self._base, not self._one_host, paths)
            environment = dict(os.environ, HOME=str(home), STAND_IN_HOME=str(home),
                               STAND_IN_BIN=self._bin, STAND_IN_ROOT=str(ROOT), NO_COLOR="1",
                               PATH=f"{STAND_INS}:{self._bin}:{os.environ['PATH']}")
            for variable in ("ONCE_ENDPOINTS", "ONCE_CLUSTER_ID"):
                environment.pop(variable, None)
            if self._one_host:
                environment["ONCE_ENDPOINTS"] = self._endpoints()
            self._terminals[name] = Terminal(home, environment)
        return self._terminals[name], self._here[name]

    def _type(self, command):
        terminal, here = self._terminal(command.terminal)
        self._last = command.terminal
        try:
            lines, code = terminal.type(here.typed(filled(command.text, self._known)), COMMAND_S)
        except AssertionError as error:
            raise AssertionError(f"{command}: {error}") from error
        lines = [here.printed(line) for line in lines]
        found = match(command.wanted, lines)
        if found is None:  # a slow machine: what is said to people who wait may stand between
            lines = without_patience(lines)
            found = match(command.wanted, lines)
        said = "\n".join(["wanted:", *command.wanted, "got:", *lines])
        check(found is not None, f"{command}\n{said}")
        check_equal(code, command.exit_code, f"{command}\n{said}\nexit code")
        self._known.update(found)
        self.records.append((command, lines))

    def _write(self, file):
        """Into the folder of the terminal that typed last."""
        _, here = self._terminal(self._last)
        (self._home(self._last) / file.path).write_text(here.typed(file.text))


# What a page may not do, and what the comparison must notice.
BAD_PAGES = [
    "```sh\necho hidden\n```\n",
    "```\n$ echo no language\n```\n",
    "```console title\n$ echo a\n```\n",
    "```console\noutput first\n$ echo a\n```\n",
    "```console\n```\n",
    "```console\n$ echo no end\n",
    "    $ echo indented\n",
]
SAMPLES = [  # a page, and whether it may pass
    ("```console\n$ echo a\na\n```\n", True),
    ("```console\n$ echo a\nb\n```\n", False),
    ("```console\n$ echo a\n```\n", False),
    ("```console\n$ echo a\na\nb\n```\n", False),
    ("```console\n$ echo waiting for x; echo a\na\n```\n", True),
    ("```console\n$ echo wailing for x; echo a\na\n```\n", False),
    ("```console\n$ true\n...\n```\n", True),
    ("```console\n$ false\n```\n", False),
    ("```console\n$ false   # exit code 1\n```\n", True),
    ("```console\n$ true   # exit code 1\n```\n", False),
    ("```console\n$ echo a b c; echo d\n...b...\n...\n```\n", True),
    ("```console\n$ echo a b c; echo d\n...e...\n...\n```\n", False),
    ("```console\n$ echo id: 17\nid: <ID>\n$ echo '<ID>'\n17\n```\n", True),
    ("```console\n$ echo id: 17\nid: <ID>\n$ echo '<ID>'\n18\n```\n", False),
    ("```console\n$ cat <<END\n> one\n> END\none\n```\n", True),
    ("```console\na$ X=1\nb$ X=2\na$ echo $X\n1\n```\n", True),
    ("<!-- not typed: it would fail -->\n\n```console\n$ false\n```\n", True),
    ("<!-- file: f -->\n```sh\necho in a file\n```\n```console\n$ sh f\nin a file\n```\n", True),
]


def bites(settings):
    for text in BAD_PAGES:
        try:
            steps_of("sample", text)
        except BadPage:
            continue
        raise AssertionError(f"a bad page passes: {text!r}")
    page = Page(settings, "sample", 0, True)
    for text, good in SAMPLES:
        (page._directory / "all").mkdir(parents=True, exist_ok=True)
        try:
            for step in steps_of("sample", text):
                page._type(step) if isinstance(step, Command) else page._write(step)
            passed = True
        except AssertionError:
            passed = False
        finally:
            for terminal in page._terminals.values():
                terminal.close()
            page._terminals = {}
        check_equal(passed, good, f"sample {text!r}")


def every_line_counts(pages):
    """A changed, missing or added line of output on a page is noticed."""
    tried = 0
    for page in pages:
        for command, lines in page.records:
            for wanted in changed(command.wanted):
                tried += 1
                check(match(wanted, lines) is None, f"{command}: not noticed: {wanted}")
    check(tried > 100, f"only {tried} changes of outputs were tried")
    print(f"{sum(len(page.records) for page in pages)} commands typed, "
          f"{tried} changes of their outputs noticed")


def pictures(settings):
    """The script that makes the pictures of a terminal still works; all pictures are sound."""
    made = pathlib.Path(settings.data).resolve() / "pictures"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    done = subprocess.run([sys.executable, PICTURES / "stills.py", "--bin", settings.bin,
                           "--out", made], capture_output=True, text=True, timeout=120)
    check_equal(done.returncode, 0, f"stills.py: {done.stdout}{done.stderr}")
    check_equal({path.name for path in made.iterdir()},
                {path.name for path in PICTURES.glob("terminal-*.svg")}, "pictures made")
    for path in [*made.iterdir(), *PICTURES.glob("*.svg")]:
        texts = [found.text for found in xml.etree.ElementTree.parse(path).iter()
                 if found.tag.endswith("}text")]
        check(texts and all(texts), f"{path.name} has texts, and none is empty")
    shutil.rmtree(made)


def main():
    settings = options()
    pages = [Page(settings, "README.md", 20, True), Page(settings, "docs/tutorial.md", 25, True),
             Page(settings, "docs/http.md", 20, True), Page(settings, "docs/resp.md", 14, True),
             Page(settings, "docs/deploy.md", 20, False)]
    before = dict.fromkeys(("README.md", "docs/http.md", "docs/resp.md"), Page.start_dev)
    run_steps([("it bites", lambda: bites(settings))] +
              [(page.name, lambda page=page: page.run(before.get(page.name))) for page in pages] +
              [("every line counts", lambda: every_line_counts(pages)),
               ("pictures", lambda: pictures(settings))])


if __name__ == "__main__":
    sys.exit(main())
