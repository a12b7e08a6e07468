#!/usr/bin/env python3
"""Every limit of the documents, met exactly and passed by one, through each door of real processes;
and what was taken at its limit is there after all nodes were killed."""

import asyncio
import resource
import subprocess
import sys

import protocol
from cluster import (Cluster, DONE, EMPTY, REFUSED, UNAVAILABLE, UNKNOWN, USAGE, check, check_equal,
                     free_port, options, run_steps)

NOT_YET, DEGRADED = 7, 9
LONGEST, LARGEST = 1024, 65536
HIGHEST = 2**64 - 2
AROUND_32_BITS = (2**32 - 1, 2**32, 2**32 + 1)


def name_of(size, first):
    return (first + "-" * size)[:size]


def once_is(cluster, code, *arguments, **how):
    done = cluster.run(*arguments, **how)
    shown = [word[:20] for word in arguments]
    check_equal(done.returncode, code, f"once {shown}: {done.stderr[:300]!r}")
    check(code not in (USAGE, 1) or done.stderr, f"once {shown}: it says why")
    return done.stdout


def names_of_the_command(cluster):
    for size in (1, LONGEST - 1, LONGEST):
        once_is(cluster, DONE, "write", name_of(size, "a"), f"of {size}")
        once_is(cluster, DONE, "set", name_of(size, "b"), f"of {size}")
        once_is(cluster, DONE, "next", name_of(size, "c"))
    for size in (0, LONGEST + 1, 5000):
        for command in (["write", name_of(size, "d"), "v"], ["read", name_of(size, "d")],
                        ["cas", name_of(size, "d"), "0", "v"], ["seal", name_of(size, "d"), "0"],
                        ["check", name_of(size, "d"), "1"], ["wait", name_of(size, "d"), "0"]):
            once_is(cluster, USAGE, *command)


def values_of_the_command(cluster):
    for size in (0, 1, LARGEST - 1, LARGEST):
        value = bytes(index * 7 % 251 for index in range(size))
        for node in cluster.nodes:
            once_is(cluster, DONE, "write", f"value-{size}-{node.number}", "-", stdin=value,
                    nodes=[node])
        once_is(cluster, DONE, "set", f"set-{size}", "-", stdin=value)
        once_is(cluster, DONE, "cas", f"cas-{size}", "0", "-", stdin=value)
        for name in (f"value-{size}-1", f"set-{size}", f"cas-{size}"):
            check_equal(once_is(cluster, DONE, "read", name), value, f"value of {name}")
    once_is(cluster, DONE, "write", name_of(LONGEST, "e"), "-", stdin=bytes(LARGEST))
    for size in (LARGEST + 1, LARGEST * 3):
        for words in (["write", "too-large", "-"], ["set", "too-large", "-"],
                      ["cas", "too-large", "0", "-"]):
            done = cluster.run(*words, stdin=bytes(size))
            check(done.returncode in (1, USAGE) and done.stderr, f"{words} of {size}: {done!r}")
    done = cluster.run("write", "too-large", "x" * (LARGEST + 1))
    check(done.returncode in (1, USAGE) and done.stderr, f"as an argument: {done.returncode}")
    once_is(cluster, EMPTY, "read", "too-large")


def versions_of_the_command(cluster):
    """A version that is cut to 32 bits is another one: of an empty register, or of token 1."""
    for version in AROUND_32_BITS + (HIGHEST,):
        once_is(cluster, REFUSED, "cas", "of-no-version", str(version), "v")
        once_is(cluster, REFUSED, "seal", "of-no-version", str(version))
    once_is(cluster, EMPTY, "read", "of-no-version")
    once_is(cluster, DONE, "next", "token")
    once_is(cluster, DONE, "check", "token", "1")
    for token in (2**32 + 1, HIGHEST, 2):
        once_is(cluster, REFUSED, "check", "token", str(token))
        once_is(cluster, NOT_YET, "wait", "token", str(token), timeout_ms=400)
    for version in (str(HIGHEST + 1), str(2**64), str(2**65), "-1", "+1", "1x", ""):
        once_is(cluster, USAGE, "cas", "token", version, "v")


