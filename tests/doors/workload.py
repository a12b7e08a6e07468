"""Clients at all doors at once, on the same names, and the history of what they saw.

Kinds of names: `switch` is written once; `cell` has set and cas; `counter` gives numbers; `var` has
everything, and is sealed at last. Some are few and hot, others many.
"""

import asyncio
import random
import time

from calls import TAKES_VALUE, TAKES_VERSION, Call, new_id
from speakers import DOORS

LOST = (OSError, EOFError, asyncio.TimeoutError)
OPEN_SECONDS = 1.5
PATIENCE_SECONDS = (2.5, 7)  # of clients, by turns: some outlast what a node tries, some do not
ERA_SECONDS = 2.0            # how long a hot switch or var is used
MAX_ATTEMPTS = 4             # of one request id
RETRY_CHANCE = {"unknown": 0.8, "nothing": 0.3}
KINDS = {b"switch": 40, b"cell": 25, b"counter": 20, b"var": 15}
ACTIONS = {b"switch": {"write": 50, "read": 44, "wait": 6},
           b"cell": {"set": 30, "cas": 35, "read": 35},
           b"counter": {"next": 45, "check": 25, "read": 20, "set": 5, "wait": 5},
           b"var": {"set": 15, "cas": 30, "seal": 4, "read": 30, "check": 11, "wait": 10}}
ODD = b" %\r\n\0\xff/?#"  # bytes that each door has a way to carry


def drawn(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


class Workload:
    def __init__(self, cluster, rng, rate, clients_of_a_door):
        self.rng = rng
        self.calls = []
        self.newest = {}   # name -> (version, value) of the newest state that any door showed
        self.retries = []
        self.begin = time.monotonic()
        self.stopped = False
        self.values = 0
        self.head = 0      # fresh switches are drawn from around it
        self.clients = []
        for node in cluster.nodes:
            for door, speaker in DOORS.items():
                for _ in range(clients_of_a_door):
                    number = len(self.clients)
                    self.clients.append(Client(self, number, door, speaker, node))
        self.pause = 2 * len(self.clients) / rate

    async def run(self):
        await asyncio.gather(*(client.run() for client in self.clients))

    def remember(self, call):
        if call.version and call.shows_state():
            own = call.outcome == "done" and call.action in TAKES_VALUE
            value = call.value if own else call.result
            if call.version >= self.newest.get(call.name, (0, None))[0]:
                self.newest[call.name] = (call.version, value)

    def take(self, call):
        self.calls.append(call)
        self.remember(call)
        if not call.id or call.action not in ("write", "cas", "seal"):
            return
        chance = RETRY_CHANCE.get(call.outcome, 0.03)
        if call.attempts < MAX_ATTEMPTS and self.rng.random() < chance:
            self.retries.append(call)

    # Choices.

    def new_name(self, kind):
        era = int((time.monotonic() - self.begin) / ERA_SECONDS)
        if kind in (b"cell", b"counter"):
            return b"%s-%d" % (kind, self.rng.randrange(4))
        if kind == b"var" or self.rng.random() < 0.4:
            return b"%s-hot%s-%d-%d" % (kind, ODD, era, self.rng.randrange(4))
        self.head += self.rng.random() < 0.2
        return b"switch-%d" % max(0, self.head - self.rng.randrange(30))

    def new_value(self):
        self.values += 1
        tail = self.rng.choice([b"", b"-plain", ODD, b"\xc3\xa4", b"x" * self.rng.randrange(300)])
        return b"v%d" % self.values + tail

    def new_call(self, client):
        """None: this door has no such operation for such a name."""
        kind = drawn(self.rng, KINDS)
        action = drawn(self.rng, ACTIONS[kind])
        forms = client.speaker.forms(action, kind)
        if not forms:
            return None
        call = Call(client.number, client.door, self.rng.choice(forms), action,
                    self.new_name(kind))
        if action in TAKES_VALUE:
            call.value = self.new_value()
        version, call.old = self.newest.get(call.name, (0, None))
        if action in TAKES_VERSION:
            call.asked = max(0, version + self.rng.choice([0, 0, 0, 0, -1, 1]))
        if call.form == "SET IFEQ":
            call.asked = version
            if call.old is None:
                call.form = "ONCE.CAS"
        if client.speaker.takes_id(call.form):
            call.id = new_id()
        return call

    def next_call(self, client):
        """Now and then what somebody else has asked, with its id, through whatever door."""
        for old in self.retries[:8]:
            forms = [form for form in client.speaker.forms(old.action, old.name.split(b"-")[0])
                     if client.speaker.takes_id(form)]
            if forms:
                self.retries.remove(old)
                return old.again(client.number, client.door, forms[0])
        return self.new_call(client)

    # When everything is healed.

    def names(self):
        return sorted({call.name for call in self.calls})

    async def read_back(self, seconds):
        """Each name once, through all doors by turns; how many nobody could read."""
        end = time.monotonic() + seconds
        names = self.names()
        rounds = iter(range(len(names) * 50))

        async def read_some(client):
            while names and time.monotonic() < end and next(rounds, None) is not None:
                name = names.pop()
                form = "ONCE.READ" if client.door.startswith("resp") else "read"
                call = Call(client.number, client.door, form, "read", name)
                await client.ask(call)
                if call.outcome not in ("done", "empty"):
                    names.append(name)
                    await asyncio.sleep(0.1)

        await asyncio.gather(*(read_some(client) for client in self.clients))
        return len(names)

    async def close(self):
        for client in self.clients:
            await client.close()


class Client:
    """Asks one node alone, through one door, one thing after the other."""

    def __init__(self, load, number, door, speaker, node):
        self.load = load
        self.number = number
        self.door = door
        self.speaker = speaker
        self.node = node
        self.patience = PATIENCE_SECONDS[number % 2]
        self.open = None

    async def run(self):
        while not self.load.stopped:
            await asyncio.sleep(self.load.rng.uniform(0, self.load.pause))
            if not await self.is_connected():
                await asyncio.sleep(0.1)
                continue
            call = self.load.next_call(self)
            if call:
                await self.ask(call)

    async def is_connected(self):
        if self.open:
            return True
        speaker = self.speaker(self.node.client_port)
        try:
            await asyncio.wait_for(speaker.open(), OPEN_SECONDS)
        except LOST:
            await speaker.close()
            return False
        self.open = speaker
        return True

    async def ask(self, call):
        """What was sent and not answered is unknown, whatever the reason."""
        if not await self.is_connected():
            return
        call.call_ns = time.monotonic_ns()
        try:
            await asyncio.wait_for(self.open.perform(call), self.patience)
        except LOST:
            call.outcome = "unknown"
            await self.close()
        call.return_ns = time.monotonic_ns()
        self.load.take(call)

    async def close(self):
        if self.open:
            speaker, self.open = self.open, None
            await speaker.close()
