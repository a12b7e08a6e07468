#!/usr/bin/env python3
"""`onced dev`: its nodes are listed as `onced`, one that dies comes back, and all go with it."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

from cluster import check, check_equal, free_port, options, run_steps, wait_for

NODES = 3


class Dev:
    def __init__(self, settings):
        self.once = str(pathlib.Path(settings.bin) / "once")
        self.directory = pathlib.Path(settings.data).resolve()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.output = self.directory / "output"
        self.port = free_base()
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [str(pathlib.Path(settings.bin) / "onced"), "dev", "--nodes", str(NODES),
                 "--data", self.directory / "data", "--port", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def pids(self):
        """Node -> the pid that was printed last."""
        check(self.process.poll() is None, f"dev ended: {self.output.read_text()}")
        found = re.findall(r"^node (\d+): pid (\d+)", self.output.read_text(), re.MULTILINE)
        return {int(node): int(pid) for node, pid in found}

    def write(self, name, node=1):
        return subprocess.run([self.once, "--endpoints", f"127.0.0.1:{self.port + node}",
                               "--timeout", "1000", "write", name, "v"],
                              capture_output=True, timeout=20).returncode == 0


def free_base():
    """A port such that those that dev counts up from it are free too."""
    while True:
        base = free_port()
        if all(is_free(base + offset + node) for offset in (0, 100)
               for node in range(1, NODES + 1)):
            return base


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_listed(pid):
    """As `onced`, with the flags of `start`: what ps and pgrep show."""
    process = pathlib.Path(f"/proc/{pid}")
    try:
        return (process.joinpath("comm").read_text() == "onced\n" and
                process.joinpath("cmdline").read_bytes().startswith(b"onced\0start\0"))
    except OSError:
        return False


def listed(dev):
    pids = wait_for(lambda: dev.pids() if len(dev.pids()) == NODES else None, "three pids", 20)
    for node, pid in pids.items():
        wait_for(lambda: is_listed(pid), f"node {node}, pid {pid}, is listed as onced", 5)
        check_equal(os.readlink(f"/proc/{pid}/exe"), os.readlink(f"/proc/{dev.process.pid}/exe"),
                    "the same program")
    for node in pids:
        wait_for(lambda: dev.write(f"first-{node}", node), f"node {node} takes writes", 20)


def comes_back(dev):
    old = dev.pids()[2]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: dev.pids()[2] != old, "another pid", 10)
    wait_for(lambda: is_listed(dev.pids()[2]), "it is listed as onced", 5)
    wait_for(lambda: dev.write("again", 2), "it takes writes", 20)
    check("killed by signal 9" in dev.output.read_text(), "dev says how it died")


def stops(dev):
    pids = dev.pids()
    dev.process.send_signal(signal.SIGTERM)
    check_equal(dev.process.wait(timeout=20), 0, "exit code")
    for pid in pids.values():
        check(not os.path.exists(f"/proc/{pid}"), f"pid {pid} is still there")


def main():
    dev = Dev(options())
    try:
        run_steps([("listed as onced", lambda: listed(dev)),
                   ("comes back", lambda: comes_back(dev)),
                   ("stops", lambda: stops(dev))])
    except BaseException:
        print(dev.output.read_text(), file=sys.stderr)
        raise
    finally:
        if dev.process.poll() is None:
            dev.process.kill()  # its nodes die with it
            dev.process.wait(timeout=30)
    shutil.rmtree(dev.directory, ignore_errors=True)


if __name__ == "__main__":
    main()
