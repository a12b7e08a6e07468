#!/usr/bin/env python3
"""`make run`, apart from the build: it asks its own nodes and nobody else's. A second one, in the
same folder or in another, says why it cannot run and shows nothing. Run on copies of the script."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

from cluster import check, check_equal, options, run_steps, wait_for
from dev import free_base

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
DIRECTORY, LISTEN = 66, 71


class Demo:
    def __init__(self, settings, folder, port):
        self.folder = pathlib.Path(settings.data).resolve() / folder
        if not self.folder.exists():
            (self.folder / "build").mkdir(parents=True)
            os.symlink(settings.bin, self.folder / "build" / "bin")
            shutil.copytree(SCRIPTS, self.folder / "scripts")
        self.environment = dict(os.environ, PORT=str(port))
        for variable in ("ONCE_ENDPOINTS", "ONCE_CLUSTER_ID"):
            self.environment.pop(variable, None)

    def command(self):
        return {"args": [self.folder / "scripts" / "demo"], "env": self.environment,
                "stdin": subprocess.DEVNULL, "text": True}

    def refused(self, code, *words):
        done = subprocess.run(**self.command(), capture_output=True, timeout=60)
        check_equal(done.returncode, code, f"{done.stdout}{done.stderr}")
        for word in words:
            check(word in done.stderr, f"{word!r} is not in {done.stderr}")
        check("$ once" not in done.stdout and "Three nodes serve" not in done.stdout,
              f"it shows somebody else's nodes: {done.stdout}")

    def __enter__(self):
        self.output = self.folder / "output"
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(**self.command(), stdout=output,
                                            stderr=subprocess.STDOUT)
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
        if kind is not None:
            print(self.text())

    def text(self):
        return self.output.read_text()

    def serves(self):
        wait_for(lambda: "Three nodes serve" in self.text() or self.process.poll() is not None,
                 "it serves", 70)
        check(self.process.poll() is None, f"it ended: {self.text()}")
        codes = re.findall(r"\(exit code (\d)\)", self.text())
        check_equal(codes, ["0", "3", "0"], "of the two writes and the read")


def alone(settings):
    shutil.rmtree(settings.data, ignore_errors=True)
    port = free_base()
    with Demo(settings, "one", port) as demo:
        demo.serves()
        # The line that it prints, typed as it is, beside a variable that means another cluster.
        export = re.search(r"export (PATH=.*)$", demo.text(), re.MULTILINE)[0]
        done = subprocess.run(["bash", "-c", f"{export}; once read nobody-wrote-this"],
                              cwd=demo.folder, capture_output=True, timeout=30,
                              env=dict(os.environ, ONCE_CLUSTER_ID="5eed"))
        check_equal(done.returncode, 4, f"the line to type: {done.stderr!r}")
        demo.process.send_signal(signal.SIGINT)
        check_equal(demo.process.wait(timeout=30), 0, f"after Ctrl-C: {demo.text()}")
        check("stopped" in demo.text(), demo.text())
    size = sum(path.stat().st_blocks * 512 for path in (demo.folder / "build").rglob("*.seg"))
    check(size < 80 << 20, f"its data take {size >> 20} MiB")


def beside_another(settings):
    shutil.rmtree(settings.data, ignore_errors=True)
    port = free_base()
    with Demo(settings, "one", port) as demo:
        demo.serves()
        for _ in range(2):
            Demo(settings, "one", port).refused(DIRECTORY, "in use by process", "exit code 66")
        Demo(settings, "two", port).refused(LISTEN, f"127.0.0.1:{port + 1} is in use", "PORT=")
        demo.serves()
        with Demo(settings, "two", free_base()) as second:
            second.serves()


if __name__ == "__main__":
    given = options()
    run_steps([(step.__name__, lambda step=step: step(given)) for step in (alone, beside_another)])
    shutil.rmtree(given.data, ignore_errors=True)
