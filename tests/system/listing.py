#!/usr/bin/env python3
"""`once list`: what one node knows, page after page, over all its cores; places hold for one run of
one node; wrong words are said. And whoever lists without end delays nobody."""

import asyncio
import json
import re
import shlex
import subprocess
import threading
import time

import protocol
from cluster import (Cluster, DONE, OTHER_ERROR, REFUSED, UNAVAILABLE, USAGE, check, check_equal,
                     options, run_steps, wait_for)

NAMES = 3000


async def write_all(cluster):
    connection = await protocol.Connection.open(cluster.nodes[0].client_port)
    for begin in range(0, NAMES, 500):
        replies = await asyncio.gather(*(
            connection.write(b"%s/%d" % (b"even" if i % 2 == 0 else b"odd", i), b"v" * (i % 100))
            for i in range(begin, begin + 500)))
        check(all(reply.status == protocol.DONE for reply in replies), "written")
    for operation, name in ((protocol.SET, b"variable"), (protocol.SET, b"variable"),
                            (protocol.WRITE, b"a\nb\xff")):
        reply = await connection.request(operation, name, b"value",
                                         identity=protocol.new_identity())
        check_equal(reply.status, protocol.DONE, name)
    await connection.close()


def listed(cluster, *arguments, node=0):
    done = cluster.run("list", *arguments, nodes=[cluster.nodes[node]])
    check_equal(done.returncode, DONE, f"list {arguments}: {done.stderr!r}")
    return done


def everything(cluster):
    asyncio.run(write_all(cluster))
    names = listed(cluster, "odd/").stdout.decode().splitlines()
    check_equal(len(names), 1000, "a page has 1000 names, if nothing else is said")
    expected = {f"odd/{i}" for i in range(1, NAMES, 2)}
    for node in range(3):
        wait_for(lambda node=node: set(
            listed(cluster, "odd/", "--limit", "0", node=node).stdout.decode().splitlines()
        ) == expected, f"node {node + 1} knows all that was decided")
    check_equal(listed(cluster, "nothing").stdout, b"", "no name begins so")


