#!/usr/bin/env python3
"""A holder of a lock is stopped past its TTL and woken. With the fence the shared file takes none
of its writes; without the fence the same test shows the damage."""

import pathlib

from cluster import Cluster, check, check_equal, options, run_steps
from program import Program

TTL_MS = 3000  # of the holder that is paused; long enough for what it does before
LONG_TTL_MS = 60_000


def paused_holder(given, cluster, name, *flags):
    """Returns the file's lines, and the last word of the holder that was paused."""
    path = cluster.directory / name

    def holder(owner, ttl_ms):
        return Program(cluster, [pathlib.Path(given.bin) / "examples" / "fenced_file", name, path,
                                 owner, "--ttl", ttl_ms, *flags])

    with holder("first", TTL_MS) as first:
        first_token = int(first.expect_start("token "))
        first.expect("ready")
        first.tell("before the pause")
        first.expect("ready")
        # It has looked at the lock, which is its own, and waits for a line to write.
        check(first.freeze(), "it runs")
        first.tell("after the pause")
        first.tell("and again")
        with holder("second", LONG_TTL_MS) as second:
            second_token = int(second.expect_start("token "))
            check(second_token > first_token, f"tokens {first_token}, {second_token}")
            second.expect("ready")
            second.tell("mine now")
            second.expect("ready")
            first.thaw()
            told = first.ends(3)
            second.tell("still mine")
            second.expect("ready")
            second.close_input()
            second.ends(0)
    lines = path.read_text().splitlines()
    for line in lines:
        token = first_token if " first: " in line else second_token
        check(line.startswith(f"{token} "), f"tokens {first_token}, {second_token}: {line}")
    return [line.partition(" ")[2] for line in lines], told[-1]


def with_the_fence(given, cluster):
    lines, told = paused_holder(given, cluster, "fenced")
    check_equal(lines, ["first: before the pause", "second: mine now", "second: still mine"],
                "the file behind the fence")
    check_equal(told, "refused: the file has seen a higher token", "the paused holder")


def without_the_fence(given, cluster):
    lines, told = paused_holder(given, cluster, "unfenced", "--no-fence")
    check_equal(lines, ["first: before the pause", "second: mine now", "first: after the pause",
                        "second: still mine"], "the file without a fence: it must show the damage")
    # The lock's own clock stops it before the second line, which is too late for the first.
    check_equal(told, "lost the lock", "the paused holder")


def main():
    given = options()
    with Cluster(given) as cluster:
        run_steps([(step.__name__, lambda step=step: step(given, cluster))
                   for step in (with_the_fence, without_the_fence)])


if __name__ == "__main__":
    main()
