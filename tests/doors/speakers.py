"""One client at one door of one node: asks a Call, and takes what the answer says into it.

`perform` raises ConnectionError, OSError, EOFError or TimeoutError where no answer came: the
request may have been taken. An answer that docs/ does not promise is an AssertionError.
"""

import asyncio
import base64
import json
import random

import protocol
from cluster import check
from http_client import path_of, request
from resp_wire import command

TIMEOUT_S = 1  # of the node, where the door can say it; else it takes 5
OPERATIONS = {"write": protocol.WRITE, "read": protocol.READ, "set": protocol.SET,
              "cas": protocol.CAS, "seal": protocol.SEAL, "next": protocol.NEXT,
              "check": protocol.CHECK, "wait": protocol.WAIT}
NOTHING = ("unavailable", "overloaded", "not_yet")  # did not happen, and never will


class Native:
    """docs/protocol.md."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    async def open(self):
        self.connection = await protocol.Connection.open(self.port)

    async def close(self):
        if self.connection:
            await self.connection.close()

    @staticmethod
    def forms(action, _kind):
        return [action]

    @staticmethod
    def takes_id(_form):
        return True

    async def perform(self, call):
        identity = (int(call.id[:16], 16), int(call.id[16:], 16)) if call.id else None
        reply = await self.connection.request(
            OPERATIONS[call.action], call.name, call.value, TIMEOUT_S * 1000, identity, call.asked)
        call.outcome = protocol.STATUS_NAMES[reply.status]
        if call.outcome in NOTHING:
            call.outcome = "nothing"
        check(call.outcome not in ("invalid", "retired", "denied"), f"{call}: {reply}")
        if call.shows_state():
            call.version, call.sealed = reply.version, reply.sealed
            call.writer = "%016x%016x" % reply.writer
            if call.outcome != "done" or call.action in ("read", "wait", "check"):
                call.result = reply.value  # a change that is done may leave it out


class Streams:
    """What HTTP and RESP have in common: bytes over one connection."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port,
                                                                 limit=1 << 20)

    async def close(self):
        if self.writer:
            self.writer.close()

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()


class Http(Streams):
    """docs/http.md."""

    @staticmethod
    def forms(action, _kind):
        return [action, f"{action} with a key"] if action in (
            "write", "set", "cas", "seal", "next") else [action]

    @staticmethod
    def takes_id(form):
        return form.endswith("key")

    @staticmethod
    def request_of(call, as_json):
        path, fields, body = path_of(call.name), [f"Prefer: wait={TIMEOUT_S}"], None
        method = {"read": "GET", "wait": "GET"}.get(call.action, "POST")
        if call.action in ("write", "set", "cas"):
            method, body = "PUT", call.value
        if call.action == "write":
            fields.append("If-None-Match: *")
        elif call.action == "wait":
            fields.append(f'If-None-Match: "{call.asked}"')
        elif method == "POST":
            path += "/" + call.action
        if call.action == "cas" or call.action in ("seal", "check") and as_json:
            fields.append(f'If-Match: "{call.asked}"')
        elif call.action in ("seal", "check"):
            path += f"?{'version' if call.action == 'seal' else 'token'}={call.asked}"
        if call.id:
            fields.append(f'Idempotency-Key: "{call.id}"')
        if as_json:
            fields.append("Accept: application/json")
        return request(method, path, *fields, body=body)

    async def perform(self, call):
        await self.send(self.request_of(call, random.random() < 0.3))
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        fields = {name.lower(): value for name, value in
                  (line.split(": ", 1) for line in head[1:] if line)}
        size = 0 if status == 304 else int(fields["content-length"])
        self.take(call, status, fields, await self.reader.readexactly(size))
        if fields.get("connection") == "close":
            self.writer.close()

    @staticmethod
    def take(call, status, fields, body):
        outcome = fields.get("once-outcome")
        call.outcome = {"refused": fields.get("once-refused"), None: "none"}.get(outcome, outcome)
        if call.outcome in NOTHING or (call.outcome == "none" and status in (408, 503)):
            call.outcome = "nothing"
        check((call.outcome == "unknown") == (status == 504), f"{call}: {status} {fields}")
        if call.outcome == "unknown" and call.changes():
            told = fields["once-request-id"]
            check(call.id in (None, told), f"{call}: another id: {told}")
            call.id = told
        check(call.outcome in ("nothing", "unknown", "empty") or call.shows_state(),
              f"{call}: {status} {fields}")
        if call.shows_state():
            Http.take_state(call, status, fields, body)

    @staticmethod
    def take_state(call, status, fields, body):
        call.version = int(fields.get("etag", '"0"').strip('"'))
        call.sealed = fields.get("once-sealed", "false") == "true"
        call.writer = fields.get("once-writer", "0" * 32)
        # 200 is also for who says that he knows a version which the last one is not.
        if call.action == "wait" and call.outcome == "done" and call.version <= call.asked:
            check(call.sealed and call.version < call.asked, f"{call}: {fields}")
            call.outcome = "sealed"
        if call.outcome == "id_reused":
            return
        if fields.get("content-type") == "application/json":
            said = json.loads(body)
            check((said["version"], said["sealed"], said["writer"])
                  == (call.version, call.sealed, call.writer), f"{call}: {fields} {said}")
            body = (base64.b64decode(said["value_base64"]) if "value_base64" in said
                    else said.get("value", "").encode())
        if call.action == "next" and call.outcome == "done":
            check(body in (b"", b"%d\n" % call.version), f"{call}: {body}")
        elif status != 304 and (call.outcome != "done" or call.action in ("read", "wait")):
            call.result = body