def times_of_the_command(cluster):
    for timeout in ("0", "-1", "86400001", "99999999999999999999", "x"):
        done = subprocess.run([cluster.once, "--endpoints", cluster.endpoints(), "--timeout",
                               timeout, "read", "n"], capture_output=True, timeout=20)
        check_equal(done.returncode, USAGE, f"--timeout {timeout}: {done.stderr!r}")
    once_is(cluster, DONE, "write", "in-a-day", "v", timeout_ms=86_400_000)


def ids_of_the_command(cluster):
    for identity in ("1", "f" * 32, "0" * 31 + "1"):
        once_is(cluster, DONE, "write", f"id-{identity}", "v", "--request-id", identity)
    for identity in ("f" * 33, "0x1", "g"):
        once_is(cluster, USAGE, "write", "id", "v", "--request-id", identity)


async def ask(connection, operation, name, value=b"", timeout_ms=5000, version=0):
    """As Connection.request(), with a version."""
    correlation = connection.next_correlation
    connection.next_correlation += 1
    waiter = asyncio.get_running_loop().create_future()
    connection.waiting[correlation] = waiter
    connection.writer.write(protocol.request_frame(correlation, operation, name, value, timeout_ms,
                                                   protocol.new_identity(), version))
    return await asyncio.wait_for(waiter, 70)


async def of_the_protocol(cluster):
    for node in cluster.nodes:
        connection = await protocol.Connection.open(node.client_port)
        for name, value, wanted in (
                (b"n" * LONGEST, b"v", protocol.DONE),
                (b"n" * (LONGEST + 1), b"v", protocol.INVALID),
                (b"", b"v", protocol.INVALID), (b"l", b"v" * LARGEST, protocol.DONE),
                (b"l", b"v" * (LARGEST + 1), protocol.INVALID), (b"z", b"", protocol.DONE)):
            reply = await ask(connection, protocol.SET, name, value)
            check_equal(reply.status, wanted, f"set of {len(name)} and {len(value)} bytes")
        reply = await ask(connection, protocol.READ, b"l")
        check_equal(reply.value, b"v" * LARGEST, "the largest value")
        for version in AROUND_32_BITS + (HIGHEST, 2**64 - 1):
            reply = await ask(connection, protocol.CAS, b"empty", b"v", version=version)
            check_equal(reply.status, protocol.CONFLICT, f"cas of {version}")
            reply = await ask(connection, protocol.WAIT, b"z", timeout_ms=50, version=version)
            check_equal(reply.status, protocol.NOT_YET, f"wait for more than {version}")
        for timeout in (0, 60_001, 2**32 - 1):
            reply = await ask(connection, protocol.SET, b"z", b"v", timeout_ms=timeout)
            check_equal(reply.status, protocol.DONE, f"within {timeout} ms")
        await connection.close()


async def in_flight(cluster):
    """4096 without an answer; the next gets its own at once; one that is answered makes room."""
    connection = await protocol.Connection.open(cluster.nodes[0].client_port)
    waits = [asyncio.create_task(ask(connection, protocol.WAIT, b"in-flight-%d" % index,
                                     timeout_ms=20_000)) for index in range(4096)]
    await asyncio.sleep(0)
    await connection.drain()
    for operation in (protocol.READ, protocol.WAIT):
        reply = await ask(connection, operation, b"one-more")
        check_equal(reply.status, protocol.OVERLOADED, "beyond 4096")
    check(not any(wait.done() for wait in waits), "the others wait on")
    once_is(cluster, DONE, "write", "in-flight-7", "v")
    check_equal((await waits[7]).status, protocol.DONE, "one is answered")
    reply = await ask(connection, protocol.READ, b"one-more")
    check_equal(reply.status, protocol.EMPTY, "there is room again")
    await connection.close()
    await asyncio.gather(*waits, return_exceptions=True)


