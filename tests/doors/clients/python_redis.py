"""python3-redis of Debian: PORT. One line for each operation."""

import sys

sys.path.append("/usr/lib/python3/dist-packages")
import redis  # noqa: E402

client = redis.Redis(port=int(sys.argv[1]))


def report(operation, act, wanted):
    try:
        got = act()
        print(f"{operation}\t{'ok' if got == wanted else f'got {got!r}'}")
    except redis.RedisError as error:
        print(f"{operation}\t{error}")


def refused(operation, act, word):
    try:
        print(f"{operation}\tgot {act()!r}")
    except redis.RedisError as error:
        print(f"{operation}\t{'ok' if word in str(error) else error}")


def pipelined():
    with client.pipeline(transaction=False) as pipeline:
        for i in range(100):
            pipeline.set("p", i).get("p")
        return pipeline.execute()[-1]


report("connect", client.ping, True)
report("set", lambda: client.set("a", "1"), True)
report("set nx", lambda: client.set("b", "1", nx=True), True)
report("set nx, lost", lambda: client.set("b", "2", nx=True), None)
report("set nx get", lambda: client.set("b", "2", nx=True, get=True), b"1")
report("set ifeq", lambda: client.execute_command("SET", "a", "2", "IFEQ", "1"), True)
report("setnx", lambda: client.setnx("b", "3"), False)
report("get", lambda: client.get("a"), b"2")
report("mget", lambda: client.mget("a", "no"), [b"2", None])
report("exists", lambda: client.exists("a", "no"), 1)
report("incr", lambda: client.incr("n"), 1)
report("incrby", lambda: client.incrby("n", 1), 2)
report("ttl", lambda: client.ttl("a"), -1)
report("once.cas", lambda: client.execute_command("ONCE.CAS", "a", 2, "3"), 3)
report("pipeline", pipelined, b"99")
refused("del", lambda: client.delete("a"), "never deleted")
refused("set ex", lambda: client.set("l", "1", ex=5), "do not expire")