def page_by_page(cluster):
    """Each name once, whatever the size of a page, and where to go on is said."""
    for limit in (1, 700, 5000):
        seen, after, pages = [], [], 0
        while pages < 40:
            done = listed(cluster, "even/", "--limit", str(limit), *after)
            seen += done.stdout.decode().splitlines()
            pages += 1
            more = re.search(rb"there is more: once .* list even/ .*--after (\S+)", done.stderr)
            if not more:
                break
            after = ["--after", more.group(1).decode()]
        check_equal(len(seen), len(set(seen)), f"each once, {limit} a page")
        if limit > 1:
            check_equal(len(seen), NAMES // 2, f"all of them, {limit} a page")
    document = json.loads(cluster.run("list", "even/", "--limit", "2", json_output=True).stdout)
    check_equal(len(document["names"]), 2, "a page as JSON")
    check(document["after"] is not None and document["node"] in (1, 2, 3), document)
    check_equal(set(document["names"][0]), {"name", "version", "sealed", "value_bytes", "decided"},
                "what is said of a name")


def what_is_said(cluster):
    lines = listed(cluster, "variable", "--long").stdout.decode().split()
    check_equal(lines, ["2", "5", "-", "variable"], "version, bytes, state, name")
    long = listed(cluster, "even/42", "-l", "--limit", "0").stdout.split()
    check_equal(long[2], b"sealed", "set once")
    broken = listed(cluster, "a")
    check(b"a\nb\xff\n" in broken.stdout, "into a pipe names go byte for byte")
    check_equal(broken.stderr.count(b"line break"), 1, f"said once: {broken.stderr!r}")
    line = shlex.split(broken.stderr.decode().partition("looks like two: once ")[2])
    whole = subprocess.run([cluster.once, *line], capture_output=True, timeout=30)
    check(b"a\nb\xff\0" in whole.stdout and not whole.stderr, f"the line that it says: {whole!r}")
    document = json.loads(cluster.run("list", "a", json_output=True).stdout)
    check_equal(document["names"][0]["name_base64"], "YQpi/w==", "no UTF-8")


def wrong_words(cluster):
    for arguments, code, word in ((["--after", "1-2"], USAGE, b"no place"),
                                  (["--after", "0-0-1-0"], USAGE, b"no place"),
                                  (["--after", "1-0-99-0"], REFUSED, b"has started again"),
                                  (["--after", "9-0-1-0"], UNAVAILABLE, b"node 9 is not among"),
                                  (["p" * 1025], USAGE, b"at most 1024 bytes"),
                                  (["--limit", "-1"], USAGE, b"--limit"),
                                  (["a", "b"], USAGE, b"b")):
        done = cluster.run("list", *arguments)
        check_equal(done.returncode, code, f"{arguments}: {done.stderr!r}")
        check(word in done.stderr, f"{word!r} in {done.stderr!r}")
    done = subprocess.run([cluster.once, "--endpoints", "127.0.0.1:1,127.0.0.1:2", "--timeout",
                           "500", "list"], capture_output=True, timeout=20)
    check_equal(done.returncode, UNAVAILABLE, f"nobody there: {done.stderr!r}")
    check(b"no node answers: 127.0.0.1:1, 127.0.0.1:2: cannot connect: " in done.stderr, done)
    for command in (["list"], ["read", "x"]):
        done = cluster.run("--cluster-id", "1234", *command)
        check_equal(done.returncode, OTHER_ERROR, f"another cluster: {command}: {done.stderr!r}")
        check(b"which is expected" in done.stderr, f"{command}: {done.stderr!r}")


def another_run(cluster):
    """A place is found at its node, whichever endpoint is given, until that node starts again."""
    first = cluster.run("list", "even/", "--limit", "1", nodes=[cluster.nodes[1]])
    place = re.search(rb"--after (\S+)", first.stderr).group(1).decode()
    check(place.startswith("2-"), place)
    done = cluster.run("list", "even/", "--limit", "1", "--after", place, nodes=[cluster.nodes[0]])
    check_equal(done.returncode, DONE, f"node 2 is found: {done.stderr!r}")
    check(done.stdout != first.stdout, "and it goes on")
    cluster.nodes[1].kill()
    begun = time.monotonic()
    done = cluster.run("list", "even/", "--after", place)
    check_equal(done.returncode, UNAVAILABLE, f"node 2 is down: {done.stderr!r}")
    check(b"node 2 was not found: " + cluster.nodes[1].address.encode() in done.stderr, done)
    check(time.monotonic() - begun < 3, "the others answered: nobody is waited for")
    # Where nobody answers a list waits, as a read does: somebody may be about to start.
    with subprocess.Popen([cluster.once, "--endpoints", cluster.nodes[1].address, "--timeout",
                           "30000", "list", "variable"], stdout=subprocess.PIPE) as late:
        time.sleep(0.3)
        cluster.nodes[1].start()
        check_equal(late.communicate(timeout=40)[0], b"variable\n", "a node that came late")
        check_equal(late.returncode, DONE, "and was waited for")
    cluster.wait_ready()
    done = cluster.run("list", "even/", "--after", place)
    check_equal(done.returncode, REFUSED, f"of the run before: {done.stderr!r}")
    # Also those of which it had not heard that they were decided: they are asked for.
    names = listed(cluster, "even/", "--limit", "0", node=1).stdout.splitlines()
    check_equal(len(set(names)), NAMES // 2, "the names that it recovered")


async def writes_beside_lists(cluster):
    """200 lists without end on connections of their own, and writes meanwhile."""
    port = cluster.nodes[0].client_port
    question = b"".join(protocol.frame(8, i, b"\0\0\0\0" + (1000).to_bytes(4, "little") +
                                       bytes(8) + b"\x04\0none") for i in range(20))
    crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
    over = threading.Event()

    async def ask(reader, writer):
        writer.write(protocol.hello_frame())
        while not over.is_set():
            writer.write(question)
            for _ in range(20):
                length = int.from_bytes(await reader.readexactly(4), "little")
                await reader.readexactly(length)
    tasks = [asyncio.create_task(ask(reader, writer)) for reader, writer in crowd]
    connection = await protocol.Connection.open(port)
    begun = time.monotonic()
    for i in range(100):
        reply = await connection.write(b"beside-%d" % i, b"v")
        check_equal(reply.status, protocol.DONE, "a write")
    print(f"   100 writes beside 200 lists: {time.monotonic() - begun:.2f} s")
    over.set()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
    await connection.close()


def main():
    where = options()
    with Cluster(where, cores=2, name="listing") as cluster:
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in
                   (everything, page_by_page, what_is_said, wrong_words, another_run)] +
                  [("beside lists", lambda: asyncio.run(writes_beside_lists(cluster)))])


if __name__ == "__main__":
    main()
