#!/usr/bin/env python3
"""Clients of Redis at three real nodes: redis-cli, redis-benchmark, python3-redis, node-redis of
Debian; a lost answer, the end of input, bombs, and the same names through `once`."""

import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time

from cluster import Cluster, check, check_equal, options, run_steps, wait_for
from lossy_proxy import LossyProxy
from resp_wire import ask, command, connect, talk

# Another Python than Debian's may run this, and python3-redis is Debian's.
sys.path.append("/usr/lib/python3/dist-packages")

NODE_SCRIPT = pathlib.Path(__file__).resolve().parent / "node_redis.js"


def cli(node, *arguments, stdin=""):
    return subprocess.run(["redis-cli", "-p", str(node.client_port), *arguments], input=stdin,
                          capture_output=True, text=True, timeout=30)


def said(node, *arguments):
    done = cli(node, "-e", *arguments)
    check_equal(done.returncode, 0, f"redis-cli {arguments}: {done.stdout}{done.stderr}")
    return done.stdout.removesuffix("\n")


def refused(node, *arguments):
    done = cli(node, "-e", *arguments)
    check_equal(done.returncode, 1, f"redis-cli {arguments}: {done.stdout}{done.stderr}")
    return (done.stdout + done.stderr).strip()


def redis_cli(cluster):
    for node, flags in ((cluster.nodes[0], ()), (cluster.nodes[1], ("-3",))):
        name = f"cli-{node.number}"

        def told(*arguments):
            return said(node, *flags, *arguments)

        check_equal(told("ping"), "PONG", "ping")
        check_equal(told("set", name, "first", "nx"), "OK", "the first one")
        check_equal(told("set", name, "second", "nx"), "", "the second one")
        check_equal(told("set", name, "second", "nx", "get"), "first", "the winner's value")
        check_equal(told("setnx", name, "third"), "0", "setnx")
        check_equal(told("get", name), "first", "get")
        check_equal(told("mget", name, f"{name}-no"), "first\n", "mget")
        check_equal(told("exists", name, name, f"{name}-no"), "2", "exists")
        check_equal(told("strlen", name), "5", "strlen")
        check_equal(told("type", name), "string", "type")
        check_equal((told("ttl", name), told("pttl", f"{name}-no")), ("-1", "-2"), "ttl")
        check("SEALED" in refused(node, *flags, "set", name, "x"), "sealed")
        variable = f"{name}-variable"
        check_equal(told("set", variable, "1"), "OK", "set")
        check_equal(told("set", variable, "2", "ifeq", "1"), "OK", "ifeq")
        check_equal(told("set", variable, "3", "ifeq", "1"), "", "ifeq of another value")
        check_equal(told("get", variable), "2", "what ifeq left")
        check_equal(told("once.cas", variable, "2", "3"), "3", "once.cas")
        check("CONFLICT version 3" in refused(node, *flags, "once.cas", variable, "2", "4"),
              "a conflict")
        check("value 3" in " ".join(told("once.read", variable).split()), "once.read")
        check_equal(told("once.seal", variable, "3"), "4", "once.seal")
        number = f"{name}-number"
        check_equal([told("incr", number), told("incrby", number, "1"), told("once.next", number)],
                    ["1", "2", "3"], "numbers")
        check_equal((told("once.check", number, "3"), told("once.check", number, "2")),
                    ("1", "0"), "once.check")
        check("won" in told("once.write", f"{name}-own", "v", "id", "ab12"), "once.write")
        for words in (("del", name), ("expire", name, "1"), ("set", name, "v", "ex", "5"),
                      ("eval", "return 1", "0"), ("multi",), ("keys", "*")):
            check("ERR" in refused(node, *flags, *words), f"{words}")
        check("The value of a name." in cli(node, *flags, stdin="help get\n").stdout,
              "our own help")
    check("ERR" in cli(cluster.nodes[0], "--scan").stderr + cli(cluster.nodes[0], "--scan").stdout,
          "scan")


