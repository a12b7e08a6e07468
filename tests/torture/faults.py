"""Faults on a cluster whose links are proxies: what can be done to it, and what is wrong with it at
each moment. Every fault is a coroutine that makes it, keeps it for a while and mends it.
"""

import asyncio
import bisect
import collections
import itertools
import signal
import time

LONG_PAUSE_SECONDS = (3, 9)  # links are given up after 2 s of silence
START_SECONDS = 180  # after a kill -9 a start waits for the last write, on a slow disk for long


class World:
    """The cluster as the faults see it, and whether a majority of it is healthy."""

    def __init__(self, nodes, links, rng):
        self.nodes = {node.number: node for node in nodes}
        self.links = links  # (dialler, target) -> Link
        self.rng = rng
        self.faults = collections.Counter()  # by kind
        self.busy = set()    # nodes that a fault has stopped
        self.ill = collections.Counter()  # ("node", n) or ("pair", a, b) -> faults on it now
        self.longest_start = 0.0  # seconds
        self.health = []     # (monotonic seconds, a majority is healthy), at each change
        self.changes = []    # (monotonic seconds, text, all that is ill then)

    def pairs(self):
        return list(itertools.combinations(sorted(self.nodes), 2))

    def is_healthy(self):
        """Enough nodes run that are joined pair by pair by links with nothing wrong."""
        majority = len(self.nodes) // 2 + 1
        up = [number for number in sorted(self.nodes) if not self.ill["node", number]]
        return any(all(not self.ill["pair", a, b] for a, b in itertools.combinations(group, 2))
                   for group in itertools.combinations(up, majority))

    def note(self):
        healthy = self.is_healthy()
        if not self.health or self.health[-1][1] != healthy:
            self.health.append((time.monotonic(), healthy))

    def mark(self, what, change, fault):
        self.ill[what] += change
        text = f"{fault} {'begins' if change > 0 else 'ends'}: {' '.join(map(str, what))}"
        self.changes.append((time.monotonic(), text, self.ailing()))
        self.note()

    def ailing(self):
        return ", ".join(" ".join(map(str, what)) for what, count in sorted(self.ill.items())
                         if count) or "nothing"

    def between(self, a, b):
        """The links of a pair; the product uses one of them, the harness counts on neither."""
        return [self.links[a, b], self.links[b, a]]

    # What a fault on one direction or one pair does, and undoes.

    def hold(self, sender, receiver, change):
        self.mark(("pair", *sorted((sender, receiver))), change, f"hold {sender} to {receiver}")
        for link in self.between(sender, receiver):
            link.direction(sender).held += change
            link.update()

    def slow(self, a, b, seconds, change):
        self.mark(("pair", *sorted((a, b))), change, f"delay of {seconds} s")
        for link in self.between(a, b):
            for direction in (link.forth, link.back):
                direction.delay += seconds * change
            link.update()

    def cut(self, a, b, change):
        self.mark(("pair", *sorted((a, b))), change, "cut")
        for link in self.between(a, b):
            link.refusing += change
            link.reset()

    def reset(self, a, b):
        for link in self.between(a, b):
            link.reset()

    def check_running(self):
        """A node that ended without being told to is a failure, whatever the histories say."""
        for number, node in self.nodes.items():
            if number not in self.busy:
                node.check_running()

    # The faults.

    async def kill(self, count):
        """kill -9 of some nodes at once, and later their restart."""
        victims = self.free_nodes(count)
        for number in victims:
            self.mark(("node", number), +1, "kill")
            self.nodes[number].process.kill()
        try:
            for number in victims:
                await asyncio.to_thread(self.nodes[number].wait_until_gone)
            await self.last(0.1, 4)
        finally:
            for number in victims:
                self.nodes[number].wait_until_gone()
                self.nodes[number].start()
        await asyncio.gather(*(self.wait_until_serving(number) for number in victims))

    async def wait_until_serving(self, number):
        """A node that reads its log is no part of a majority yet; how long it takes is told."""
        begin = time.monotonic()
        while not self.nodes[number].serves():
            self.nodes[number].check_running()
            if time.monotonic() - begin > START_SECONDS:
                raise AssertionError(f"node {number} does not serve {START_SECONDS} s after its "
                                     f"start: {self.nodes[number].log_tail()}")
            await asyncio.sleep(0.02)
        self.longest_start = max(self.longest_start, time.monotonic() - begin)
        self.busy.discard(number)
        self.mark(("node", number), -1, "kill")

    async def pause(self, count, least=0.1, most=6):
        """SIGSTOP, and later SIGCONT."""
        victims = self.free_nodes(count)
        for number in victims:
            self.mark(("node", number), +1, "stop")
            self.nodes[number].process.send_signal(signal.SIGSTOP)
        try:
            await self.last(least, most)
        finally:
            for number in victims:
                self.nodes[number].process.send_signal(signal.SIGCONT)
                self.busy.discard(number)
                self.mark(("node", number), -1, "stop")

    async def hold_for_a_while(self, directions):
        for sender, receiver in directions:
            self.hold(sender, receiver, +1)
        try:
            await self.last(0.2, 8)
        finally:
            # The bytes of before arrive late, or the connection ends and they never do.
            lose = self.rng.random() < 0.5
            for sender, receiver in directions:
                if lose:
                    self.reset(sender, receiver)
                self.hold(sender, receiver, -1)

    async def isolate(self):
        """One node hears nobody and is heard by nobody."""
        one = self.any_node()
        await self.hold_for_a_while([way for other in self.others(one)
                                     for way in ((one, other), (other, one))])

    async def split_pair(self):
        a, b = self.any_pair()
        await self.hold_for_a_while([(a, b), (b, a)])

    async def deaf(self):
        """Asymmetric: one node is heard, and hears nobody."""
        one = self.any_node()
        await self.hold_for_a_while([(other, one) for other in self.others(one)])

    async def mute(self):
        """Asymmetric: one node hears, and is heard by nobody."""
        one = self.any_node()
        await self.hold_for_a_while([(one, other) for other in self.others(one)])

    async def one_way(self):
        """Asymmetric: of one pair, one direction."""
        a, b = self.any_pair()
        await self.hold_for_a_while([(a, b) if self.rng.random() < 0.5 else (b, a)])

    async def slow_links(self):
        """One pair, or all links of one node, with a delay."""
        if self.rng.random() < 0.5:
            pairs = [self.any_pair()]
        else:
            one = self.any_node()
            pairs = [(one, other) for other in self.others(one)]
        delay = self.rng.choice([0.005, 0.02, 0.1, 0.4])
        for a, b in pairs:
            self.slow(a, b, delay, +1)
        try:
            await self.last(1, 6)
        finally:
            for a, b in pairs:
                self.slow(a, b, delay, -1)

    async def cut_pair(self):
        """Connections of one pair end, and new ones are refused for a time."""
        a, b = self.any_pair()
        self.cut(a, b, +1)
        try:
            await self.last(0.1, 5)
        finally:
            self.cut(a, b, -1)

    async def reset_links(self):
        """Connections end in the middle of what they carry, several times; new ones are welcome."""
        a, b = self.any_pair()
        self.mark(("pair", a, b), +1, "resets")
        try:
            for _ in range(self.rng.randint(1, 5)):
                self.reset(a, b)
                await self.last(0.05, 0.7)
        finally:
            self.mark(("pair", a, b), -1, "resets")

    async def one(self):
        """Makes a random fault and waits until it is mended."""
        kind, make = self.rng.choices(
            [("kill one", lambda: self.kill(1)), ("kill two", lambda: self.kill(2)),
             ("kill all", lambda: self.kill(len(self.nodes))),
             ("pause one", lambda: self.pause(1)), ("pause two", lambda: self.pause(2)),
             # The others have noticed, and gone on, before it wakes up with old news.
             ("pause one for long", lambda: self.pause(1, *LONG_PAUSE_SECONDS)),
             ("isolate a node", self.isolate), ("split a pair", self.split_pair),
             ("deaf node", self.deaf), ("mute node", self.mute), ("one-way link", self.one_way),
             ("slow links", self.slow_links), ("cut link", self.cut_pair),
             ("reset links", self.reset_links)],
            weights=[6, 2, 2, 5, 1, 7, 4, 3, 3, 3, 3, 4, 4, 4])[0]
        count = {"kill one": 1, "kill two": 2, "kill all": len(self.nodes), "pause one": 1,
                 "pause two": 2, "pause one for long": 1}.get(kind, 0)
        if count > len(self.nodes) - len(self.busy):
            return
        self.faults[kind] += 1
        await make()

    # Choices.

    def free_nodes(self, count):
        """Some nodes that no other fault has stopped; they are this fault's from now on."""
        victims = self.rng.sample(sorted(set(self.nodes) - self.busy), count)
        self.busy.update(victims)
        return victims

    def any_node(self):
        return self.rng.choice(sorted(self.nodes))

    def any_pair(self):
        return self.rng.choice(self.pairs())

    def others(self, one):
        return [number for number in sorted(self.nodes) if number != one]

    async def last(self, least, most):
        await asyncio.sleep(self.rng.uniform(least, most))


