"""The protocol between nodes, as far as a stranger needs it: greetings, and frames of messages."""

import ctypes
import ctypes.util
import dataclasses
import socket
import struct

_xxhash = ctypes.CDLL(ctypes.util.find_library("xxhash"))
_xxhash.XXH3_64bits_withSeed.restype = ctypes.c_uint64
_xxhash.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]

(PREPARE, PROMISE, ACCEPT, ACCEPTED, ACCEPTED_RANGE, REJECTED, READ_STATE, READ_REPLY,
 HOME_PROGRESS, CHOSEN_RANGE, DECIDED, CLAIM_HOME) = range(1, 13)
PING, PONG = 200, 201
MAGIC = b"ONCEPEER"
HELLO, REFUSAL, OTHER_DISK = 1, 2, 3
SEALED_BY_WRITE = 1 << 1 | 1


def hash_of(data, seed=0):
    return _xxhash.XXH3_64bits_withSeed(data, len(data), seed)


def home_slot(name, seed, members):
    return ((hash_of(name, seed) & 0xffffffff) * members) >> 32


def frame(content):
    return struct.pack("<IQ", 8 + len(content), hash_of(content)) + content


def uuid(text):
    """As it stands in files: high and low in hex."""
    return struct.pack("<QQ", int(text[:16], 16), int(text[16:], 16))


@dataclasses.dataclass
class Hello:
    cluster: str
    disk: str
    seed: int
    node: int
    target: int
    incarnation: int
    client_address: str
    members: tuple = (1, 2, 3)  # by slot
    version: int = 4
    shards: int = 64
    core: int = 0
    cores: int = 1

    def frame(self):
        address = self.client_address.encode()
        body = bytes((1, 1, 0, 0)) + uuid(self.cluster) + uuid(self.disk) + struct.pack(
            "<QQHHHHHHI", 1, self.seed, self.shards, self.node, self.core, self.cores, 0,
            self.target, self.incarnation)
        body += struct.pack("<H", len(address)) + address
        body += struct.pack("<H", len(self.members))
        body += b"".join(struct.pack("<H", node) for node in self.members) + struct.pack("<H", 0)
        return frame(MAGIC + struct.pack("<BBH", HELLO, 0, self.version) + body)


def ballot(round_, node, incarnation):
    return struct.pack("<IIH", round_, incarnation, node)


def named(name):
    return struct.pack("<H", len(name)) + name


def message(kind, body):
    return struct.pack("<I", kind | len(body) << 8) + body


def prepare(op, at, name):
    return message(PREPARE, struct.pack("<Q", op) + at + named(name))


def accept(op, at, name, value, writer, version=1, making=SEALED_BY_WRITE):
    state = struct.pack("<QBQQI", version, making, *writer, len(value)) + value
    return message(ACCEPT, struct.pack("<Q", op) + at + named(name) + state)


def decided(at, version, name):
    return message(DECIDED, at + struct.pack("<Q", version) + named(name))


def claim(incarnation):
    return message(CLAIM_HOME, struct.pack("<IQQ", incarnation, 0, 0))


def progress(incarnation, durable):
    return message(HOME_PROGRESS, struct.pack("<IQ", incarnation, durable))


def chosen(incarnation, first, last):
    return message(CHOSEN_RANGE, struct.pack("<IQQ", incarnation, first, last))


class Stranger:
    """A connection to a peer port."""

    def __init__(self, port, timeout=5):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.seen = b""

    def close(self):
        self.socket.close()

    def _take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        self.seen += data
        return data

    def receive(self):
        """The content of the next frame; None: the other side has closed."""
        try:
            length, = struct.unpack("<I", self._take(4))
            return self._take(length)[8:]
        except ConnectionError:
            return None

    def greet(self, hello):
        """The kind of the answer, and what follows the header of a greeting."""
        self.socket.sendall(hello.frame())
        content = self.receive()
        if content is None:
            return None, b""
        assert content.startswith(MAGIC), content
        return content[8], content[12:]

    def say(self, *messages):
        self.socket.sendall(frame(b"".join(messages)))

    def is_heard(self):
        """The node has taken all that was said: it answers a ping behind it."""
        self.say(message(PING, struct.pack("<q", 77)))
        while True:
            content = self.receive()
            if content is None:
                return False
            while content:
                header, = struct.unpack_from("<I", content)
                if header & 0xff == PONG and struct.unpack_from("<q", content, 4)[0] == 77:
                    return True
                content = content[4 + (header >> 8):]
