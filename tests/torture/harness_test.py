#!/usr/bin/env python3
"""The harness itself: links do to bytes what they claim; health and gaps are counted right."""

import asyncio
import collections
import contextlib
import io
import subprocess
import sys

from faults import Stretches, World
from proxy import Link
from torture import Progress, Round, find_idleness

SOON = 5  # seconds: a bound, never waited for when all is well


def check(condition, what):
    if not condition:
        sys.exit(f"torture harness: {what}")


class Target:
    """The server behind a link: keeps what arrives, and can answer."""

    def __init__(self):
        self.received = bytearray()
        self.writers = []
        self.ended = 0

    async def serve(self, reader, writer):
        self.writers.append(writer)
        try:
            while data := await reader.read(65536):
                self.received += data
        except ConnectionError:
            pass
        self.ended += 1
        writer.close()


async def until(condition, what):
    end = asyncio.get_running_loop().time() + SOON
    while not condition():
        check(asyncio.get_running_loop().time() < end, f"not within {SOON} s: {what}")
        await asyncio.sleep(0.005)


async def open_link():
    target = Target()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    link = Link(1, 2, 0, server.sockets[0].getsockname()[1])
    await link.open()
    link.port = link.server.sockets[0].getsockname()[1]
    return target, server, link


async def test_hold():
    target, server, link = await open_link()
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"one ")
    await until(lambda: target.received == b"one ", "bytes pass")
    link.forth.held += 1
    link.update()
    writer.write(b"two " * 100_000)
    target.writers[0].write(b"back")
    check(await asyncio.wait_for(reader.readexactly(4), SOON) == b"back",
          "the other direction passes while one is held")
    check(target.received == b"one ", "a held direction lets nothing pass")
    check(all(flow.queued_bytes == 0 for flow in link.forth.flows), "a held sender has to wait")
    link.forth.held -= 1
    link.update()
    await until(lambda: target.received == b"one " + b"two " * 100_000, "held bytes, in order")
    link.reset()
    check(await asyncio.wait_for(reader.read(), SOON) == b"", "a reset ends the dialler's side")
    await until(lambda: target.ended == 1, "a reset ends the target's side")
    writer.close()
    server.close()
    await link.close()


async def test_delay():
    target, server, link = await open_link()
    loop = asyncio.get_running_loop()
    _, writer = await asyncio.open_connection("127.0.0.1", link.port)
    link.forth.delay = 0.2
    begin = loop.time()
    writer.write(b"slow")
    await until(lambda: target.received == b"slow", "delayed bytes arrive")
    check(loop.time() - begin >= 0.2, "delayed bytes arrive late")
    writer.write(b"held")
    await until(lambda: any(flow.queued_bytes for flow in link.forth.flows), "bytes on their way")
    link.forth.held += 1
    await asyncio.sleep(0.4)
    check(target.received == b"slow", "a held direction lets nothing pass that was on its way")
    link.forth.held -= 1
    link.update()
    await until(lambda: target.received == b"slowheld", "it arrives later")
    writer.close()
    await until(lambda: target.ended == 1, "an end is passed on")
    server.close()
    await link.close()


async def test_refuse():
    target, server, link = await open_link()
    link.refusing += 1
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        check(await asyncio.wait_for(reader.read(), SOON) == b"", "a refusing link closes at once")
    except ConnectionError:
        pass
    check(not target.writers, "a refusing link does not reach the target")
    writer.close()
    server.close()
    await link.close()


class FakeNode:
    def __init__(self, number):
        self.number = number


def test_health():
    world = World([FakeNode(n) for n in (1, 2, 3)], {}, None)
    cases = [([], True), ([("node", 3)], True), ([("node", 1), ("node", 3)], False),
             ([("pair", 1, 2)], True), ([("pair", 1, 2), ("pair", 1, 3)], True),
             ([("node", 3), ("pair", 1, 2)], False),
             ([("pair", 1, 2), ("pair", 1, 3), ("pair", 2, 3)], False)]
    for ills, healthy in cases:
        world.ill = collections.Counter(ills)
        check(world.is_healthy() == healthy, f"health with {ills}")


def test_gaps():
    world = World([FakeNode(n) for n in (1, 2, 3)], {}, None)
    world.health = [(0, True), (10, False), (20, True)]
    stretches = Stretches(world, 0, 30)
    check(stretches.seconds() == 20, "healthy seconds")
    # The silence from 9 to 21 spans the time without a majority, and is not a gap.
    check(stretches.longest_gap([1, 6, 9, 21, 24, 28]) == (5, 1), "the longest gap")
    check(stretches.longest_gap([25]) == (10, 0), "a gap from the beginning")
    check(stretches.longest_gap([25, 15, 1]) == (9, 1), "wins while there was no majority")
    inside = [(1, 2), (9, 11), (12, 13), (21, 30), (0, 10)]
    check(stretches.count_inside(inside) == 3, "calls inside")


def test_idleness():
    world = World([FakeNode(n) for n in (1, 2, 3)], {}, None)
    world.health = [(0, True), (20, False), (30, True)]
    stretches = Stretches(world, 0, 40)  # 30 s: at 10 a second, more than 3 answers
    busy = {"won": [1, 35], "refused": [2], "read": [3]}
    cases = [({}, []), ({"won": []}, ["no won", "next to nothing"]), ({"refused": [25]}, ["next"]),
             ({"won": [25], "refused": [1, 2, 3, 4]}, ["no won"]),
             ({"read": [25, 41], "won": [1, 2, 3]}, ["no read"]),
             ({"won": [], "refused": [], "read": []}, ["no won", "no read", "next to nothing"])]
    for changes, expected in cases:
        found = find_idleness(stretches, busy | changes, 10)
        check(len(found) == len(expected) and all(map(str.startswith, found, expected)),
              f"idleness with {changes}: {found}")
    check(not find_idleness(Stretches(world, 0, 4), {"won": [], "refused": [], "read": []}, 10),
          "too short a time proves nothing")


class FakeCluster:
    cores = 1

    def status(self):
        return [{"node": 1, "ignored_messages": 0}]


def test_judgement():
    """Each complaint fails the round, and a round without one passes."""
    good = {"unread": 0, "invalid_or_error": 0}
    cases = [(good, [], True), (good | {"unread": 1}, [], False),
             (good | {"invalid_or_error": 1}, [], False), (good, ["no won"], False)]
    for summary, idleness, passes in cases:
        judged = Round.__new__(Round)
        judged.__dict__.update(progress=Progress(), number=1, cluster=FakeCluster(), gap=0,
                               story="", idleness=idleness)
        world = World([FakeNode(n) for n in (1, 2, 3)], {}, None)
        checked = subprocess.CompletedProcess([], 0, stdout="")
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                judged.judge(world, summary, checked)
                passed = True
            except AssertionError:
                passed = False
        check(passed == passes, f"judgement of {summary}, {idleness}")


async def main():
    await test_hold()
    await test_delay()
    await test_refuse()
    test_health()
    test_gaps()
    test_idleness()
    test_judgement()
    print("torture harness: links, health, gaps and judgement are as they claim")


if __name__ == "__main__":
    asyncio.run(main())
