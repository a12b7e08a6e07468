#!/usr/bin/env python3
"""What a person sees through `once`: the promises, the exit codes; a restart keeps it all."""

import secrets

from cluster import (Cluster, DONE, EMPTY, REFUSED, USAGE, check, check_equal, options, run_steps)


def wrote(cluster, name, value, **how):
    done = cluster.run("write", name, value, **how)
    check_equal(done.returncode, DONE, f"write {name}: {done.stderr!r}")


def read_is(cluster, name, value, **how):
    done = cluster.run("read", name, **how)
    check_equal(done.returncode, DONE, f"read {name}: {done.stderr!r}")
    check_equal(done.stdout, value, f"value of {name}")


def first_write_wins(cluster):
    wrote(cluster, "greeting", "hello")
    done = cluster.run("write", "greeting", "goodbye")
    check_equal(done.returncode, REFUSED, "second write")
    check(b"hello" in done.stdout + done.stderr, f"the winner is named: {done!r}")
    done = cluster.run("write", "greeting", "hello")
    check_equal(done.returncode, REFUSED, "the same value under another request id")


def nodes_agree(cluster):
    for node in cluster.nodes:
        read_is(cluster, "greeting", b"hello", nodes=[node])
        done = cluster.run("write", "greeting", f"from {node.number}", nodes=[node])
        check_equal(done.returncode, REFUSED, f"a later write at node {node.number}")
        check(b"hello" in done.stdout + done.stderr, f"winner at node {node.number}: {done!r}")
    for index in range(12):  # names of every home, through every node
        node = cluster.nodes[index % len(cluster.nodes)]
        wrote(cluster, f"agree-{index}", f"value-{index}", nodes=[node])
        for other in cluster.nodes:
            read_is(cluster, f"agree-{index}", f"value-{index}".encode(), nodes=[other])


def empty_reads(cluster):
    for node in cluster.nodes:
        done = cluster.run("read", "never-written", nodes=[node])
        check_equal(done.returncode, EMPTY, f"read of an unset name: {done!r}")
        check_equal(done.stdout, b"", "output of an empty read")
    wrote(cluster, "never-written", "now it is")  # a read leaves nothing behind


def same_request_id(cluster):
    identity = secrets.token_hex(16)
    for node in cluster.nodes + cluster.nodes:
        done = cluster.run("write", "retried", "v", "--request-id", identity, nodes=[node])
        check_equal(done.returncode, DONE, f"retry at node {node.number}: {done!r}")
    done = cluster.run("write", "retried", "v", "--request-id", secrets.token_hex(16))
    check_equal(done.returncode, REFUSED, "another request id")


def sizes(cluster):
    biggest = secrets.token_bytes(65536)
    for name, value in (("big", biggest), ("zero", b""), ("binary", bytes(range(256)))):
        done = cluster.run("write", name, "-", stdin=value)
        check_equal(done.returncode, DONE, f"write {name}: {done.stderr!r}")
        for node in cluster.nodes:
            read_is(cluster, name, value, nodes=[node])
    done = cluster.run("write", "too-big", "-", stdin=biggest + b"x")
    check(done.returncode in (1, USAGE), f"a value past the limit: {done.returncode}")
    check(done.stderr, "it says why")
    check_equal(cluster.run("read", "too-big").returncode, EMPTY, "nothing was written")


def names(cluster):
    wrote(cluster, "n" * 1024, "longest")
    read_is(cluster, "n" * 1024, b"longest")
    wrote(cluster, "with space, \N{GREEK SMALL LETTER OMEGA}\n", "odd")
    read_is(cluster, "with space, \N{GREEK SMALL LETTER OMEGA}\n", b"odd")
    for name in ("", "n" * 1025, "_reserved"):
        done = cluster.run("write", name, "v")
        check(done.returncode in (1, USAGE), f"name {name[:9]!r}: {done.returncode}")
        check(done.stderr, "it says why")


def usage_errors(cluster):
    for arguments in ((), ("nonsense",), ("write",), ("write", "a"), ("read",),
                      ("read", "--no-such-option", "a"),
                      ("write", "a", "b", "--request-id", "not hex")):
        done = cluster.run(*arguments)
        check_equal(done.returncode, USAGE, f"once {' '.join(arguments)}")
    check_equal(cluster.run("read", "a").returncode, EMPTY, "a usage error writes nothing")


def status(cluster):
    nodes = cluster.status()
    check_equal(sorted(node["node"] for node in nodes), [1, 2, 3], "nodes in the status")
    for entry in nodes:
        check(entry["reachable"], f"node {entry['node']} is reachable")
        check_equal(entry["pid"], cluster.nodes[entry["node"] - 1].process.pid, "pid")
        check_equal(entry["address"], cluster.nodes[entry["node"] - 1].address, "address")


def restart(cluster):
    for node in cluster.nodes:
        node.stop()
    cluster.start()
    nodes_hold_everything(cluster)
    for node in cluster.nodes:  # one after the other, the rest serving
        node.stop()
        node.start()
        cluster.wait_ready()
    nodes_hold_everything(cluster)


def nodes_hold_everything(cluster):
    for node in cluster.nodes:
        read_is(cluster, "greeting", b"hello", nodes=[node])
        for index in range(12):
            read_is(cluster, f"agree-{index}", f"value-{index}".encode(), nodes=[node])
        done = cluster.run("write", "greeting", "after restart", nodes=[node])
        check_equal(done.returncode, REFUSED, "the winner outlives a restart")


def main():
    with Cluster(options()) as cluster:
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in (
            first_write_wins, nodes_agree, empty_reads, same_request_id, sizes, names,
            usage_errors, status, restart)])


if __name__ == "__main__":
    main()