def redis_benchmark(cluster):
    for number, flags in enumerate(((), ("-3",), ("-P", "16"))):
        done = subprocess.run(
            ["redis-benchmark", *flags, "-p", str(cluster.nodes[number].client_port), "-t",
             "ping,set,get,incr", "-n", "5000", "-q"], capture_output=True, text=True, timeout=100)
        check_equal(done.returncode, 0, f"redis-benchmark {flags}: {done.stdout}{done.stderr}")
        check("rror" not in done.stdout + done.stderr, f"{done.stdout}{done.stderr}")


def python_redis(cluster):
    import redis
    client = redis.Redis(port=cluster.nodes[0].client_port, client_name="me")
    binary = bytes(range(256))
    check_equal(client.set(b"py\r\n\0", binary, nx=True), True, "set nx")
    check_equal(client.set(b"py\r\n\0", b"x", nx=True), None, "it is set")
    check_equal(client.get(b"py\r\n\0"), binary, "bytes")
    check_equal(client.mget([b"py\r\n\0", "py-no"]), [binary, None], "mget")
    check_equal([client.incr("py-number"), client.incr("py-number")], [1, 2], "incr")
    check_equal(client.exists("py-number"), 1, "exists")
    with client.pipeline(transaction=False) as pipeline:
        for i in range(500):
            pipeline.set(f"py-{i}", i, nx=True).get(f"py-{i}")
        answers = pipeline.execute()
    check_equal(answers, [x for i in range(500) for x in (True, str(i).encode())], "in order")
    check_equal(client.client_getname(), "me", "its name")
    try:
        client.set("py-lock", "x", nx=True, ex=10)
        check(False, "an expiry was taken")
    except redis.ResponseError as error:
        check("do not expire" in str(error), str(error))
    try:
        client.delete("py-number")
        check(False, "a name was deleted")
    except redis.ResponseError as error:
        check("never deleted" in str(error), str(error))


def node_redis(cluster):
    environment = dict(os.environ, NODE_PATH="/usr/share/nodejs")
    done = subprocess.run(["node", NODE_SCRIPT, str(cluster.nodes[1].client_port)],
                          capture_output=True, text=True, timeout=60, env=environment)
    check_equal((done.returncode, done.stdout), (0, "ok\n"), done.stderr)


def through_both(cluster):
    """What one door wrote, the other reads; and whoever was first has won."""
    node = cluster.nodes[2]
    value = bytes(range(256)) * 8
    name = "both-" + secrets.token_hex(4)
    check_equal(cluster.run("write", name, "-", stdin=value).returncode, 0, "once write")
    check_equal(talk(node, command("GET", name)), b"$2048\r\n" + value + b"\r\n", "read by GET")
    check_equal(talk(node, command("SET", name, "x", "NX")), b"$-1\r\n", "it is set")
    check_equal(talk(node, command("SET", name + "2", value, "NX")), b"+OK\r\n", "SET NX")
    check_equal(cluster.run("--raw", "read", name + "2").stdout, value, "once read")
    check_equal(cluster.run("write", name + "2", "x").returncode, 3, "once write is refused")
    check_equal(cluster.run("next", name + "3").returncode, 0, "once next")
    check_equal(said(node, "incr", name + "3"), "2", "INCR goes on")


def a_lost_answer(cluster):
    """Who asks again learns that he has won by NX GET alone."""
    import redis
    proxy = LossyProxy(cluster.nodes[0].client_port)
    client = redis.Redis(port=proxy.port, retry_on_error=[redis.ConnectionError],
                         retry=redis.retry.Retry(redis.backoff.NoBackoff(), 3))
    client.ping()
    proxy.lose(1)
    mine = secrets.token_bytes(16)
    check_equal(client.set("lost-get", mine, nx=True, get=True), mine,
                "he finds his own value")
    proxy.lose(1)
    check_equal(client.set("lost-plain", mine, nx=True), None, "the winner is told nil")
    check_equal(client.get("lost-plain"), mine, "although he has won")
    check_equal(proxy.lost, 2, "answers that were lost")
    proxy.close()


def half_closed(cluster):
    node = cluster.nodes[0]
    commands = b"".join(command("SET", f"half-{i}", i, "NX") for i in range(3000))
    check_equal(talk(node, commands), b"+OK\r\n" * 3000, "every command is answered")
    check_equal(talk(node, b"PING\r\n\r\nGET half-7\r\nGET ha"), b"+PONG\r\n$1\r\n7\r\n", "inline")
    if shutil.which("nc"):
        done = subprocess.run(["nc", "-N", "127.0.0.1", str(node.client_port)],
                              input=commands[:-1], capture_output=True, timeout=30)
        check_equal(done.stdout, b"$-1\r\n" * 2999, "nc -N")


