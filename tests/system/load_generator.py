#!/usr/bin/env python3
"""`once-bench` on a real cluster: every kind of load for a moment, what it prints, wrong input. Its
figures are no test."""

import json
import pathlib
import subprocess

from cluster import Cluster, USAGE, check, check_equal, options, run_steps, wait_for

KEYS = {"throughput_per_s", "p50_us", "p99_us", "p999_us", "max_us", "errors", "done"}


def bench(cluster, *arguments, endpoints=None):
    program = pathlib.Path(cluster.once).with_name("once-bench")
    return subprocess.run([program, "--endpoints", endpoints or cluster.endpoints(), *arguments],
                          capture_output=True, timeout=120)


def measure(cluster, *arguments):
    done = bench(cluster, "--seconds", "0.3", "--warmup", "0.1", "--json", *arguments)
    check_equal(done.returncode, 0, f"{arguments}: {done.stderr!r}")
    told = json.loads(done.stdout)
    check(KEYS <= told.keys(), f"{arguments}: {told}")
    check_equal((told["protocol_errors"], told["errors"]["total"]), (0, 0), f"{arguments}")
    check(told["done"] + told["refused"] > 0, f"{arguments} did nothing: {told}")
    return told


def every_operation(cluster):
    for operation, names in (("write", "unique"), ("write", "hot:10"), ("read", "unique"),
                             ("set", "unique"), ("set", "hot:3"), ("next", "hot:1"),
                             ("cas", "hot:2"), ("mix", "hot:3"), ("wait", "unique")):
        measure(cluster, "--op", operation, "--names", names)


def mix(cluster):
    told = measure(cluster, "--op", "mix", "--names", "hot:2")
    check_equal(set(told["by_operation"]), {"read", "set", "next", "cas"}, "what is drawn")
    for operation, share in told["by_operation"].items():
        check(share["done"] + share["refused"] > 0 and share["p99_us"] > 0, f"{operation}: {share}")


def waiters(cluster):
    """More than the writers of a run reach: the others are left waiting, and are no error."""
    told = measure(cluster, "--op", "wait", "--in-flight", "2000", "--rate", "500")
    check(told["done"] < 2000, f"the rate is kept: {told}")


def table(cluster):
    done = bench(cluster, "--op", "mix", "--names", "hot:2", "--seconds", "0.2", "--warmup", "0")
    check_equal(done.returncode, 0, f"table: {done!r}")
    text = done.stdout.decode()
    check(all(word in text for word in ("throughput", "p99.9", "cas", "errors")), f"table: {text}")


def wrong_input(cluster):
    for arguments in (["--op", "mix"], ["--op", "next"], ["--op", "cas"], ["--op", "dance"],
                      ["--op", "wait", "--names", "hot:3"], ["--names", "hot:0"],
                      ["--in-flight", "0"], ["--connections", "0"], ["--seconds", "0"],
                      ["--in-flight", "100000", "--connections", "1"], ["--rate", "-1"]):
        done = bench(cluster, *arguments)
        check_equal(done.returncode, USAGE, f"{arguments}: {done.stderr!r}")
        check(done.stderr != b"" and done.stdout == b"", f"{arguments}: {done!r}")


def too_many_waiters(cluster):
    done = bench(cluster, "--op", "wait", "--in-flight", "40000", "--connections", "10",
                 "--seconds", "1")
    check_equal(done.returncode, 1, f"more than a node takes: {done!r}")
    check(b"no room for so many waiters" in done.stderr, f"said: {done.stderr!r}")
    wait_for(lambda: all(node["operations"] == 0 for node in cluster.status()),
             "the places of waiters whose client is gone are free", 10)


if __name__ == "__main__":
    with Cluster(options(), name="load_generator") as three:
        run_steps([(step.__name__, lambda step=step: step(three)) for step in
                   (every_operation, mix, waiters, table, wrong_input, too_many_waiters, waiters)])
