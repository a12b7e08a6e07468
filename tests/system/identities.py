#!/usr/bin/env python3
"""Who is who: which request, which cluster. An identity that is missing, empty or of somebody else
is noticed and said, by every door, and nobody is told done in another's name."""

import asyncio
import os
import pathlib
import subprocess

import protocol
from cluster import (Cluster, DONE, EMPTY, OTHER_ERROR, REFUSED, USAGE, check,
                     check_equal, free_port, options, run_steps)

ONCED_USAGE = 64


def extra(parser):
    parser.add_argument("--tries", type=int, default=1000)


def once(cluster, *arguments, **environment):
    return subprocess.run([cluster.once, *arguments], capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, **environment))


def says(done, code, *words):
    check_equal(done.returncode, code, f"exit code of {done.args[1:]}: {done.stderr!r}")
    for word in words:
        check(word in done.stderr.decode(), f"{word!r} in {done.stderr!r}")


def no_empty_id(cluster):
    for identity, word in (("", "empty"), ("0", "0"), ("0" * 32, "0"), ("a" * 33, "32"),
                           (" ", "32"), (" 77", "32"), ("77 ", "32"), ("0x77", "32"),
                           ("-7", "32"), ("7g", "32"), ("77\n", "32"),
                           ("\N{DEVANAGARI DIGIT SEVEN}", "32")):
        for command in (("write", "job", "mine"), ("cas", "job", "0", "mine"),
                        ("seal", "job", "1")):
            for words in (["--request-id", identity], [f"--request-id={identity}"]):
                bare = words[0].endswith("=")
                says(cluster.run(*command, *words), USAGE, "--request-id",
                     "no value" if bare else word)
    says(cluster.run("write", "--request-id=", "job", "mine"), USAGE, "--request-id=")
    says(cluster.run("write", "--request-id", "77", "--request-id", "78", "job", "mine"), USAGE)
    check_equal(cluster.run("read", "job").returncode, EMPTY, "none of them wrote anything")
    for identity in ("77", "077", "0" * 30 + "77", "ABCDEF", "abcdef" + "0" * 26):
        check_equal(cluster.run("write", f"id-{identity}", "v", "--request-id",
                                identity).returncode, DONE, identity)
    says(cluster.run("write", "id-77", "v", "--request-id", "00077"), DONE)  # the same id


def no_empty_option(cluster):
    there = cluster.endpoints()
    for given in (["--endpoints", ""], ["--endpoints="], ["--endpoints", ","]):
        says(once(cluster, *given, "read", "x"), USAGE, "endpoints")
    for given in (["--cluster-id", ""], ["--cluster-id", "0"], ["--cluster-id", "xyz"],
                  ["--cluster-id", "1" * 33]):
        says(once(cluster, "--endpoints", there, *given, "read", "x"), USAGE, "--cluster-id")
    says(once(cluster, "read", "x", ONCE_ENDPOINTS=""), USAGE, "ONCE_ENDPOINTS")
    says(once(cluster, "status", ONCE_ENDPOINTS=""), USAGE, "ONCE_ENDPOINTS")
    says(once(cluster, "--endpoints", there, "read", "x", ONCE_CLUSTER_ID=""), USAGE,
         "ONCE_CLUSTER_ID")
    says(once(cluster, "--endpoints", there, "read", "x", ONCE_ENDPOINTS=""), EMPTY)
    says(once(cluster, "completion", "bash", ONCE_ENDPOINTS=""), DONE)
    for given in (["--timeout", ""], ["--timeout="]):
        says(once(cluster, "--endpoints", there, *given, "read", "x"), USAGE, "--timeout")
    bench = pathlib.Path(cluster.once).parent / "once-bench"
    for given in (["--endpoints", ""], ["--endpoints="], ["--cluster-id", ""],
                  ["--cluster-id", "00"], ["--names", ""], ["--op", ""], ["--floor-dir", ""],
                  ["--seconds", ""]):
        says(subprocess.run([bench, *given], capture_output=True, timeout=60), USAGE, given[0])
    for variable in ("ONCE_ENDPOINTS", "ONCE_CLUSTER_ID"):
        says(subprocess.run([bench], capture_output=True, timeout=60,
                            env=dict(os.environ, **{variable: ""})), USAGE)


