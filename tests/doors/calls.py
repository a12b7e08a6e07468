"""What a client saw of one operation, and a history of them as tests/check/history_file.h has it.

A door tells less than a history wants to know: None stands for what was not told, until joining.py
has put together what all doors told.
"""

import dataclasses
import secrets

TAKES_VALUE = ("write", "set", "cas")
TAKES_VERSION = ("cas", "seal", "check", "wait")
CHANGES = ("write", "set", "cas", "seal", "next")
REFUSALS = ("already_set", "conflict", "sealed", "id_reused")


def new_id():
    """32 hex digits, never all 0."""
    return secrets.token_hex(15) + "%02x" % (1 + secrets.randbelow(255))


@dataclasses.dataclass
class Call:
    client: int
    door: str
    form: str               # the words that the door has for it
    action: str
    name: bytes
    value: bytes = b""      # what it proposes
    asked: int = 0
    old: bytes = None       # of SET IFEQ: the value of the version that is asked for
    id: str = None          # None: the node draws it
    call_ns: int = 0
    return_ns: int = 0
    outcome: str = "unknown"
    version: int = None
    sealed: bool = None
    writer: str = None
    result: bytes = None
    attempts: int = 1

    def changes(self):
        return self.action in CHANGES

    def shows_state(self):
        return self.outcome == "done" or self.outcome in REFUSALS

    def shows_value(self):
        kept = self.action in ("next", "seal") and self.outcome == "done"
        return self.shows_state() and not kept

    def again(self, client, door, form):
        """The same request, asked by somebody else at another door."""
        return Call(client, door, form, self.action, self.name, self.value, self.asked,
                    id=self.id, attempts=self.attempts + 1)

    def copy(self, **changed):
        return dataclasses.replace(self, **changed)


def escaped(data):
    return "".join(chr(byte) if 0x20 < byte < 0x7f and byte != 0x25 else "%%%02x" % byte
                   for byte in data)


def to_line(call):
    words = [str(call.client), call.action, f"name={escaped(call.name)}"]
    if call.changes():
        words.append(f"id={call.id}")
    if call.action in TAKES_VERSION:
        words.append(f"asked={call.asked}")
    if call.action in TAKES_VALUE:
        words.append(f"value={escaped(call.value)}")
    words += [f"call={call.call_ns}", f"return={call.return_ns}", call.outcome]
    if call.shows_state():
        words += [f"version={call.version}", f"sealed={int(call.sealed)}", f"writer={call.writer}"]
    if call.shows_value():
        words.append(f"result={escaped(call.result)}")
    return " ".join(words)


def save_history(calls, path):
    lines = ["once-history 2", *map(to_line, calls), f"end {len(calls)}"]
    path.write_text("\n".join(lines) + "\n")