class Stretches:
    """The times during which a majority was healthy."""

    def __init__(self, world, begin, end):
        until = [at for at, _ in world.health[1:]] + [end]
        self.world = world
        self.list = [(max(at, begin), min(stop, end))
                     for (at, healthy), stop in zip(world.health, until) if healthy]

    def seconds(self):
        return sum(stop - start for start, stop in self.list)

    def longest_gap(self, wins):
        """The longest time without a win within one of them: (seconds, when it began)."""
        longest = (0.0, 0.0)
        wins = sorted(wins)
        for start, stop in self.list:
            inside = wins[bisect.bisect_left(wins, start):bisect.bisect_right(wins, stop)]
            for last, following in zip([start] + inside, inside + [stop]):
                longest = max(longest, (following - last, last))
        return longest

    def count_at(self, times):
        """How many of the moments lie within one of them."""
        return self.count_inside((at, at) for at in times)

    def count_inside(self, calls):
        """How many of the (call, return) lie within one of them."""
        starts = [start for start, _ in self.list]
        count = 0
        for called, returned in calls:
            index = bisect.bisect_right(starts, called) - 1
            count += index >= 0 and returned <= self.list[index][1]
        return count

    def story(self, gap, begin):
        """What went on around a gap, in seconds from its beginning."""
        before = [ailing for at, _, ailing in self.world.changes if at <= begin]
        lines = [f"{at - begin:+.2f} {text}" for at, text, _ in self.world.changes
                 if begin - 2 <= at <= begin + gap]
        return f"ill at its begin: {before[-1] if before else 'nothing'}; " + "; ".join(lines)
