#!/usr/bin/env python3
"""Where io_uring is refused, as the usual profiles of containers do, everything works without a
flag: nodes say in one line that they use epoll and why, keep what they have written, live in one
cluster with nodes that have io_uring, and `make run`'s demo runs."""

import errno
import pathlib
import shutil
import subprocess
import urllib.request

import disks
from cluster import DONE, Cluster, check, check_equal, options, run_steps
from demo import Demo
from dev import free_base

IO_URING_ENTER, IO_URING_REGISTER = 426, 427
EPOLL_PWAIT2 = 441


def denied(*calls, error=errno.EPERM):
    """For preexec_fn: io_uring, as the usual profiles deny it, and these calls fail."""
    filters = [disks.deny(call, error) for call in
               (disks.IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER)]
    filters += [disks.deny(call, errno.ENOSYS) for call in calls]

    def all_of_them():
        for one in filters:
            one()
    return all_of_them


def says_epoll(node):
    lines = [line for line in node.log_text().splitlines() if "epoll" in line]
    check_equal(len(lines), node.starts, f"a line a start: {lines}")
    name = errno.errorcode[node.refused_with]
    for word in ("using epoll", f"({name})", "seccomp", "io_uring_enter"):
        check(word in lines[-1], f"{word!r} is not in {lines[-1]!r}")


def write(cluster, name, value, node):
    check_equal(cluster.run("write", name, value, nodes=[node]).returncode, DONE, f"write {name}")


def read(cluster, name, value, node):
    done = cluster.run("read", name, nodes=[node])
    check_equal((done.returncode, done.stdout.strip()), (DONE, value.encode()),
                f"read {name}: {done.stderr}")


def mixed(cluster):
    """One node with io_uring; one without, as docker has it; one, as podman has it, that does not
    know epoll_pwait2 either."""
    filters = [(None, 0), (denied(), errno.EPERM),
               (denied(EPOLL_PWAIT2, error=errno.ENOSYS), errno.ENOSYS)]
    for node in cluster.nodes:
        node.stop()
        node.starts = 0
    for turn in range(3):
        for node, (preexec, error) in zip(cluster.nodes, filters[turn:] + filters[:turn]):
            node.start(preexec)
            if preexec is not None:
                node.starts += 1
                node.refused_with = error
        cluster.wait_ready()
        for index, node in enumerate(cluster.nodes):
            write(cluster, f"turn-{turn}-{index}", f"value {turn} {index}", node)
        for node in cluster.nodes:
            for before in range(turn + 1):
                for index in range(3):
                    read(cluster, f"turn-{before}-{index}", f"value {before} {index}", node)
            if node.starts > 0:
                says_epoll(node)
        for node in cluster.nodes:
            node.kill()
    for node in cluster.nodes:
        node.start()
    cluster.wait_ready()


def load_generator(cluster):
    bench = pathlib.Path(cluster.once).with_name("once-bench")
    done = subprocess.run([bench, "--endpoints", cluster.endpoints(), "--seconds", "1", "--warmup",
                           "0.2", "--in-flight", "64"], capture_output=True, timeout=60,
                          preexec_fn=denied())
    check_equal(done.returncode, 0, f"once-bench without io_uring: {done.stderr!r}")


class DemoWithoutUring(Demo):
    def command(self):
        return {**super().command(), "preexec_fn": denied()}


def demo(settings):
    port = free_base()  # another one than that of a run before, whose data would be in the way
    shutil.rmtree(pathlib.Path(settings.data) / "demo", ignore_errors=True)
    with DemoWithoutUring(settings, "demo", port) as shown:
        shown.serves()
        for node in (1, 2, 3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port + node}/readyz",
                                        timeout=10) as ready:
                check_equal(ready.status, 200, f"node {node} is ready")
        check("epoll" in "".join(path.read_text(errors="replace") for path in
                                 shown.folder.rglob("*.log")) or "epoll" in shown.text(),
              "nobody says that it is epoll")


def main():
    settings = options()
    with Cluster(settings, name="fallback") as cluster:
        run_steps([("nodes with io_uring and without in one cluster", lambda: mixed(cluster)),
                   ("the load generator", lambda: load_generator(cluster))])
    run_steps([("the demo of `make run`", lambda: demo(settings))])


if __name__ == "__main__":
    main()
