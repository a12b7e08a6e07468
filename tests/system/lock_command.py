#!/usr/bin/env python3
"""`once lock`: one holder at a time, the token in the command's environment, and what becomes of
the command when the lock is lost, when signals come, and when it cannot start."""

import json
import os
import signal
import subprocess
import time

from cluster import (Cluster, DONE, EMPTY, REFUSED, UNAVAILABLE, UNKNOWN, USAGE, check, check_equal,
                     options, run_steps, wait_for)

LOST = 8
CONTENDERS = 8


def start(cluster, name, *command, ttl="10", wait="60", flags=()):
    return subprocess.Popen(
        [cluster.once, "--endpoints", cluster.endpoints(), *flags, "lock", "--ttl", ttl, "--wait",
         wait, name, "--", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end_of(process, seconds=60):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out.decode(), err.decode()


def lock(cluster, name, *command, **how):
    return end_of(start(cluster, name, *command, **how))


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def is_gone(pid):
    """Ended; a zombie that nobody has waited for yet counts as ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def the_commands_own(cluster):
    tell = 'echo "$ONCE_LOCK_NAME $ONCE_LOCK_TOKEN $*"; exit 9'
    tokens = []
    for _ in range(3):
        code, out, err = lock(cluster, "own", "sh", "-c", tell, "sh", "--json", "--", "[1,2]")
        check_equal((code, err), (9, ""), "the command's exit code, and nothing else said")
        name, token, rest = out.rstrip("\n").split(" ", 2)
        check_equal((name, rest), ("own", "--json -- [1,2]"), "its name and words")
        tokens.append(int(token))
    check_equal(tokens, sorted(set(tokens)), "tokens rise")
    code, _, err = lock(cluster, "own", "true", flags=["--json"])
    told = json.loads(err)
    check_equal((code, told["outcome"], told["result"]["exit"]), (DONE, "released", 0), "as JSON")
    check(told["token"] > tokens[-1], f"the token in JSON: {told}")
    check_equal(lock(cluster, "own", "sh", "-c", "kill -9 $$")[0], 128 + 9, "killed by a signal")


def one_at_a_time(cluster):
    path = cluster.directory / "tenures"
    tenure = (f"echo begin $ONCE_LOCK_TOKEN >> {path}; sleep 0.05; "
              f"echo end $ONCE_LOCK_TOKEN >> {path}")
    processes = [start(cluster, "shared", "sh", "-c", tenure) for _ in range(CONTENDERS)]
    ends = [end_of(process) for process in processes]
    check_equal({code for code, _, _ in ends}, {DONE}, f"all had it: {ends}")
    lines = [line.split() for line in lines_of(path)]
    check_equal([word for word, _ in lines], ["begin", "end"] * CONTENDERS, "none in between")
    begun = [int(token) for _, token in lines[::2]]
    check_equal(begun, [int(token) for _, token in lines[1::2]], "tenures")
    check_equal(begun, sorted(set(begun)), "tokens rise with the tenures")


def busy(cluster):
    path = cluster.directory / "busy"
    holder = start(cluster, "busy", "sh", "-c", f"echo up >> {path}; exec sleep 60")
    wait_for(lambda: lines_of(path), "the holder")
    for wait in ("0", "1"):
        code, out, err = lock(cluster, "busy", "echo", "never", wait=wait)
        check_equal((code, out), (REFUSED, ""), f"a lock that others hold: {err}")
        check("is held by" in err and f":{holder.pid}" in err, f"names the holder: {err}")
    code, _, err = lock(cluster, "busy", "true", wait="0", flags=["--json"])
    told = json.loads(err)
    check_equal((told["outcome"], told["result"]), ("busy", None), "busy as JSON")
    waiting = start(cluster, "busy", "echo", "mine")
    time.sleep(0.3)
    waiting.send_signal(signal.SIGTERM)
    code, out, err = end_of(waiting, 10)
    check_equal((code, out), (128 + signal.SIGTERM, ""), f"a signal while it waits: {err}")
    waiting = start(cluster, "busy", "echo", "mine")
    time.sleep(0.3)
    holder.send_signal(signal.SIGTERM)
    check_equal(end_of(holder)[0], 128 + signal.SIGTERM, "the holder is ended by a signal")
    check_equal(end_of(waiting, 10)[:2], (DONE, "mine\n"), "the next one has it")


def signals_reach_the_command(cluster):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        path = cluster.directory / f"signal-{number}"
        trap = (f"trap 'echo got >> {path}; exit 5' TERM INT HUP QUIT; echo up >> {path}; "
                "while :; do sleep 0.05; done")
        process = start(cluster, "signals", "sh", "-c", trap)
        wait_for(lambda: lines_of(path), "the command's first line")
        process.send_signal(number)
        code, _, err = end_of(process)
        check_equal((code, lines_of(path)), (5, ["up", "got"]), f"signal {number}: {err}")
        check_equal(lock(cluster, "signals", "true", wait="0")[0], DONE, "it was released")


def lost(cluster):
    """The second one ignores SIGTERM, and so does what it started: they are killed in the end."""
    for name, trap in (("lost", ""), ("lost-deaf", "trap '' TERM; ")):
        path = cluster.directory / name
        process = start(cluster, name, "sh", "-c", f"{trap}sleep 100 & echo $$ >> {path}; "
                        f"echo $! >> {path}; while :; do sleep 0.1; done", ttl="1")
        wait_for(lambda: len(lines_of(path)) == 2, "the command")
        check_equal(cluster.run("set", name, "somebody's").returncode, DONE, "a foreign write")
        code, _, err = end_of(process, 30)
        check_equal(code, LOST, f"{name}: {err}")
        check("was lost" in err and "token" in err, f"said: {err}")
        for pid in lines_of(path):
            wait_for(lambda pid=pid: is_gone(pid), f"the end of {pid}", seconds=5)


def dead_holder(cluster):
    path = cluster.directory / "dead"
    holder = start(cluster, "dead", "sh", "-c", f"echo $$ >> {path}; exec sleep 60", ttl="1")
    command = int(wait_for(lambda: lines_of(path), "the holder")[0])
    keeper = int(subprocess.run(["ps", "-o", "ppid=", "-p", str(command)], capture_output=True,
                                check=True).stdout)
    os.kill(keeper, signal.SIGKILL)  # who would give the lock back
    holder.kill()
    holder.communicate(timeout=30)
    wait_for(lambda: is_gone(command), "the end of the command", 5)
    check_equal(lock(cluster, "dead", "echo", "mine")[:2], (DONE, "mine\n"), "it is overtaken")


def cannot_start(cluster):
    plain = cluster.directory / "plain"
    plain.write_text("no program")
    for command, wanted in (("no-such-program", 127), (str(plain), 126)):
        code, _, err = lock(cluster, "unstarted", command, wait="0")
        check_equal(code, wanted, f"{command}: {err}")
        check("cannot start" in err and command in err, f"said: {err}")
        check_equal(cluster.run("read", "unstarted").returncode, EMPTY, "it was not asked for")
    script = cluster.directory / "script"
    script.write_text("#!/no-such-interpreter")
    script.chmod(0o700)
    code, _, err = lock(cluster, "unstarted", str(script), wait="0")
    check_equal(code, 127, f"a script without its interpreter: {err}")
    check("cannot start" in err, f"said: {err}")
    check_equal(lock(cluster, "unstarted", "true", wait="0")[0], DONE, "it was released")


def not_a_lock(cluster):
    cluster.run("write", "foreign", "by hand")
    cluster.run("set", "foreign-variable", "by hand")
    for name, word in (("foreign", "sealed"), ("foreign-variable", "foreign")):
        code, out, err = lock(cluster, name, "echo", "never", wait="0")
        check_equal((code, out), (REFUSED, ""), f"{name}: {err}")
        check(word in err and "not run" in err, f"said: {err}")
    check_equal(cluster.run("read", "foreign-variable").stdout, b"by hand", "left as it is")


def wrong_input(cluster):
    for arguments in (["lock"], ["lock", "x"], ["lock", "x", "--"], ["lock", "x", "true"],
                      ["lock", "--ttl", "0", "x", "--", "true"],
                      ["lock", "--ttl", "3601", "x", "--", "true"],
                      ["lock", "--ttl", "10", "--grace", "5.1", "x", "--", "true"],
                      ["lock", "--grace", "-1", "x", "--", "true"],
                      ["lock", "--grace", "nan", "x", "--", "true"],
                      ["lock", "--grace", "soon", "x", "--", "true"],
                      ["lock", "--wait", "-1", "x", "--", "true"], ["lock", "_x", "--", "true"],
                      ["lock", "n" * 1025, "--", "true"]):
        done = cluster.run(*arguments)
        check_equal(done.returncode, USAGE, f"once {arguments}: {done.stderr!r}")
        check(done.stderr != b"", f"{arguments} says nothing")
    check_equal(cluster.run("read", "x").returncode, EMPTY, "nothing was taken")


def majority_down(cluster):
    """Neither taken nor kept without one."""
    path = cluster.directory / "kept"
    holder = start(cluster, "kept", "sh", "-c", f"echo up >> {path}; exec sleep 60", ttl="1")
    wait_for(lambda: lines_of(path), "the holder")
    for node in cluster.nodes[1:]:
        node.kill()
    code, _, err = end_of(holder, 30)
    check_equal(code, LOST, f"a lock that cannot be renewed: {err}")
    never = cluster.directory / "never"
    done = cluster.run("lock", "--wait", "0", "unreachable", "--", "touch", str(never),
                       timeout_ms=1000)
    check(done.returncode in (UNAVAILABLE, UNKNOWN), f"no majority: {done!r}")
    check(not never.exists(), "the command ran without the lock")
    for node in cluster.nodes[1:]:
        node.start()
    cluster.wait_ready()


if __name__ == "__main__":
    with Cluster(options(), name="lock") as three:
        run_steps([(step.__name__, lambda step=step: step(three)) for step in
                   (the_commands_own, one_at_a_time, busy, signals_reach_the_command, lost,
                    dead_holder, cannot_start, not_a_lock, wrong_input, majority_down)])
