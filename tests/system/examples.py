#!/usr/bin/env python3
"""The programs in examples/, as a new user would try them. The lock that guards a file has a test
of its own: fenced_lock.py."""

import contextlib
import pathlib

from cluster import Cluster, check, check_equal, options, run_steps
from program import Program

CONTENDERS = 6
TTL_MS = "3000"  # of those who die or are paused; long enough for what they do before
LONG_TTL_MS = "3600000"


class Examples:
    def __init__(self, given, cluster):
        self.directory = pathlib.Path(given.bin) / "examples"
        self.cluster = cluster

    def start(self, name, *arguments, node=None):
        nodes = None if node is None else [self.cluster.nodes[node % len(self.cluster.nodes)]]
        return Program(self.cluster, [self.directory / name, *arguments], nodes=nodes)

    def says(self, code, name, *arguments, stdin=None):
        """What a program says that is given its input at once."""
        with self.start(name, *arguments) as program:
            if stdin is not None:
                program.tell(stdin)
            program.close_input()
            return program.ends(code)


def run_once(examples):
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(examples.start("run_once", "count", f"worker-{i}", "60",
                                                  node=i))
                   for i in range(CONTENDERS)]
        first = [worker.line() for worker in workers]
        winners = [i for i, line in enumerate(first) if line == "won: doing the job"]
        check_equal(len(winners), 1, f"winners: {first}")
        winner = workers.pop(winners[0])
        first.pop(winners[0])
        check_equal(set(first), {f"lost: worker-{winners[0]} does it"}, "all name the winner")
        winner.tell("four")
        winner.close_input()
        check_equal(winner.ends(0)[-1], "result: 5 bytes", "the winner's result")
        for worker in workers:
            check_equal(worker.ends(0)[-1], "result: 5 bytes", "the others' result")
    check_equal(examples.says(0, "run_once", "count", "late"),
                [f"lost: worker-{winners[0]} does it", "result: 5 bytes"], "one who comes late")


def run_once_winner_dies(examples):
    with examples.start("run_once", "doomed", "worker-1") as winner:
        winner.expect("won: doing the job")
        winner.kill()
    check_equal(examples.says(3, "run_once", "doomed", "worker-2", "1")[-1],
                "claimed by worker-1, no result yet", "after the winner's death")


def leader(examples):
    with examples.start("leader", "g", "a", TTL_MS) as a:
        term = int(a.expect_start("leading, term "))
        with examples.start("leader", "g", "b", LONG_TTL_MS) as b:
            b.expect("following a")
            a.kill()
            after_death = int(b.expect_start("leading, term "))
            check(after_death > term, f"terms {term}, {after_death}")
            with examples.start("leader", "g", "c", LONG_TTL_MS) as c:
                c.expect("following b")
                b.close_input()
                check_equal(b.ends(0)[-1], "left", "one who leaves")
                after_leave = int(c.expect_start("leading, term "))
                check(after_leave > after_death, f"terms {after_death}, {after_leave}")
                c.close_input()
                c.ends(0)


def paused_leader(examples):
    with examples.start("leader", "p", "a", TTL_MS) as a:
        a.expect_start("leading, term ")
        check(a.freeze(), "it runs")
        with examples.start("leader", "p", "b", LONG_TTL_MS) as b:
            b.expect("following a")
            b.expect_start("leading, term ")
            a.thaw()
            a.expect("not leading any more")
            a.expect("following b")


def future(examples):
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(examples.start("future", "get", "f", "60", node=i))
                   for i in range(CONTENDERS)]
        waiting[0].is_silent(0.2)
        check_equal(examples.says(0, "future", "set", "f", "42"), [], "the producer")
        for program in waiting:
            check_equal(program.ends(0), ["42"], "a consumer")
    check_equal(examples.says(3, "future", "set", "f", "43"), ["42"], "a second producer")
    check_equal(examples.says(0, "future", "get", "f"), ["42"], "one who comes late")
    check_equal(examples.says(4, "future", "get", "nobody-sets-it", "1"), [], "no value in time")


def idempotency(examples):
    with examples.start("idempotency", "key-1", "pay 10") as first:
        first.expect("new: doing it")
        check_equal(examples.says(4, "idempotency", "key-1", "pay 10"), ["in progress"],
                    "meanwhile")
        check_equal(examples.says(3, "idempotency", "key-1", "pay 20"),
                    ["other request: the key was used for something else"], "another request")
        check_equal(examples.says(3, "idempotency", "key-1", "pay 1"),
                    ["other request: the key was used for something else"], "a part of it")
        first.process.stdin.write("receipt 77")
        first.close_input()
        check_equal(first.ends(0)[-1], "result: receipt 77", "the first")
    check_equal(examples.says(0, "idempotency", "key-1", "pay 10"), ["done before: receipt 77"],
                "afterwards")
    check_equal(examples.says(3, "idempotency", "key-1", "pay 20"),
                ["other request: the key was used for something else"], "afterwards, another")


def a_node_is_down(examples):
    examples.cluster.nodes[0].kill()
    check_equal(examples.says(0, "future", "set", "g", "43"), [], "the producer")
    check_equal(examples.says(0, "future", "get", "g"), ["43"], "the consumer")
    check_equal(examples.says(0, "run_once", "again", "w")[-1], "result: 0 bytes", "the job")


def main():
    given = options()
    with Cluster(given) as cluster:
        examples = Examples(given, cluster)
        run_steps([(step.__name__, lambda step=step: step(examples)) for step in (
            run_once, run_once_winner_dies, leader, paused_leader, future, idempotency,
            a_node_is_down)])


if __name__ == "__main__":
    main()
