"""Clients of the HTTP door for the system tests: curl, and raw sockets that say any bytes."""

import dataclasses
import socket
import subprocess
import urllib.parse

from cluster import check, check_equal


@dataclasses.dataclass
class Answer:
    status: int
    fields: dict  # by lower-case name
    body: bytes


def take_answer(data, head_only=False):
    """The first answer, and what follows it."""
    head, end, rest = data.partition(b"\r\n\r\n")
    check(end, f"a whole head: {data[:200]!r}")
    first, *lines = head.decode("latin-1").split("\r\n")
    check(first.startswith("HTTP/1.1 "), f"a status line: {first!r}")
    fields = dict(line.split(": ", 1) for line in lines)
    fields = {name.lower(): value for name, value in fields.items()}
    status = int(first.split()[1])
    size = 0 if head_only or status in (100, 204, 304) else int(fields["content-length"])
    check(len(rest) >= size, f"a whole body of {size}: {rest[:200]!r}")
    return Answer(status, fields, rest[:size]), rest[size:]


def all_answers(data):
    answers = []
    while data:
        answer, data = take_answer(data)
        answers.append(answer)
    return answers


def is_whole(data):
    """One answer of a change is there."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    size = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
    return len(body) >= int(size)


def path_of(name):
    return "/v1/names/" + urllib.parse.quote(name, safe="")


def curl(node, method, path, *fields, body=None, extra=(), port=None):
    """What curl got; a body goes in by a file, as it is."""
    command = ["curl", "-sS", "-i", "--max-time", "70", "--path-as-is", *extra]
    if method == "HEAD":
        command.append("--head")
    elif method != "GET":
        command += ["-X", method]
    for field in fields:
        command += ["-H", field]
    if body is not None:
        command += ["--data-binary", "@-"]
    command.append(f"http://127.0.0.1:{port or node.client_port}{path}")
    done = subprocess.run(command, input=body, capture_output=True, timeout=90)
    check_equal(done.returncode, 0, f"curl {method} {path}: {done.stderr!r}")
    data = done.stdout
    answers = []
    while data:  # several with --retry
        answer, data = take_answer(data, method == "HEAD")
        answers.append(answer)
    return answers[-1]


def connect(node):
    return socket.create_connection(("127.0.0.1", node.client_port), timeout=50)


def until_the_end(connection):
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


def say(node, data, hang_up=False):
    """All that comes back until the node closes."""
    with connect(node) as connection:
        connection.sendall(data)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        return until_the_end(connection)


def request(method, path, *fields, body=None, version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")