def nodes_and_cores(cluster):
    def onced(*words):
        return subprocess.run([cluster.onced, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)

    def members(count):
        return ",".join(f"{n}=127.0.0.1:{n}" for n in range(1, count + 1))

    for count, node, segment, fits in ((15, 15, 2, True), (16, 1, 2, False), (15, 16, 2, False),
                                       (15, 0, 2, False), (15, 1, 1, False), (15, 1, 4097, False)):
        target = cluster.directory / f"of-{count}-{node}-{segment}"
        done = onced("format", "--data", target, "--node", str(node), "--cluster", members(count),
                     "--cluster-id", "f" * 32, "--segment-mib", str(segment))
        check_equal(done.returncode == 0, fits, f"format {count} {node} {segment}: {done.stderr!r}")
        check(fits or done.stderr and not target.exists(), "nothing is made, and it says why")
    listen = f"127.0.0.1:{free_port()}"
    for cores, code in (("0", 64), ("65", 64), ("-1", 64), ("64", 66)):  # 66: it is not formatted
        done = onced("start", "--data", cluster.directory / "none", "--listen", listen, "--cores",
                     cores)
        check_equal(done.returncode, code, f"start with {cores} cores: {done.stderr!r}")


def bench(cluster):
    def run(*words):
        return subprocess.run([cluster.once + "-bench", "--endpoints", cluster.endpoints(), "--op",
                               "write", "--seconds", "0.2", "--warmup", "0", *words],
                              capture_output=True, timeout=60)

    for words, fits in ((["--value-size", str(LARGEST), "--connections", "2", "--in-flight", "4"],
                         True),
                        (["--value-size", str(LARGEST + 1)], False),
                        (["--connections", "1", "--in-flight", "4096"], True),
                        (["--connections", "1", "--in-flight", "4097"], False),
                        (["--timeout", "0"], False), (["--timeout", "600001"], False)):
        done = run(*words)
        check_equal(done.returncode, 0 if fits else USAGE, f"once-bench {words}: {done.stderr!r}")


def hardly_any_descriptors(cluster):
    """It works, or it says why not: no end by an assertion, and exit code 1 means that nothing was
    done. Below four the dynamic linker finds no library."""
    for most in range(4, 15):
        name, enough = f"few-{most}", most >= 13
        marker = cluster.directory / name
        for words in (["write", name, "v"], ["set", f"{name}-set", "v"], ["read", name],
                      ["status"], ["run", f"{name}-run", "--", "mkdir", str(marker)],
                      ["lock", "--wait", "20" if enough else "1", f"{name}-lock", "--", "true"]):
            done = subprocess.run(
                [cluster.once, "--endpoints", cluster.endpoints(), "--timeout",
                 "20000" if enough else "500", *words],
                capture_output=True, text=True, timeout=60,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
            shown = f"once {words} with {most} descriptors: {done.returncode}, {done.stderr}"
            check(done.returncode in (DONE, EMPTY, UNKNOWN, UNAVAILABLE, DEGRADED, 1),
                  shown)
            check(done.returncode == DONE or done.stderr, f"{shown}: it says why")
            if enough and words != ["status"]:
                check_equal(done.returncode, DONE, shown)
            if done.returncode == 1 and words[0] in ("write", "run"):
                check_equal(cluster.run("read", words[1]).returncode, EMPTY, f"{shown}: not done")
            if words[0] == "run":
                check_equal(marker.exists(), done.returncode == DONE, shown)


def all_is_there_after_a_kill(cluster):
    cluster.kill_all()
    cluster.start()
    for node in cluster.nodes:
        for size in (1, LONGEST - 1, LONGEST):
            for first in "ab":
                check_equal(once_is(cluster, DONE, "read", name_of(size, first), nodes=[node]),
                            f"of {size}".encode(), f"value of a name of {size}")
        for size in (0, 1, LARGEST - 1, LARGEST):
            value = bytes(index * 7 % 251 for index in range(size))
            for name in (f"value-{size}-1", f"set-{size}", f"cas-{size}"):
                check_equal(once_is(cluster, DONE, "read", name, nodes=[node]), value, name)
        check_equal(once_is(cluster, DONE, "read", name_of(LONGEST, "e"), nodes=[node]),
                    bytes(LARGEST), "the largest value of the longest name")
        once_is(cluster, DONE, "check", "token", "1", nodes=[node])


def main():
    with Cluster(options()) as cluster:
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in (
            names_of_the_command, values_of_the_command, versions_of_the_command,
            times_of_the_command, ids_of_the_command)])
        run_steps([("of the protocol", lambda: asyncio.run(of_the_protocol(cluster))),
                   ("in flight", lambda: asyncio.run(in_flight(cluster)))])
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in (
            nodes_and_cores, bench, hardly_any_descriptors, all_is_there_after_a_kill)])


if __name__ == "__main__":
    sys.exit(main())
