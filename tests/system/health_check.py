#!/usr/bin/env python3
"""The health check of docs/deploy.md: what it says of each way in which `once status` can end, and
that what it cannot find out is no OK. An upgrade waits for its OK before it goes on."""

import os
import pathlib
import shutil
import subprocess

from cluster import check, check_equal, options, run_steps
from typed_blocks import File, steps_of

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "docs" / "deploy.md"
OK, WARNING, CRITICAL, UNKNOWN = range(4)


class Check:
    def __init__(self, given):
        self.directory = pathlib.Path(given.data).resolve()
        self.bin = given.bin
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.script = self.directory / "once-health"
        self.script.write_text(next(step.text for step in steps_of("deploy.md", DEPLOY.read_text())
                                    if isinstance(step, File) and step.path == "once-health"))

    def says(self, code, text, path, **variables):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("ONCE_")}
        environment |= {"PATH": f"{path}:/usr/bin:/bin", **variables}
        done = subprocess.run(["/bin/sh", str(self.script)], env=environment, capture_output=True,
                              text=True, timeout=30)
        what = f"{path} {variables}: {done!r}"
        check_equal(done.returncode, code, what)
        check(text in done.stdout and done.stdout.count("\n") == 1, what)
        check(done.stdout.startswith("OK") == (code == OK), what)

    def stand_in(self, code):
        folder = self.directory / f"exits-{code}"
        folder.mkdir()
        (folder / "once").write_text(f"#!/bin/sh\necho 'the verdict'\necho more\nexit {code}\n")
        (folder / "once").chmod(0o755)
        return folder


def each_exit_code(tested):
    for code, wanted, word in ((0, OK, "OK"), (9, WARNING, "WARNING"), (6, CRITICAL, "CRITICAL"),
                               (1, UNKNOWN, "UNKNOWN"), (2, UNKNOWN, "UNKNOWN"),
                               (5, UNKNOWN, "UNKNOWN"), (139, UNKNOWN, "UNKNOWN")):
        tested.says(wanted, word, tested.stand_in(code))
    tested.says(OK, "OK: the verdict", tested.directory / "exits-0")


def what_cannot_be_found_out(tested):
    tested.says(UNKNOWN, "not found", tested.directory)  # no `once` is there
    for endpoints in ("", "10.0.0.1", "10.0.0.1:", "http://10.0.0.1:7401"):
        tested.says(UNKNOWN, "once", tested.bin, ONCE_ENDPOINTS=endpoints)
    tested.says(CRITICAL, "no majority", tested.bin, ONCE_ENDPOINTS="127.0.0.1:1")


if __name__ == "__main__":
    here = Check(options())
    run_steps([(step.__name__, lambda step=step: step(here))
               for step in (each_exit_code, what_cannot_be_found_out)])
    shutil.rmtree(here.directory)