class Resp(Streams):
    """docs/resp.md. What an answer does not say stays None."""

    version = 2

    async def open(self):
        await super().open()
        if self.version == 3:
            await self.send(command("HELLO", "3"))
            check("server" in {str(key, "ascii") for key in await self.take_reply()}, "HELLO 3")

    @staticmethod
    def forms(action, kind):
        """Plain commands, where what they do not tell can be told otherwise."""
        plain = kind in (b"switch", b"cell")
        return {"write": ["SET NX", "SET NX GET", "SETNX", "ONCE.WRITE", "ONCE.WRITE ID"],
                "read": ["ONCE.READ"] + ["GET"] * plain,
                "set": ["SET"] * plain,
                "cas": ["ONCE.CAS"] + ["SET IFEQ"] * plain,
                "seal": ["ONCE.SEAL"], "next": ["INCR", "INCRBY", "ONCE.NEXT"],
                "check": ["ONCE.CHECK"], "wait": ["ONCE.WAIT"]}[action]

    @staticmethod
    def takes_id(form):
        return form == "ONCE.WRITE ID"

    async def take_reply(self):
        line = (await self.reader.readuntil(b"\r\n"))[:-2]
        kind, rest = line[:1], line[1:]
        if kind in b"+":
            return rest
        if kind == b"-":
            return ValueError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"_" or rest == b"-1":
            return None
        if kind == b"$":
            return (await self.reader.readexactly(int(rest) + 2))[:-2]
        check(kind in b"*%", f"a reply: {line}")
        items = [await self.take_reply() for _ in range(int(rest) * (1 + (kind == b"%")))]
        return dict(zip(items[::2], items[1::2])) if kind == b"%" else items

    @staticmethod
    def words_of(call, old):
        name, value = call.name, call.value
        return {"SET NX": ("SET", name, value, "NX"), "SET": ("SET", name, value),
                "SET NX GET": ("SET", name, value, "NX", "GET"), "SETNX": ("SETNX", name, value),
                "ONCE.WRITE": ("ONCE.WRITE", name, value),
                "ONCE.WRITE ID": ("ONCE.WRITE", name, value, "ID", call.id),
                "GET": ("GET", name), "ONCE.READ": ("ONCE.READ", name),
                "ONCE.CAS": ("ONCE.CAS", name, call.asked, value),
                "SET IFEQ": ("SET", name, value, "IFEQ", old),
                "ONCE.SEAL": ("ONCE.SEAL", name, call.asked), "INCR": ("INCR", name),
                "INCRBY": ("INCRBY", name, 1), "ONCE.NEXT": ("ONCE.NEXT", name),
                "ONCE.CHECK": ("ONCE.CHECK", name, call.asked),
                "ONCE.WAIT": ("ONCE.WAIT", name, call.asked, TIMEOUT_S * 1000)}[call.form]

    async def perform(self, call):
        await self.send(command(*self.words_of(call, call.old)))
        reply = await self.take_reply()
        if isinstance(reply, ValueError):
            self.take_error(call, str(reply))
        else:
            self.take(call, reply)

    @staticmethod
    def take_error(call, text):
        word = text.split()[0]
        call.outcome = {"UNKNOWN": "unknown", "CLUSTERDOWN": "nothing", "TRYAGAIN": "nothing",
                        "LOADING": "nothing", "SEALED": "sealed", "CONFLICT": "conflict"}.get(word)
        check(call.outcome, f"{call}: {text}")
        if word == "CONFLICT":
            call.version = int(text.split()[2])

    @staticmethod
    def take(call, reply):
        if call.form in ("ONCE.READ", "ONCE.WAIT", "ONCE.WRITE", "ONCE.WRITE ID"):
            return Resp.take_map(call, reply)
        call.outcome = "done"
        if call.form in ("SET NX", "SETNX"):
            check(reply in (b"OK", None) if call.form == "SET NX" else reply in (0, 1), f"{reply}")
            call.outcome = "done" if reply in (b"OK", 1) else "already_set"
        elif call.form == "SET NX GET":
            call.outcome = "done" if reply is None else "already_set"
            call.result = reply
        elif call.form == "GET":
            call.outcome = "empty" if reply is None else "done"
            call.result = reply
        elif call.form == "SET":
            check(reply == b"OK", f"{call}: {reply}")
        elif call.form == "SET IFEQ":
            check(reply in (b"OK", None), f"{call}: {reply}")
            call.outcome = "done" if reply else "nothing"  # what stands there is not said
        elif call.form == "ONCE.CHECK":
            check(reply in (0, 1), f"{call}: {reply}")
            call.outcome = "done" if reply else "nothing"  # nor here
        else:
            check(isinstance(reply, int) and reply > 0, f"{call}: {reply}")
            call.version = reply

    @staticmethod
    def take_map(call, reply):
        if reply is None:
            call.outcome = "empty" if call.form == "ONCE.READ" else "nothing"
            return
        if isinstance(reply, list):
            reply = dict(zip(reply[::2], reply[1::2]))
        won = reply.get(b"won", True)
        call.outcome = "done" if won else "already_set"
        call.version, call.sealed = reply[b"version"], bool(reply[b"sealed"])
        call.writer = reply[b"writer"].decode()
        # Who has won has sent it himself.
        check((b"value" in reply) == (b"won" not in reply or not won), f"{call}: {reply}")
        call.result = reply.get(b"value")


class Resp3(Resp):
    version = 3


DOORS = {"once": Native, "http": Http, "resp2": Resp, "resp3": Resp3}
