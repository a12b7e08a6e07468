"""A client of the binary protocol, written from docs/protocol.md alone.

One asyncio connection with many requests in flight; replies are matched by correlation.
"""

import asyncio
import dataclasses
import secrets
import struct

CLIENT_HELLO, SERVER_HELLO, REQUEST, REPLY, STATUS_REQUEST, STATUS_REPLY, ERROR = range(1, 8)
WRITE, READ, SET, CAS, SEAL, NEXT, CHECK, WAIT = range(1, 9)
TAKES_VERSION = (CAS, SEAL, CHECK, WAIT)
(DONE, EMPTY, ALREADY_SET, UNKNOWN, UNAVAILABLE, OVERLOADED, INVALID, CONFLICT, SEALED, ID_REUSED,
 NOT_YET, RETIRED, DENIED) = range(13)
STATUS_NAMES = ("done", "empty", "already_set", "unknown", "unavailable", "overloaded", "invalid",
                "conflict", "sealed", "id_reused", "not_yet", "retired", "denied")

VERSION = 2
HEADER = struct.Struct("<IB3xQ")  # length of what follows the length field, type, correlation
LENGTH_BYTES = 4
ANY_CORE = 0xFFFF
CLIENT_HELLO_BODY = struct.Struct("<HH4xQQ")  # version, core, 0, cluster high, cluster low
REQUEST_BODY = struct.Struct("<BBHIIQQ")     # operation, 0, name size, value size, timeout, id
REPLY_BODY = struct.Struct("<BBHIQQQ")       # status, sealed, 0, value size, version, writer


@dataclasses.dataclass
class Reply:
    status: int
    sealed: bool
    version: int
    writer: tuple
    value: bytes

    def __str__(self):
        return f"{STATUS_NAMES[self.status]} version={self.version} writer={self.writer}"


def frame(kind, correlation, body):
    return HEADER.pack(HEADER.size - LENGTH_BYTES + len(body), kind, correlation) + body


def hello_frame(version=VERSION, cluster=(0, 0)):
    return frame(CLIENT_HELLO, 0, CLIENT_HELLO_BODY.pack(version, ANY_CORE, *cluster))


def request_frame(correlation, operation, name, value=b"", timeout_ms=5000, identity=(0, 0),
                  version=0):
    fixed = REQUEST_BODY.pack(operation, 0, len(name), len(value), timeout_ms, *identity)
    if operation in TAKES_VERSION:
        fixed += struct.pack("<Q", version)
    return frame(REQUEST, correlation, fixed + name + value)


def parse_reply(body):
    status, sealed, zero, size, version, high, low = REPLY_BODY.unpack_from(body)
    value = body[REPLY_BODY.size:]
    if zero != 0 or sealed > 1 or len(value) != size or status > DENIED:
        raise AssertionError(f"malformed reply {body[:REPLY_BODY.size].hex()}")
    return Reply(status, bool(sealed), version, (high, low), value)


def members_by_slot(hello):
    """Of the body of a server hello: the hash seed, and the node number in each slot."""
    version, = struct.unpack_from("<H", hello)
    if version != VERSION:
        raise AssertionError(f"a server hello of version {version}")
    seed, count = struct.unpack_from("<QH", hello, 32)
    nodes, at = [], 48
    for _ in range(count):
        node, _, address = struct.unpack_from("<HHH", hello, at)
        nodes.append(node)
        at += 6 + address
    return seed, nodes


def new_identity():
    """128 fresh bits of the kernel, never (0, 0): that is no id."""
    identity = (0, 0)
    while identity == (0, 0):
        identity = (secrets.randbits(64), secrets.randbits(64))
    return identity


class Connection:
    """Lost connections raise ConnectionError at every waiting request: its outcome is unknown."""

    @classmethod
    async def open(cls, port, host="127.0.0.1"):
        self = cls()
        self.closed = False
        self.waiting = {}
        self.next_correlation = 1
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection(host, port), timeout=10)
        self.writer.write(hello_frame())
        kind, _, body = await asyncio.wait_for(self.read_frame(), timeout=10)
        if kind != SERVER_HELLO:
            self.writer.close()
            raise ConnectionError(f"no server hello but type {kind}: {body!r}")
        self.server_hello = body
        self.pump = asyncio.create_task(self.read_replies())
        return self

    async def read_frame(self):
        try:
            length, kind, correlation = HEADER.unpack(await self.reader.readexactly(HEADER.size))
            body = await self.reader.readexactly(length - (HEADER.size - LENGTH_BYTES))
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ConnectionError(str(error)) from error
        return kind, correlation, body

    async def read_replies(self):
        error = ConnectionError("closed")
        try:
            while True:
                kind, correlation, body = await self.read_frame()
                if kind == ERROR:
                    raise ConnectionError(f"error frame: {body!r}")
                if kind != REPLY:
                    raise AssertionError(f"unexpected frame {kind}: {body!r}")
                reply = parse_reply(body)
                waiter = self.waiting.pop(correlation, None)
                if waiter is not None and not waiter.done():
                    waiter.set_result(reply)
        except (ConnectionError, AssertionError) as lost:
            error = lost
        finally:
            self.closed = True
            for waiter in self.waiting.values():
                if not waiter.done():
                    waiter.set_exception(error)
            self.waiting.clear()

    async def request(self, operation, name, value=b"", timeout_ms=5000, identity=None,
                      version=0):
        """The reply. Raises TimeoutError when the server misses its deadline by 5 s."""
        if self.closed:
            raise ConnectionError("closed")
        correlation = self.next_correlation
        self.next_correlation += 1
        waiter = asyncio.get_running_loop().create_future()
        self.waiting[correlation] = waiter
        self.writer.write(request_frame(correlation, operation, name, value, timeout_ms,
                                        identity or new_identity(), version))
        return await asyncio.wait_for(waiter, timeout_ms / 1000 + 5)

    async def drain(self):
        await self.writer.drain()

    async def write(self, name, value, identity=None, timeout_ms=5000):
        return await self.request(WRITE, name, value, timeout_ms, identity)

    async def read(self, name, timeout_ms=5000):
        return await self.request(READ, name, b"", timeout_ms)

    async def close(self):
        self.closed = True
        self.pump.cancel()
        self.writer.close()
