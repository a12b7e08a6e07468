#!/usr/bin/env python3
"""Who may vote: disks that not everybody has met, disks formatted twice, lists that differ.

An acknowledged write must survive the loss of one disk whatever was started when, and no name has
two winners.
"""

import shutil
import subprocess

from cluster import (DONE, EMPTY, UNAVAILABLE, UNKNOWN, Cluster, check, check_equal, options,
                     run_steps, wait_for)

NAMES = ["a", "b", "c"]


def members_of(cluster, numbers):
    return ",".join(f"{node.number}=127.0.0.1:{node.peer_port}" for node in cluster.nodes
                    if node.number in numbers)


def format_with(cluster, node, members, cluster_id=None):
    """As a person who gives this node that list."""
    shutil.rmtree(node.directory, ignore_errors=True)
    return subprocess.run(
        [cluster.onced, "format", "--data", node.directory, "--node", str(node.number),
         "--cluster", members, "--cluster-id", cluster_id or cluster.cluster_id,
         *cluster.format_flags],
        capture_output=True, timeout=60)


def wait_for_line(node, text):
    wait_for(lambda: text in node.log_text(), f"node {node.number} says {text!r}", 20)


def check_unavailable(cluster, node, name):
    """Of a write whose last attempt has no answer when its time is over it is not known whether it
    happened: on a busy machine that may come before the plain refusal."""
    for command in (["write", name, "x"], ["read", name]):
        for _ in range(5):
            done = cluster.run(*command, nodes=[node], timeout_ms=500)
            if done.returncode != UNKNOWN:
                break
        check_equal(done.returncode, UNAVAILABLE, f"{command} at node {node.number}: {done}")


def write_all(cluster, nodes, value):
    return [name for name in NAMES
            if cluster.run("write", name, value, nodes=nodes, timeout_ms=1000).returncode == DONE]


def check_kept(cluster, nodes, acknowledged):
    for name in acknowledged:
        read = cluster.run("read", name, nodes=nodes, timeout_ms=1000)
        check(read.returncode != EMPTY, f"{name} was acknowledged and is empty")
        write = cluster.run("write", name, "new", nodes=nodes, timeout_ms=1000)
        check(write.returncode != DONE, f"{name} has two winners")


class Fresh(Cluster):
    """Formatted, and not started."""

    def __init__(self, given, name, nodes=3):
        super().__init__(given, nodes=nodes, name=name, format_flags=["--segment-mib", "2"])

    def __enter__(self):
        for node in self.nodes:
            node.format()
        return self


def one_node_is_late(given, late):
    with Fresh(given, f"late-{late}") as cluster:
        early = [node for node in cluster.nodes if node.number != late]
        last = cluster.nodes[late - 1]
        for node in early:
            node.start()
            wait_for_line(node, "waiting until every member has met this disk: not yet node")
        wait_for(lambda: all(cluster.counters(node)[f"peer_{other.number}_met"] == 1
                             for node in early for other in early if other is not node),
                 "the two that run have met", 20)
        for node in early:
            check_unavailable(cluster, node, "too-early")
            here = cluster.counters(node)
            check_equal((here["admitted"], here["claimed"], here[f"peer_{late}_met"]), (0, 0, 0),
                        f"status of node {node.number}")
            check(f"not yet node {late} (127.0.0.1:{last.peer_port})" in node.log_text(),
                  node.log_text())
        # What they know of each other outlives them; whoever starts again asks again.
        early[0].kill()
        early[0].start()
        last.start()
        cluster.wait_ready(20)
        check_equal(cluster.run("read", "too-early").returncode, EMPTY, "what was unavailable")
        for node in cluster.nodes:
            check_equal(cluster.counters(node)["admitted"], 1, "admitted")
            check_equal(node.log_text().count("the node votes from now on"), 1, "said once")
        # From now on a majority is enough, also to start.
        cluster.kill_all()
        for node in early:
            node.start()
        cluster.wait_ready(20)


def disk_lost_before_all_met(given, replaced_first):
    """The written-down case: node 3 votes with node 1, loses its disk, and meets a blank node 2."""
    with Fresh(given, f"lost-{replaced_first}") as cluster:
        one, two, three = cluster.nodes
        one.start()
        three.start()
        wait_for(lambda: cluster.counters(one)["peer_3_met"] == 1, "1 and 3 have met", 20)
        acknowledged = write_all(cluster, [one, three], "old")
        check_equal(acknowledged, [], "nothing is acknowledged before all have met")
        three.kill()
        format_with(cluster, three, cluster.members())
        if replaced_first:
            three.start()
            wait_for_line(three, "another disk is known under number 3")
            two.start()
        else:
            two.start()
            three.start()
        # 1 and 2 are a majority that knows each other, and 3 speaks for its number.
        for node in (one, two):
            cluster._wait_writable(node, 30)
        acknowledged = write_all(cluster, [one, two], "old")
        check_equal(acknowledged, NAMES, "1 and 2 go on")
        wait_for_line(three, "another disk is known under number 3 by node 1")
        wait_for_line(one, "node 3 has another disk than before")
        check_unavailable(cluster, three, "a")
        three.kill()
        three.start()
        wait_for_line(three, "this disk is not let in")
        check_unavailable(cluster, three, "a")
        one.kill()
        check_kept(cluster, [two, three], acknowledged)
        check_equal(cluster.counters(three)["admitted"], 0, "the second disk of node 3")


