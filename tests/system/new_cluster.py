#!/usr/bin/env python3
"""`onced format --new-cluster`: the first node draws the cluster's id and prints the commands that
make the others; they work as they are printed. So does the line that a node shows which would tell
clients an address that nobody can dial."""

import pathlib
import re
import shlex
import subprocess

from cluster import Cluster, check, check_equal, options, run_steps

USAGE = 64


def format_first(cluster, *more):
    node = cluster.nodes[0]
    return subprocess.run(
        [cluster.onced, "format", "--data", node.directory, "--node", "1", "--cluster",
         cluster.members(), "--segment-mib", "4", *more], capture_output=True, text=True,
        timeout=60)


def as_printed(cluster):
    done = format_first(cluster, "--new-cluster")
    check_equal(done.returncode, 0, f"format: {done.stderr}")
    first = cluster.nodes[0].directory
    cluster.cluster_id = re.search(r"^cluster id: ([0-9a-f]{32})$", done.stdout, re.MULTILINE)[1]
    commands = [line for line in done.stdout.splitlines() if line.startswith("onced format ")]
    check_equal(len(commands), len(cluster.nodes) - 1, "commands for the others")
    for node, command in zip(cluster.nodes[1:], commands):
        words = shlex.split(command)
        check_equal(words[words.index("--node") + 1], str(node.number), "node")
        check_equal(words[words.index("--data") + 1], str(first), "the same directory elsewhere")
        words[words.index("--data") + 1] = str(node.directory)
        made = subprocess.run([cluster.onced, *words[1:]], capture_output=True, timeout=60)
        check_equal(made.returncode, 0, f"{command}: {made.stderr}")
        check_equal((node.directory / "log-0-1.seg").stat().st_size, 4 << 20, "the same segments")
    check(f"onced start --data {shlex.quote(str(first))} --listen" in done.stdout, done.stdout)
    cluster.start()
    named = [cluster.once, "--endpoints", cluster.endpoints(), "--cluster-id", cluster.cluster_id]
    check_equal(subprocess.run([*named, "write", "a", "b"], timeout=30,
                               stdout=subprocess.DEVNULL).returncode, 0, "write, by its id")


def nothing_is_lost(cluster):
    """Of what was given, in the lines that are to be typed."""
    data = cluster.directory / "with a blank"
    done = subprocess.run(
        [cluster.onced, "format", "--data", data, "--node", "2", "--cluster", "2=h:1,7=g:1,9=i:1",
         "--unsafe-buffered-log", "--segment-mib=64", "--new-cluster"], capture_output=True,
        text=True, timeout=60)
    check_equal(done.returncode, 0, f"format: {done.stderr}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("onced ")]
    for line, node in zip(lines, ("7", "9")):
        for words in (f"--node {node} ", f"--data {shlex.quote(str(data))} ", "--segment-mib 64",
                      "--cluster 2=h:1,7=g:1,9=i:1 ", "--cluster-id ", "--unsafe-buffered-log"):
            check(words in line + " ", f"{words} in {line}")
        check("--new-cluster" not in line, line)
    check(lines[2].endswith(" --unsafe-buffered-log"), f"a start would be refused: {lines[2]}")


def no_address_to_dial(cluster):
    """Each node is refused with a line that, typed as it is, makes one that clients find."""
    for node in cluster.nodes:
        if node.process is not None:
            node.stop()
    lines = []
    for node, host in zip(cluster.nodes, ("0.0.0.0", "", "*")):
        before = sorted(path.name for path in node.directory.iterdir())
        done = subprocess.run(
            [cluster.onced, "start", "--data", node.directory, "--listen",
             f"{host}:{node.client_port}"], capture_output=True, text=True, timeout=30)
        check_equal(done.returncode, USAGE, f"{host!r}: {done.stderr}")
        check_equal(sorted(path.name for path in node.directory.iterdir()), before, "as it was")
        lines.append(re.search(r"as in: (onced start .*)$", done.stderr, re.MULTILINE)[1])
        told = subprocess.run(
            [cluster.onced, "start", "--data", node.directory, "--listen", node.address,
             "--advertise", f"[::]:{node.client_port}"], capture_output=True, timeout=30)
        check_equal(told.returncode, USAGE, f"--advertise: {told.stderr}")
    for node, line in zip(cluster.nodes, lines):
        words = shlex.split(line)
        with open(node.log_path, "ab") as log:
            node.process = subprocess.Popen([cluster.onced, *words[1:]], stderr=log,
                                            stdin=subprocess.DEVNULL)
    cluster.wait_ready()
    status = cluster.status(nodes=cluster.nodes[:1])
    check_equal([node["reachable"] for node in status], [True] * 3, "all are found from one")
    done = subprocess.run(
        [cluster.onced, "format", "--data", cluster.directory / "wild", "--node", "1", "--cluster",
         "1=0.0.0.0:7501,2=b:7501,3=c:7501", "--new-cluster"], capture_output=True, text=True,
        timeout=30)
    check_equal(done.returncode, USAGE, f"format: {done.stderr}")
    check("1=HOST:7501" in done.stderr, done.stderr)
    check(not (cluster.directory / "wild").exists(), "nothing was made")


def one_of_the_two(cluster):
    for more in ((), ("--new-cluster", "--cluster-id", "1")):
        done = format_first(cluster, *more)
        check_equal(done.returncode, USAGE, f"{more}: {done.stderr}")
        check("--cluster-id" in done.stderr and "--new-cluster" in done.stderr, done.stderr)


def each_its_own(cluster):
    ids = set()
    for i in range(3):
        done = subprocess.run(
            [cluster.onced, "format", "--data", cluster.directory / f"it's {i}", "--node", "1",
             "--cluster", "1=[::1]:7501,2=b:7501", "--segment-mib", "2", "--new-cluster"],
            capture_output=True, timeout=60, text=True)
        check_equal(done.returncode, 0, f"format: {done.stderr}")
        ids.add(re.search(r"^cluster id: (\w+)$", done.stdout, re.MULTILINE)[1])
        command = next(x for x in done.stdout.splitlines() if x.startswith("onced format "))
        echoed = subprocess.run(["sh", "-c", "printf '%s\\n' " + command], capture_output=True,
                                timeout=10, text=True, cwd="/").stdout.splitlines()
        check(str(pathlib.Path(cluster.directory) / f"it's {i}") in echoed, f"quoted: {command}")
        check("1=[::1]:7501,2=b:7501" in echoed, f"quoted: {command}")
    check_equal(len(ids), 3, "ids")


def main():
    cluster = Cluster(options(), name="new-cluster")
    try:
        run_steps([(step.__name__.replace("_", " "), lambda step=step: step(cluster))
                   for step in (one_of_the_two, as_printed, nothing_is_lost, no_address_to_dial,
                                each_its_own)])
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