def no_empty_option_of_a_node(cluster):
    data = cluster.directory / "never"
    listen = f"127.0.0.1:{free_port()}"
    start = ["start", "--data", data, "--listen", listen]
    for arguments in (["start", "--data", "", "--listen", listen],
                      ["start", "--data", data, "--listen", ""],
                      [*start, "--advertise", ""], [*start, "--advertise="],
                      [*start, "--cores", ""], [*start, "--io", ""], ["dev", "--data", ""],
                      ["inspect", "--data", ""],
                      ["inspect", "--data", cluster.nodes[0].directory, ""]):
        done = subprocess.run([cluster.onced, *arguments], capture_output=True, timeout=20)
        check_equal(done.returncode, ONCED_USAGE, f"onced {arguments}: {done.stderr!r}")
        check(done.stderr, "it says why")
    for identity in ("", "0", "0" * 32, " ", "1" * 33):
        done = subprocess.run(
            [cluster.onced, "format", "--data", data, "--node", "1", "--cluster",
             cluster.members(), "--cluster-id", identity], capture_output=True, timeout=20)
        check_equal(done.returncode, ONCED_USAGE, f"cluster id {identity!r}: {done.stderr!r}")
    check(not data.exists(), "nothing was made")


def another_cluster_is_meant(cluster):
    """Each command says so and exits with 1: nothing is known of the cluster that is meant."""
    other = ["--cluster-id", "1", "--endpoints", cluster.endpoints()]
    for command in (["read", "x"], ["write", "x", "v"], ["list"], ["status"], ["explain", "x"],
                    ["lock", "x", "--wait", "1", "--", "true"], ["run", "x", "--", "true"],
                    ["wait", "x"], ["status", "--watch", "1", "--count", "1"]):
        done = once(cluster, *other, *command)
        check_equal(done.returncode, OTHER_ERROR, f"{command}: {done!r}")
        told = done.stdout + done.stderr
        check(b"is a node of cluster" in told, f"{command}: {told!r}")
        check(b"no majority" not in told and b"start nodes" not in told, f"{command}: {told!r}")
    for command, verdict in ((["status"], b'"cluster_verdict":"other_cluster"'),
                             (["explain", "x"], b'"verdict":"other_cluster"')):
        done = once(cluster, "--json", *other, *command)
        check_equal(done.returncode, OTHER_ERROR, f"{command}: {done!r}")
        check(verdict in done.stdout.replace(b'": "', b'":"'), f"{command}: {done.stdout!r}")
    done = once(cluster, "--cluster-id", cluster.cluster_id, "--endpoints", cluster.endpoints(),
                "status")
    check_equal(done.returncode, DONE, f"its own id: {done!r}")


def zero_is_no_id(cluster):
    async def ask():
        for node in cluster.nodes:
            connection = await protocol.Connection.open(node.client_port)
            for operation, value in ((protocol.WRITE, b"v"), (protocol.SET, b"v"),
                                     (protocol.CAS, b"v"), (protocol.SEAL, b""),
                                     (protocol.NEXT, b"")):
                for index in range(6):  # of several homes
                    reply = await connection.request(operation, f"zero-{index}".encode(), value,
                                                     identity=(0, 0))
                    check_equal(reply.status, protocol.INVALID, f"operation {operation}: {reply}")
            for operation in (protocol.READ, protocol.CHECK):
                reply = await connection.request(operation, b"zero-0", identity=(0, 0))
                check(reply.status != protocol.INVALID, f"operation {operation}: {reply}")
            for identity in ((0, 1), (1, 0)):
                name = f"half-{node.number}-{identity[0]}".encode()
                reply = await connection.write(name, b"v", identity)
                check_equal(reply.status, protocol.DONE, f"id {identity}")
            await connection.close()
    asyncio.run(ask())
    for index in range(6):
        check_equal(cluster.run("read", f"zero-{index}").returncode, EMPTY, "nothing happened")


