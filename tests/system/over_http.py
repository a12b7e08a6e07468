#!/usr/bin/env python3
"""The HTTP door of real nodes: every operation by curl, what must not get through by raw sockets,
names and values of any bytes, lost nodes, lost answers, many requests on a few connections."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import protocol
from cluster import DONE, EMPTY, Cluster, check, check_equal, options, run_steps, wait_for
from http_client import (all_answers, connect, curl, is_whole, path_of, request, say,
                         take_answer, until_the_end)
from lossy_proxy import LossyProxy

ONCE = "If-None-Match: *"


def outcome(answer):
    return answer.status, answer.fields.get("once-outcome"), answer.fields.get("once-refused")


def operations(cluster):
    node, other = cluster.nodes[:2]
    job = path_of("job-1")
    got = curl(node, "PUT", job, ONCE, body=b"node-a")
    check_equal((outcome(got), got.body), ((201, "done", None), b""), "the first write")
    check_equal((got.fields["etag"], got.fields["once-sealed"]), ('"1"', "true"), "its state")
    lost = curl(other, "PUT", job, ONCE, body=b"node-b")
    check_equal((outcome(lost), lost.body), ((412, "refused", "already_set"), b"node-a"), "lost")
    check_equal(lost.fields["once-writer"], got.fields["once-writer"], "who won")
    for at in cluster.nodes:
        read = curl(at, "GET", job)
        check_equal((outcome(read), read.body), ((200, "done", None), b"node-a"), "read")
        check_equal(read.fields["content-type"], "application/octet-stream", "bytes")
        check_equal(read.fields["x-content-type-options"], "nosniff", "they stay bytes")
    check_equal(curl(node, "HEAD", job).fields["content-length"], "6", "HEAD")
    check_equal(outcome(curl(node, "GET", path_of("nobody"))), (404, "empty", None), "empty")
    check_equal(outcome(curl(node, "PUT", job, body=b"x")), (409, "refused", "sealed"), "set")

    colour = path_of("colour")
    check_equal(outcome(curl(node, "PUT", colour, body=b"red")), (200, "done", None), "set")
    got = curl(other, "PUT", colour, 'If-Match: "1"', body=b"blue")
    check_equal((outcome(got), got.fields["etag"]), ((200, "done", None), '"2"'), "cas")
    got = curl(node, "PUT", colour, 'If-Match: "1"', body=b"green")
    check_equal((outcome(got), got.body, got.fields["etag"]),
                ((412, "refused", "conflict"), b"blue", '"2"'), "a late cas")
    got = curl(node, "GET", colour, 'If-None-Match: "2"')
    check_equal((got.status, got.body), (304, b""), "known")
    check_equal(curl(node, "GET", colour, 'If-None-Match: "1"').body, b"blue", "not known")
    check_equal(outcome(curl(node, "POST", colour + "/seal?version=1")),
                (409, "refused", "conflict"), "seal of another version")
    check_equal(outcome(curl(node, "POST", colour + "/seal", 'If-Match: "2"')),
                (200, "done", None), "seal")
    check_equal(outcome(curl(node, "PUT", colour, 'If-Match: "2"', body=b"x")),
                (412, "refused", "sealed"), "cas of a sealed name")

    tickets = path_of("tickets")
    for number in (b"1\n", b"2\n"):
        check_equal(curl(other, "POST", tickets + "/next").body, number, "next")
    check_equal(outcome(curl(node, "POST", tickets + "/check?token=2")), (200, "done", None),
                "check")
    check_equal(outcome(curl(node, "POST", tickets + "/check?token=1")),
                (409, "refused", "conflict"), "an old token")
    shown = curl(node, "GET", colour, "Accept: application/json")
    check_equal(shown.fields["content-type"], "application/json", "JSON")
    told = json.loads(cluster.run("read", "colour", json_output=True).stdout)
    mine = json.loads(shown.body)
    check_equal(mine, told, "as `once --json read` has it")
    for method, tail, words, body in (
            ("PUT", "", ("write", "v"), b"v"), ("PUT", "", ("write", "v"), b"v"),
            ("POST", "/next", ("next",), None), ("POST", "/check?token=1", ("check", "1"), None),
            ("POST", "/check?token=9", ("check", "9"), None)):
        kind = "number" if body is None else "made"
        told = json.loads(cluster.run(words[0], f"{kind}-1", *words[1:], json_output=True).stdout)
        mine = json.loads(curl(node, method, path_of(f"{kind}-2") + tail,
                               *([ONCE] if body else []), "Accept: application/json",
                               body=body).body)
        told.pop("message", None)  # for people
        check_equal(list(mine), list(told), f"the members of {words}")
        for key in ("outcome", "refusal", "version", "sealed", "value"):
            check_equal(mine.get(key), told.get(key), f"{key} of {words}")
        check_equal(mine["request_id"] == mine["writer"], told["request_id"] == told["writer"],
                    f"who made it: {words}")
    problem = json.loads(curl(node, "GET", path_of("nobody"), "Accept: application/json").body)
    told = json.loads(cluster.run("read", "nobody", json_output=True).stdout)
    check_equal((problem["outcome"], problem["name"]), (told["outcome"], told["name"]), "empty")
    got = curl(node, "OPTIONS", tickets + "/next")
    check_equal((got.status, got.fields["allow"]), (204, "POST, OPTIONS"), "OPTIONS")
    check_equal(curl(node, "DELETE", colour).status, 405, "nothing is deleted")
    check_equal(curl(node, "GET", "/nothing").status, 404, "nothing there")
    check_equal(curl(node, "GET", path_of("_secret")).status, 400, "names of the system")
    check(b"curl" in curl(node, "GET", "/").body, "help")
    check(curl(node, "GET", "/version").body.strip(), "the version")
    check_equal(curl(node, "GET", "/metrics").fields["content-type"],
                "text/plain; version=0.0.4; charset=utf-8", "metrics")
    for path in ("/livez", "/readyz"):
        got = curl(node, "GET", path)
        check_equal((got.status, got.body), (200, b"ok\n"), path)
        check(len(curl(node, "GET", path + "?verbose").body) > 5, f"{path} in words")


def waits(cluster):
    node, other = cluster.nodes[:2]
    name = path_of("news")
    late = curl(node, "GET", name, 'If-None-Match: "0"', "Prefer: wait=1")
    check_equal(outcome(late), (304, "not_yet", None), "nothing came")
    check_equal(late.fields["preference-applied"], "wait=1", "it was waited")
    with connect(node) as connection, connect(node) as free:
        # The wait holds up what stands behind it on its own connection, and nothing else.
        connection.sendall(request("GET", name, 'If-None-Match: "0"', "Prefer: wait=30") +
                           request("GET", "/version", "Connection: close"))
        free.sendall(request("GET", "/version", "Connection: close"))
        check_equal(len(all_answers(until_the_end(free))), 1, "others are served")
        connection.settimeout(0.5)
        try:
            check(not connection.recv(1), "the wait holds up what stands behind it")
        except TimeoutError:
            pass
        connection.settimeout(40)
        check_equal(curl(other, "PUT", name, ONCE, body=b"ready").status, 201, "the news")
        got = all_answers(until_the_end(connection))
    check_equal([answer.status for answer in got], [200, 200], "in the order of the requests")
    check_equal(got[0].body, b"ready", "the news")
    sealed = curl(node, "GET", name, 'If-None-Match: "1"', "Prefer: wait=30")
    check_equal((outcome(sealed), sealed.fields["once-sealed"]),
                ((304, "refused", "sealed"), "true"), "nothing newer ever comes: at once")


def smuggling(cluster):
    """One refusal, the end, and not a byte behind it was taken for a request."""
    node = cluster.nodes[0]
    hidden = request("PUT", path_of("smuggled"), body=b"x")
    size = str(len(hidden))

    def put(*fields):
        return request("PUT", path_of("carrier"), *fields)

    cases = [
        (400, put(f"Content-Length: {size}", "Content-Length: 0") + hidden),
        (400, put("Content-Length: 0", f"Content-Length: {size}") + hidden),
        (400, put("Content-Length: 0", "Content-Length: 0") + hidden),
        (400, put("Content-Length: 0, 0") + hidden),
        (400, put("Content-Length: 0", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + hidden),
        (400, put("Transfer-Encoding: chunked", f"Content-Length: {size}") + b"0\r\n\r\n" + hidden),
        (501, put("Transfer-Encoding: chunked") + b"0\r\n\r\n" + hidden),
        (400, put("Transfer-Encoding : chunked") + b"0\r\n\r\n" + hidden),
        (501, put("Transfer-Encoding: xchunked") + hidden),
        (400, put("Content-Length: +0") + hidden),
        (400, put("X: a\r\n Content-Length: 0") + hidden),
        (400, put("X: a\rContent-Length: 0") + hidden),
        (400, put("X: a\nContent-Length: 0") + hidden),
        (400, put("X: a\0b") + hidden),
        (400, request("GET", "/").replace(b"\r\n", b"\n") + hidden),
        (400, b"GET /  HTTP/1.1\r\nHost: localhost\r\n\r\n" + hidden),
        (400, b"GET / HTTP/1.1\r\n\r\n" + hidden),
        (400, b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n" + hidden),
        (505, b"GET / HTTP/1.3\r\nHost: localhost\r\n\r\n" + hidden),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden),
        (414, b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n"),
        (431, request("GET", "/")[:-2] + b"X: " + b"x" * 100_000),
        (431, request("GET", "/")[:-2] + b"X: y\r\n" * 20_000),
        (413, put("Content-Length: 65537")),
        (413, put("Content-Length: 99999999999999999999999")),
        (413, put("Content-Length: 200000") + b"x" * 200_000),
        (417, put("Content-Length: 1", "Expect: a-miracle")),
        (400, request("PUT", path_of("a") + "%", "Content-Length: 1", "Expect: 100-continue")),
    ]
    for status, data in cases:
        for first in (b"", request("GET", "/version")):
            what = (first + data)[:200]
            got = all_answers(say(node, first + data))
            wanted = [200, status] if first else [status]
            if data[:3] == b"PRI" and not first:
                wanted = [505]
            check_equal([answer.status for answer in got], wanted, f"{what!r}")
            check_equal(got[-1].fields["connection"], "close", f"{what!r}")
            check(got[-1].body.strip(), f"it says why: {what!r}")
    for name in ("smuggled", "carrier"):
        check_equal(cluster.run("read", name).returncode, EMPTY, f"nobody wrote {name}")


def early_refusals(cluster):
    """Who still sends when he is refused reads why: the connection does not break in his hands."""
    node = cluster.nodes[0]

    def pieces(count, size):
        return (b"x" * size for _ in range(count))

    for turn in range(15):
        for status, body, fields in (
                (501, pieces(5, 100), {}), (501, pieces(20, 1000 * turn + 1), {}),
                (413, b"x" * 200_000, {}), (413, pieces(20, 10_000), {"Content-Length": "200000"})):
            connection = http.client.HTTPConnection("127.0.0.1", node.client_port, timeout=20)
            connection.request("PUT", path_of("early"), body=body, headers=fields)
            answer = connection.getresponse()
            check_equal((answer.status, answer.getheader("connection")), (status, "close"),
                        f"turn {turn}")
            check(answer.read().strip(), "it says why")
            connection.close()
    with connect(node) as connection:  # no whole line within 16 KiB, however it comes
        for piece in (b"GET /" + b"x" * 10_000, b"x" * 10_000, b" HTTP/1.1\r\n"):
            connection.sendall(piece)
            time.sleep(0.1)
        check_equal([one.status for one in all_answers(until_the_end(connection))], [414], "long")
    check_equal(cluster.run("read", "early").returncode, EMPTY, "nothing of it happened")


def protocols(cluster):
    """A connection speaks what it began with."""
    node = cluster.nodes[0]
    for other in (protocol.hello_frame(), b"*1\r\n$4\r\nPING\r\n", b"PING\r\n",
                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"):
        got = all_answers(say(node, request("GET", "/version") + other, hang_up=True))
        check_equal([answer.status for answer in got][:1], [200], "HTTP first")
        for answer in got[1:]:
            check_equal((answer.status, answer.fields["connection"]), (400, "close"), f"{other!r}")
    curl(node, "GET", "/version")
    for empty in (b"\r\n", b"\r\n\r\n"):
        got = all_answers(say(node, empty + request("GET", "/version") + empty +
                              request("GET", "/version"), hang_up=True))
        check_equal([answer.status for answer in got], [200, 200], "empty lines in front")


def pages_of_others(cluster):
    node = cluster.nodes[0]
    name = path_of("page")
    for status, fields in (
            (421, ["Host: evil.example"]), (421, [f"Host: evil.example:{node.client_port}"]),
            (403, ["Origin: http://evil.example"]), (403, ["Origin: null"]),
            (403, ["Sec-Fetch-Site: cross-site"]), (403, ["Sec-Fetch-Site: same-site"])):
        for method, path in (("PUT", name), ("GET", "/metrics"), ("POST", name + "/next")):
            got = curl(node, method, path, *fields, body=b"x" if method == "PUT" else None)
            check_equal(got.status, status, f"{method} with {fields}")
            check(not any(field.startswith("access-control") for field in got.fields), "no CORS")
    check_equal(cluster.run("read", "page").returncode, EMPTY, "nobody wrote it")
    own = f"Origin: http://127.0.0.1:{node.client_port}"
    check_equal(curl(node, "PUT", name, own, "Sec-Fetch-Site: same-origin", body=b"x").status, 200,
                "a page of its own")


def pieces(cluster):
    """A slow sender is served; who hangs up after his requests is answered; order is kept."""
    node = cluster.nodes[0]
    with connect(node) as connection:
        for byte in request("PUT", path_of("slow"), ONCE, "Connection: close", body=b"value"):
            connection.sendall(bytes([byte]))
            time.sleep(0.002)
        check_equal([answer.status for answer in all_answers(until_the_end(connection))], [201],
                    "byte by byte")
    names = [f"pipelined-{number}" for number in range(300)]
    data = b"".join(request("PUT", path_of(name), ONCE, body=name.encode()) +
                    request("GET", path_of(name)) for name in names)
    for status in (201, 412):
        got = all_answers(say(node, data, hang_up=True))
        check_equal([answer.status for answer in got], [status, 200] * 300,
                    "each request is answered, and a read sees the change before it")
        check_equal([answer.body for answer in got[1::2]], [name.encode() for name in names],
                    "in the order of the requests")
    done = say(node, b"GET /version HTTP/1.0\r\n\r\nGET /version HTTP/1.0\r\n\r\n")
    check_equal(len(all_answers(done)), 1, "HTTP/1.0 closes")
    with connect(node) as connection:
        head = request("PUT", path_of("asked"), ONCE, "Expect: 100-continue", "Connection: close",
                       "Content-Length: 3")
        connection.sendall(head)
        check_equal(connection.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n", "the body is wanted")
        connection.sendall(b"now")
        check_equal(all_answers(until_the_end(connection))[0].status, 201, "and was taken")


def any_bytes(cluster):
    node = cluster.nodes[0]
    names = [bytes(range(1, 256)), b"a/b", b"%2F", b" ", b"+", b".", b"..", "größe/日本".encode(),
             b"x" * 1024, b"\xff" * 1024, b"?#&=", b"next", b"name/next"]
    for name in names:
        value = os.urandom(300) + name
        got = curl(node, "PUT", path_of(name), ONCE, body=value)
        check_equal(got.status, 201, f"{name[:40]!r}")
        read = cluster.run("read", "--raw", "--", os.fsdecode(name))
        check_equal((read.returncode, read.stdout.removesuffix(b"\n")),
                    (DONE, value.removesuffix(b"\n")), f"read by once: {name[:40]!r}")
    for name in names:
        there = b"o" + name[:1023]
        value = os.urandom(300)
        done = cluster.run("write", "--", os.fsdecode(there), "-", stdin=value)
        check_equal(done.returncode, DONE, f"written by once: {there[:40]!r}")
        check_equal(curl(node, "GET", path_of(there)).body, value, f"{there[:40]!r}")
    whole = os.urandom(65536)
    check_equal(curl(node, "PUT", path_of("whole"), ONCE, body=whole).status, 201, "64 KiB")
    check_equal(curl(node, "GET", path_of("whole")).body, whole, "64 KiB")
    check_equal(curl(node, "PUT", "/v1/names/a%00b", ONCE, body=b"zero").status, 201, "NUL")
    with connect(node) as connection:
        connection.sendall(protocol.hello_frame() +
                           protocol.request_frame(1, protocol.READ, b"a\0b"))
        connection.shutdown(socket.SHUT_WR)
        check(until_the_end(connection).endswith(b"zero"), "a name with NUL")


def lost_answers(cluster):
    node = cluster.nodes[0]
    retry = ("--retry", "5", "--retry-all-errors", "--retry-delay", "1")

    def put(name, *fields):
        proxy = LossyProxy(node.client_port)
        proxy.lose(2)
        got = curl(None, "PUT", path_of(name), ONCE, "Connection: close", *fields, body=b"mine",
                   extra=retry, port=proxy.port)
        check_equal(proxy.lost, 2, "two answers were lost")
        proxy.close()
        return got

    got = put("kept", 'Idempotency-Key: "order-17"')
    check_equal(outcome(got), (201, "done", None), "its own write is found again")
    got = put("forgotten")
    check_equal((outcome(got), got.body), ((412, "refused", "already_set"), b"mine"),
                "without a key the winner is told that he lost")
    again = curl(node, "PUT", path_of("kept"), ONCE, "Idempotency-Key: order-17", body=b"other")
    check_equal(outcome(again), (422, "refused", "id_reused"), "another value")
    number = [curl(node, "POST", path_of("numbers") + "/next", "Idempotency-Key: n").body
              for _ in range(2)]
    check_equal(number, [b"1\n", b"1\n"], "one number for one key")


def many_requests(cluster):
    """wrk, with keep-alive: every answer is what it should be."""
    node = cluster.nodes[0]
    check_equal(curl(node, "PUT", path_of("hot"), ONCE, body=b"v" * 64).status, 201, "hot")
    wrk = shutil.which("wrk")
    check(wrk, "wrk is not installed: scripts/install-dependencies --tests")
    done = subprocess.run([wrk, "-t1", "-c50", "-d2s", "--timeout", "10s",
                           f"http://127.0.0.1:{node.client_port}{path_of('hot')}"],
                          capture_output=True, text=True, timeout=60)
    check_equal(done.returncode, 0, done.stderr)
    check("Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout)
    count = int(done.stdout.split(" requests in ")[0].split()[-1])
    check(count > 500, f"50 connections were used again and again: {done.stdout}")


def lost_nodes(cluster):
    """Two of three are killed while writes go on: what was said is true afterwards."""
    node = cluster.nodes[0]
    said = {}
    stop = threading.Event()

    def write(which):
        with connect(node) as connection:
            for number in range(1_000_000):
                if stop.is_set():
                    return
                name = f"lost-{which}-{number}"
                connection.sendall(request("PUT", path_of(name), ONCE, "Prefer: wait=1",
                                           body=b"v"))
                data = b""
                while not is_whole(data):
                    data += connection.recv(65536)
                said[name] = data

    writers = [threading.Thread(target=write, args=(which,)) for which in range(8)]
    for writer in writers:
        writer.start()
    time.sleep(0.5)
    for other in cluster.nodes[1:]:
        other.kill()
    wait_for(lambda: sum(data.startswith(b"HTTP/1.1 503") for data in list(said.values())) > 8,
             "nothing happens without a majority", 30)
    stop.set()
    for writer in writers:
        writer.join(30)
    check_equal(curl(node, "GET", "/livez").status, 200, "livez needs no majority")
    check_equal(curl(node, "GET", "/readyz").status, 503, "readyz needs one")
    read = curl(node, "GET", path_of("nobody-knows"), "Prefer: wait=1")
    check_equal((outcome(read), read.fields["retry-after"]), ((503, "unavailable", None), "1"),
                "a read needs a majority")
    cluster.start()
    statuses = {name: int(data.split()[1]) for name, data in said.items()}
    check(set(statuses.values()) <= {201, 503, 504}, f"{set(statuses.values())}")
    print(f"  {len(said)} writes: " + ", ".join(
        f"{list(statuses.values()).count(status)} answered {status}" for status in (201, 503, 504)))
    names = list(statuses)
    reads = say(node, b"".join(request("GET", path_of(name)) for name in names), hang_up=True)
    for name, read in zip(names, all_answers(reads), strict=True):
        wanted = {201: (200,), 503: (404,), 504: (200, 404)}[statuses[name]]
        check(read.status in wanted, f"{name}: said {statuses[name]}, and a read {read.status}")
    for name in (name for name in names if statuses[name] == 504):
        problem = take_answer(said[name])[0]
        check_equal(json.loads(problem.body)["type"], "unknown", "a problem")
        key = problem.fields["once-request-id"]
        again = curl(node, "PUT", path_of(name), ONCE, f"Idempotency-Key: {key}", body=b"v")
        check_equal(again.status, 201, "asked again by its id it is decided")


class Silent:
    """Says half a request when the test begins; at its end it must have been told."""

    def begin(self, cluster):
        self._connection = connect(cluster.nodes[0])
        self._connection.sendall(b"GET /version HTTP/1.1\r\nHost: lo")

    def end(self, _cluster):
        answer = all_answers(until_the_end(self._connection))
        check_equal([one.status for one in answer], [408], "half a request")
        check_equal(answer[0].fields["connection"], "close", "half a request")
        self._connection.close()


if __name__ == "__main__":
    silent = Silent()
    with Cluster(options(), name="http") as here:
        run_steps([(step.__name__, lambda step=step: step(here)) for step in
                   (silent.begin, operations, waits, smuggling, early_refusals, protocols,
                    pages_of_others, pieces, any_bytes, lost_answers, many_requests,
                    silent.end, lost_nodes)])
