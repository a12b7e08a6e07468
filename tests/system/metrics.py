#!/usr/bin/env python3
"""Metrics and health of real nodes: what they count, what they say while others are down or they
hang, and the listener of --admin."""

import http.client
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

from cluster import (Cluster, DONE, REFUSED, USAGE, check, check_equal, free_port, options,
                     run_steps, wait_for)
from resp_wire import ask, connect

OPERATIONS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")
MISDIRECTED = 421
MEMORY_MIB = 400


def get(port, path, seconds=5, host=None, method="GET"):
    """Status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(port):
    """(family, labels as they stand) -> value."""
    status, text = get(port, "/metrics")
    check_equal(status, 200, "metrics")
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        check(match, f"a line of metrics: {line!r}")
        key = (match[1], match[2] or "")
        check(key not in found, f"twice: {line!r}")
        found[key] = float(match[3])
    return found


def requests(cluster, operation, outcome):
    """Of all nodes."""
    key = ("once_requests_total", f'op="{operation}",outcome="{outcome}"')
    return sum(samples(node.client_port)[key] for node in cluster.nodes)


def counts_what_clients_ask(cluster):
    before = {pair: requests(cluster, *pair)
              for pair in (("write", "done"), ("write", "already_set"), ("read", "done"),
                           ("read", "empty"), ("cas", "conflict"), ("read", "invalid"))}
    check_equal(cluster.run("write", "a-name-of-somebody", "x").returncode, DONE, "write")
    check_equal(cluster.run("write", "a-name-of-somebody", "y").returncode, REFUSED, "again")
    check_equal(cluster.run("read", "a-name-of-somebody").returncode, DONE, "read")
    cluster.run("read", "nobody-wrote-this")
    check_equal(cluster.run("set", "variable", "1").returncode, DONE, "set")
    check_equal(cluster.run("cas", "variable", "7", "2").returncode, REFUSED, "cas")
    check_equal(get(cluster.nodes[0].client_port, "/v1/names/_x")[0], 400, "the system's, by HTTP")
    with connect(cluster.nodes[1]) as redis:
        check(ask(redis, "GET", "_x").startswith(b"-ERR names that begin with _"), "and by RESP")

    def grown():
        return [requests(cluster, *pair) - was for pair, was in before.items()]
    wait_for(lambda: grown() == [1, 1, 1, 1, 1, 2], "each is counted once, on one node", 5)
    durations = sum(samples(node.client_port)[("once_request_duration_seconds_count", 'op="write"')]
                    for node in cluster.nodes)
    answers = sum(value for node in cluster.nodes
                  for (family, labels), value in samples(node.client_port).items()
                  if family == "once_requests_total" and labels.startswith('op="write"'))
    check_equal(durations, answers, "each answer has a duration")
    for node in cluster.nodes:
        page = samples(node.client_port)
        check(page[("once_log_sync_duration_seconds_count", "")] > 0, "log writes are timed")
        check_equal(page[("once_log_sync_duration_seconds_bucket", 'le="+Inf"')],
                    page[("once_log_sync_duration_seconds_count", "")], "all buckets")
        text = get(node.client_port, "/metrics")[1]
        check("name-of-somebody" not in text and "variable" not in text, "a name is no label")


def agrees_with_the_status(cluster):
    for node in cluster.nodes:
        counters = cluster.counters(node)
        page = samples(node.client_port)
        for name in ("names", "log_full", "memory_budget_bytes", "in_sync"):
            check_equal(page[(f"once_{name}", "")], counters[name], name)
        check_equal(page[("once_cores", "")], counters["cores"], "cores")
        check_equal(page[("once_memory_budget_bytes", "")], MEMORY_MIB << 20, "of all cores")
        check(page[("process_resident_memory_bytes", "")] > 1 << 20, "of the process")
        check_equal([page[("once_peer_up", f'peer="{peer.number}"')]
                     for peer in cluster.nodes if peer is not node], [1, 1], "peers")
        check(page[("process_start_time_seconds", "")] > 1.6e9, "since 1970")
        check(0 < page[("process_cpu_seconds_total", "")] < 1000, "processor time")


def families_are_documented(cluster):
    documented = OPERATIONS.read_text()
    text = get(cluster.nodes[0].client_port, "/metrics")[1]
    for family, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        counter = family.removeprefix("once_")
        counter = counter.removesuffix("_total") if kind == "counter" else counter
        check(f"`{family}`" in documented or f"`{counter}`" in documented,
              f"{family} is not in docs/operations.md")


def says_that_it_is_well(cluster):
    released = subprocess.run([cluster.onced, "version"], capture_output=True, timeout=20)
    for node in cluster.nodes:
        check_equal(get(node.client_port, "/livez")[0], 200, "livez")
        check_equal(get(node.client_port, "/readyz?verbose"),
                    (200, "[+]log ok\n[+]vote ok\n[+]majority ok\n[+]stopping ok\n"), "readyz")
        status, version = get(node.client_port, "/version")
        check(status == 200 and version.strip() and version.strip() in released.stdout.decode(),
              f"the version: {version!r}, {released.stdout!r}")
        check(f'version="{version.strip()}"' in get(node.client_port, "/metrics")[1], "build info")


def a_node_that_hangs(cluster):
    node = cluster.nodes[2]
    node.process.send_signal(signal.SIGSTOP)
    try:
        try:
            answer = get(node.client_port, "/livez", seconds=1.5)
            raise AssertionError(f"a stopped process answers {answer}")
        except socket.timeout:
            pass
        check_equal(get(cluster.nodes[0].client_port, "/livez")[0], 200, "the others live")
    finally:
        node.process.send_signal(signal.SIGCONT)
    wait_for(lambda: get(node.client_port, "/livez")[0] == 200, "it goes on")
    wait_for(lambda: get(node.client_port, "/readyz")[0] == 200, "and is ready")


def two_of_three_down(cluster):
    port = cluster.nodes[0].client_port
    for node in cluster.nodes[1:]:
        node.kill()
    wait_for(lambda: get(port, "/readyz")[0] == 503, "no majority is there, so it is not ready")
    check_equal(get(port, "/livez")[0], 200, "a restart would help nobody")
    status, text = get(port, "/readyz?verbose")
    check_equal(status, 503, "verbose")
    check("[-]majority failed: 1 of 3 nodes are reached, 2 are needed\n" in text, f"why: {text!r}")
    check("[+]log ok\n" in text, f"what is well: {text!r}")

    def told():
        page = samples(port)
        return [page[("once_has_quorum", "")], page[("once_peer_up", 'peer="2"')],
                page[("once_peer_up", 'peer="3"')]]
    wait_for(lambda: told() == [0, 0, 0], "the metrics say so")
    cluster.nodes[1].start()
    wait_for(lambda: get(port, "/readyz")[0] == 200, "two are a majority")
    wait_for(lambda: told() == [1, 1, 0], "and so say the metrics")
    cluster.start()


def hears_that_it_stops(node):
    """A new connection, in its own protocol: as long as the node is there."""
    try:
        with connect(node) as late:
            check(ask(late, "PING").startswith(b"-LOADING "), "RESP")
        check_equal(get(node.client_port, "/v1/names/nobody"),
                    (503, "the node stops; nothing happened\n"), "HTTP")
    except (ConnectionRefusedError, ConnectionResetError):
        pass  # its time was over before


def tells_of_itself_while_it_stops(cluster):
    """On a connection that is open; a wait on another one holds the end back."""
    node = cluster.nodes[2]
    with connect(node) as waiting:
        waiting.sendall(b'GET /v1/names/nobody HTTP/1.1\r\nHost: localhost\r\n'
                        b'If-None-Match: "0"\r\nPrefer: wait=30\r\n\r\n')
        open_one = http.client.HTTPConnection("127.0.0.1", node.client_port, timeout=20)

        def asked(path):
            open_one.request("GET", path)
            answer = open_one.getresponse()
            return answer.status, answer.read().decode()
        wait_for(lambda: asked("/readyz")[0] == 200, "it is ready, before")
        stopping = threading.Thread(target=node.stop)
        stopping.start()
        wait_for(lambda: asked("/readyz")[0] == 503, "it is not ready any more", pause=0.001)
        hears_that_it_stops(node)
        check_equal(asked("/livez"), (200, "ok\n"), "it lives")
        # The page is made anew after a tenth of a second.
        wait_for(lambda: "\nonce_stopping 1\n" in asked("/metrics")[1], "it says so", pause=0.05)
        check_equal(asked("/v1/names/nobody"), (503, "the node stops; nothing happened\n"), "names")
        stopping.join()
    cluster.start()


def admin_alone(opts):
    port = free_port()
    flags = ["--admin", f"127.0.0.1:{port}", "--http-host", "proxy.example"]
    with Cluster(opts, nodes=1, name="admin", start_flags=flags) as one:
        for path in ("/metrics", "/livez", "/readyz", "/version"):
            check_equal(get(port, path)[0], 200, path)
        check_equal(get(port, "/v1/names/x")[0], 404, "no names here")
        check_equal(get(port, "/v1/names/x", method="PUT")[0], 404, "nor changes")
        check_equal(get(one.nodes[0].client_port, "/livez")[0], 200, "the client port has them too")
        for host, wanted in (("proxy.example", 200), ("localhost:9", 200), ("[::1]", 200),
                             ("evil.example", MISDIRECTED)):
            check_equal(get(port, "/livez", host=host)[0], wanted, host)
        # A client that takes it for the port of clients is told so, long before its time is over.
        for command in (["read", "x"], ["status"], ["list"], ["explain", "x"], ["wait", "x"],
                        ["run", "x", "--", "true"], ["lock", "x", "--", "true"]):
            began = time.monotonic()
            done = subprocess.run([one.once, "--endpoints", f"127.0.0.1:{port}", "--timeout",
                                   "20000", *command], capture_output=True, timeout=60)
            check_equal(done.returncode, USAGE, f"{command} to --admin: {done!r}")
            check(b"--admin" in done.stderr and time.monotonic() - began < 10, f"{done!r}")
        crowd = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(40)]
        check_equal(get(port, "/readyz")[0], 200, "a newcomer finds a place")
        for stranger in crowd:
            stranger.close()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as pipelined:
            pipelined.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
            pipelined.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := pipelined.recv(65536):
                answer += piece
        check_equal(answer.count(b"HTTP/1.1 200"), 3, "what was asked before the end is answered")
        one.nodes[0].stop()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            refused = subprocess.run(
                [one.onced, "start", "--data", one.nodes[0].directory, "--listen",
                 one.nodes[0].address, "--admin", address], capture_output=True, timeout=60)
        check_equal(refused.returncode, 71, f"a port that is taken: {refused.stderr!r}")
        check(b"choose another --admin" in refused.stderr, f"what to do: {refused.stderr!r}")


if __name__ == "__main__":
    given = options()
    with Cluster(given, cores=2, start_flags=["--memory", f"{MEMORY_MIB}MiB"]) as here:
        def linked():
            return all(node["claimed"] == 1 and node["in_sync"] == 1 for node in here.status())
        wait_for(linked, "every home claimed")
        run_steps([(step.__name__, lambda step=step: step(here)) for step in
                   (says_that_it_is_well, counts_what_clients_ask, agrees_with_the_status,
                    families_are_documented, a_node_that_hangs, two_of_three_down,
                    tells_of_itself_while_it_stops)])
    run_steps([("admin_alone", lambda: admin_alone(given))])