def disk_lost_after_all_met(given):
    with Fresh(given, "replaced") as cluster:
        one, two, three = cluster.nodes
        cluster.start()
        acknowledged = write_all(cluster, None, "old")
        check_equal(acknowledged, NAMES, "three nodes")
        two.kill()
        three.kill()
        format_with(cluster, three, cluster.members())
        three.start()
        wait_for_line(three, "another disk is known under number 3 by node 1")
        two.start()
        cluster._wait_writable(two, 20)
        one.kill()
        check_kept(cluster, [two, three], acknowledged)


def killed_right_after_it_met(given):
    """Who is killed as soon as others heard of it keeps what it told them."""
    with Fresh(given, "killed") as cluster:
        one, two, three = cluster.nodes
        for _ in range(5):
            for node in cluster.nodes:
                node.start()
            wait_for(lambda: any((node.directory / "peers").stat().st_size > 30
                                 for node in cluster.nodes), "somebody has met somebody", 20, 0.001)
            for node in (two, three, one):
                node.kill()
        for node in cluster.nodes:
            node.start()
        cluster.wait_ready(20)


def one_was_formatted_alone(given):
    with Fresh(given, "alone") as cluster:
        one, two, three = cluster.nodes
        check_equal(format_with(cluster, one, members_of(cluster, [1])).returncode, 0, "format")
        one.start()
        cluster._wait_writable(one, 20)
        check_equal(cluster.counters(one)["admitted"], 1, "alone, it is the cluster")
        for node in (two, three):
            node.start()
        wait_for_line(one, "formatted with no member but itself")
        for node in (two, three):
            wait_for_line(node, "was formatted with the members")
        for node in cluster.nodes:
            check_unavailable(cluster, node, "job-42")
        check_equal(cluster.counters(one)["withdrawn"], 1, "withdrawn")
        one.kill()
        two.kill()
        three.kill()
        one.start()
        wait_for_line(one, "this node votes no more")
        check_unavailable(cluster, one, "job-42")
        # What docs/operations.md says: format it again with the whole list.
        one.kill()
        check_equal(format_with(cluster, one, cluster.members()).returncode, 0, "format")
        cluster.start()
        # ... or, where the others were the mistake, without the file.
        cluster.kill_all()
        format_with(cluster, three, members_of(cluster, [3]))
        three.start()
        cluster._wait_writable(three, 20)
        two.start()
        wait_for_line(three, "formatted with no member but itself")
        two.kill()
        three.kill()
        (three.directory / "standing").unlink()
        three.start()
        cluster._wait_writable(three, 20)


def a_stranger_calls_one_that_is_alone(given):
    """He knows its address and not its cluster: nothing that he says stops it."""
    with Fresh(given, "stranger") as cluster:
        one, two, _ = cluster.nodes
        check_equal(format_with(cluster, one, members_of(cluster, [1])).returncode, 0, "format")
        other_id = f"{int(cluster.cluster_id, 16) ^ 1:032x}"
        check_equal(format_with(cluster, two, members_of(cluster, [1, 2]), other_id).returncode,
                    0, "format")
        one.start()
        cluster._wait_writable(one, 20)
        two.start()
        wait_for_line(one, "not a peer of this cluster")
        check_equal(cluster.run("write", "job-42", "x", nodes=[one]).returncode, DONE, "a write")
        check_equal(cluster.counters(one)["withdrawn"], 0, "withdrawn")


def lists_differ(given, first, second, name):
    """`first` and `second`: the nodes that are formatted with a list, and that list."""
    with Fresh(given, name, nodes=5) as cluster:
        for numbers, listed in (first, second):
            for number in numbers:
                format_with(cluster, cluster.nodes[number - 1], members_of(cluster, listed))
        started = [cluster.nodes[number - 1] for number in (*first[0], *second[0])]
        for node in started:
            node.start()
        for node in started:
            wait_for_line(node, "was formatted with the members")
        winners = [node.number for node in started
                   if cluster.run("write", "job-42", f"host-{node.number}", nodes=[node],
                                  timeout_ms=1000).returncode == DONE]
        check(len(winners) <= 1, f"{winners} all won job-42")


def main():
    given = options()
    run_steps([
        *[(f"node {late} is late", lambda late=late: one_node_is_late(given, late))
          for late in (1, 2, 3)],
        ("a disk is lost before all met", lambda: disk_lost_before_all_met(given, True)),
        ("the same, it starts last", lambda: disk_lost_before_all_met(given, False)),
        ("a disk is lost after all met", lambda: disk_lost_after_all_met(given)),
        ("killed right after it met", lambda: killed_right_after_it_met(given)),
        ("one was formatted alone", lambda: one_was_formatted_alone(given)),
        ("a stranger calls one that is alone", lambda: a_stranger_calls_one_that_is_alone(given)),
        ("three on one, five on four", lambda: lists_differ(
            given, ((1,), (1, 2, 3)), ((2, 3, 4, 5), (1, 2, 3, 4, 5)), "three-five")),
        ("five on one, three on two", lambda: lists_differ(
            given, ((1,), (1, 2, 3, 4, 5)), ((2, 3), (1, 2, 3)), "five-three")),
        ("two that close ranks", lambda: lists_differ(
            given, ((1, 2), (1, 2)), ((3,), (1, 2, 3)), "two-three")),
        ("as long, and others", lambda: lists_differ(
            given, ((1, 2), (1, 2, 3)), ((4,), (1, 2, 4)), "other-numbers")),
    ])


if __name__ == "__main__":
    main()