def bombs(cluster):
    node = cluster.nodes[1]
    for data in (b"*99999999999\r\n", b"*2147483647\r\n", b"*-1\r\n", b"*1\r\n$-1\r\n",
                 b"*1\r\n$999999999999\r\n", b"*1\r\n*1\r\n$4\r\nPING\r\n", b"*x\r\n",
                 b"*1\r\n$x\r\n",
                 b"*" + b"1" * 100, b"*1\r\n$4\r\nPINGPING", b"PING\r\n" + b"a" * (1 << 20),
                 b"SET \"a\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$200000\r\n"):
        got = talk(node, data, end=False)
        lines = got.removeprefix(b"+PONG\r\n")
        # Where more was sent than was read the reset may be faster than the answer.
        if len(data) < 65536 or lines:
            check(lines.startswith(b"-ERR Protocol error: ") and lines.count(b"\r\n") == 1,
                  f"{data[:40]!r}: {got!r}")
    check("no protocol" in talk(node, b"\x00\x01\x02", end=False).decode(errors="replace"),
          "a stranger is told so")
    check(b"TLS" in talk(node, b"\x16\x03\x01\x02\x00\x01", end=False), "and who speaks TLS")
    cluster.check_healthy()


def a_wait_holds_up_its_own_connection_only(cluster):
    node = cluster.nodes[2]
    with connect(node) as waiting, connect(node) as other:
        waiting.sendall(command("ONCE.WAIT", "awaited", 0, 20000) + command("PING"))
        time.sleep(0.1)
        check_equal(ask(other, "PING"), b"+PONG\r\n", "others are answered")
        check_equal(ask(other, "SET", "awaited", "news"), b"+OK\r\n", "the change")
        data = b""
        while not data.endswith(b"+PONG\r\n"):
            part = waiting.recv(4096)
            check(part, "it was closed")
            data += part
        check(b"$4\r\nnews\r\n" in data, f"what it waited for: {data!r}")


def outcomes(cluster):
    """Without a majority nothing is nil, and nothing is OK."""
    node = cluster.nodes[0]
    for other in cluster.nodes[1:]:
        other.process.send_signal(signal.SIGSTOP)
    try:
        with connect(node) as connection:
            answers = [ask(connection, "SET", f"alone-{secrets.token_hex(4)}", "v", *extra)
                       for extra in ((), ("NX",), ("NX", "GET"))]
            answers.append(ask(connection, "GET", "alone-nobody"))
    finally:
        for other in cluster.nodes[1:]:
            other.process.send_signal(signal.SIGCONT)
    for answer in answers:
        check(answer.startswith((b"-UNKNOWN ", b"-CLUSTERDOWN ")), f"{answer!r}")
    check(answers[3].startswith(b"-CLUSTERDOWN "), f"a read did not happen: {answers[3]!r}")
    cluster.check_healthy()


def a_stop_answers_what_was_taken(cluster):
    node = cluster.nodes[2]
    with connect(node) as connection:
        check_equal(ask(connection, "PING"), b"+PONG\r\n", "ping")
        stopping = threading.Thread(target=node.stop)
        stopping.start()
        answer = b"+PONG\r\n"
        while answer == b"+PONG\r\n":
            try:
                answer = ask(connection, "PING")
            except (ConnectionResetError, BrokenPipeError):
                answer = b""
        check(answer == b"" or answer.startswith(b"-LOADING "), f"{answer!r}")
        stopping.join()
    node.start()
    cluster.wait_ready()


def main():
    with Cluster(options(), name="resp") as cluster:
        run_steps([(step.__name__.replace("_", " "), lambda step=step: step(cluster))
                   for step in (redis_cli, redis_benchmark, python_redis, node_redis, through_both,
                                a_lost_answer, half_closed, bombs,
                                a_wait_holds_up_its_own_connection_only, outcomes,
                                a_stop_answers_what_was_taken)])


if __name__ == "__main__":
    main()