def the_cluster_that_is_meant(cluster, other):
    ours, theirs = cluster.endpoints(), other.endpoints()
    right, wrong = cluster.cluster_id, other.cluster_id
    for command in (["write", "meant", "v"], ["read", "x"], ["next", "tokens"],
                    ["run", "job", "--", "true"], ["lock", "l", "--", "true"]):
        says(once(cluster, "--endpoints", ours, "--cluster-id", wrong, *command), OTHER_ERROR,
             right, wrong)
        says(once(cluster, "--endpoints", ours, *command, ONCE_CLUSTER_ID=wrong), OTHER_ERROR,
             right, wrong)
    check_equal(cluster.run("read", "meant").returncode, EMPTY, "nothing was written")
    says(once(cluster, "--endpoints", ours, "--cluster-id", wrong, "status"), OTHER_ERROR, right)
    says(once(cluster, "--endpoints", ours, "--cluster-id", right.upper(), "status"), DONE)
    says(once(cluster, "--endpoints", f"{theirs},{ours}", "--cluster-id", right, "write", "meant",
              "v"), DONE)
    check_equal(cluster.run("read", "meant").stdout, b"v", "it is in the cluster that was meant")
    check_equal(other.run("read", "meant").returncode, EMPTY, "and in no other")
    bench = pathlib.Path(cluster.once).parent / "once-bench"
    done = subprocess.run([bench, "--endpoints", ours, "--cluster-id", wrong, "--seconds", "1"],
                          capture_output=True, timeout=60)
    says(done, OTHER_ERROR, right, wrong)


def two_clusters_are_not_mixed(cluster, other):
    """Whichever answers first."""
    for index in range(20):
        pair = [cluster.nodes[index % 3].address, other.nodes[index % 3].address]
        mixed = ",".join(pair if index % 2 else reversed(pair))
        done = once(cluster, "--endpoints", mixed, "write", f"mixed-{index}", "v")
        says(done, OTHER_ERROR, cluster.cluster_id, other.cluster_id)
        for each in (cluster, other):
            check_equal(each.run("read", f"mixed-{index}").returncode, EMPTY, "nothing happened")
    done = once(cluster, "--endpoints", f"{cluster.endpoints()},{other.nodes[0].address}", "status")
    says(done, DONE, other.cluster_id)
    shown = done.stdout.decode() + done.stderr.decode()
    check(other.nodes[1].address not in shown, "the other cluster's members are not listed")


def nobody_wins_twice(cluster, tries):
    program = pathlib.Path(cluster.once).parent / "two_winners"
    # Its children begin threads, of which ThreadSanitizer is not sure.
    environment = dict(os.environ)
    environment["TSAN_OPTIONS"] = environment.get("TSAN_OPTIONS", "") + ":die_after_fork=0"
    done = subprocess.run([program, cluster.endpoints(), str(tries)], capture_output=True,
                          timeout=1800, env=environment)
    print(done.stdout.decode(), end="")
    check_equal(done.returncode, 0, done.stderr.decode())


def main():
    given = options(extra)
    with Cluster(given) as cluster, Cluster(given, name="other") as other:
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in (
            no_empty_id, no_empty_option, no_empty_option_of_a_node, another_cluster_is_meant,
            zero_is_no_id)])
        run_steps([(step.__name__, lambda step=step: step(cluster, other)) for step in (
            the_cluster_that_is_meant, two_clusters_are_not_mixed)])
        run_steps([("nobody_wins_twice", lambda: nobody_wins_twice(cluster, given.tries))])


if __name__ == "__main__":
    main()
