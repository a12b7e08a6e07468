#!/usr/bin/env python3
"""`once run`: one process of many runs the command, whatever dies meanwhile; all others learn who
won and what came of it."""

import json
import os
import re
import signal
import subprocess
import time

from cluster import (Cluster, DONE, EMPTY, REFUSED, UNAVAILABLE, USAGE, check,
                     check_equal, options, run_steps, wait_for)

NO_RESULT = 7
PROCESSES = 50


def start(cluster, name, *command, wait="60", node=None, flags=(), **how):
    endpoints = cluster.endpoints([node] if node else None)
    return subprocess.Popen(
        [cluster.once, "--endpoints", endpoints, "--timeout", "20000", *flags, "run", "--wait",
         wait, name, "--", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


def end_of(process, seconds=60):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out.decode(), err.decode()


def append(path):
    """A command that leaves a line in a file, and exits with 7."""
    return ["sh", "-c", f"echo $ONCE_RUN_ID >> {path}; sleep 1; exit 9"]


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def fifty_at_once(cluster):
    """Each node is killed once while they race, and comes back."""
    for round_number, victim in enumerate([None] + cluster.nodes):
        path = cluster.directory / f"ran-{round_number}"
        name = f"job-{round_number}"
        processes = [start(cluster, name, *append(path), flags=["--json"])
                     for _ in range(PROCESSES)]
        if victim is not None:
            time.sleep(0.02)
            victim.kill()
            time.sleep(0.5)
            victim.start()
        ends = [end_of(process) for process in processes]
        check_equal(len(lines_of(path)), 1, f"how often {name} ran")
        told = [json.loads(err.splitlines()[-1]) for _, _, err in ends]
        check_equal({code for code, _, _ in ends}, {9}, f"exit codes of {name}: {ends}")
        check_equal(sum(one["winner"] for one in told), 1, f"winners of {name}")
        check_equal(len({json.dumps((one["claim"], one["result"])) for one in told}), 1,
                    f"stories of {name}")
        check_equal(told[0]["claim"]["run"], lines_of(path)[0], "who ran it")
        check_equal(told[0]["result"]["exit"], 9, "its result")
        cluster.wait_ready()


def output_is_the_commands(cluster):
    code, out, err = end_of(start(cluster, "hello", "echo", "-n", "--", "hi", "--json"))
    check_equal((code, out), (DONE, "-- hi --json"), f"the command's own words: {err}")
    check("is ours" in err, f"the winner is told: {err}")
    words = ["[1,2]", "", "{}", "%%", "run", "--", "-x", "--wait"]
    code, out, err = end_of(start(cluster, "words", "printf", "<%s>", *words))
    check_equal((code, out), (DONE, "".join(f"<{word}>" for word in words)), f"words: {err}")
    code, out, err = end_of(start(cluster, "hello", "echo", "hi"))
    check_equal((code, out), (DONE, ""), "a loser runs nothing")
    check(re.search(r"claimed by host \S+ \(pid \d+\) at", err), f"who won: {err}")
    check("it exited with 0" in err, f"what came of it: {err}")


def winner_dies(cluster):
    """Killed in the middle: the others see a claim without a result, at once or after a wait."""
    winner = start(cluster, "doomed", "sleep", "30")
    wait_for(lambda: cluster.run("read", "doomed").returncode == DONE, "the claim")
    child = wait_for(lambda: subprocess.run(["pgrep", "-P", str(winner.pid)], capture_output=True,
                                            text=True).stdout.split(), "the keeper")[0]
    os.kill(int(child), signal.SIGKILL)  # the keeper, who would write down what came of it
    winner.kill()
    winner.communicate(timeout=30)
    for wait in ("0", "1"):
        code, out, err = end_of(start(cluster, "doomed", "echo", "never", wait=wait))
        check_equal((code, out), (NO_RESULT, ""), f"a loser: {err}")
        check("claimed, no result yet" in err and f"pid {winner.pid}" in err, f"told: {err}")


def signals_reach_the_command(cluster):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        name = f"signal-{number}"
        path = cluster.directory / name
        trap = (f"trap 'echo got >> {path}; exit 5' TERM INT HUP; echo up >> {path}; "
                "while :; do sleep 0.05; done")
        process = start(cluster, name, "sh", "-c", trap)
        wait_for(lambda: lines_of(path), "the command's first line")
        process.send_signal(number)
        code, _, err = end_of(process)
        check_equal((code, lines_of(path)), (5, ["up", "got"]), f"signal {number}: {err}")
        code, _, err = end_of(start(cluster, name, "true"))
        check_equal(code, 5, f"the others are told so: {err}")
    process = start(cluster, "killed", "sh", "-c", "kill -9 $$")
    check_equal(end_of(process)[0], 128 + 9, "killed by a signal")
    code, _, err = end_of(start(cluster, "killed", "true"))
    check_equal(code, 128 + 9, "the others")
    check("killed by signal 9" in err, f"what came of it: {err}")


def losers_can_be_stopped(cluster):
    winner = start(cluster, "long", "sleep", "30")
    wait_for(lambda: cluster.run("read", "long").returncode == DONE, "the claim")
    loser = start(cluster, "long", "echo", "never", stdin=subprocess.DEVNULL)
    check(b"claimed by" in loser.stderr.readline(), "the loser waits")
    loser.send_signal(signal.SIGINT)
    check_equal(end_of(loser, 10)[0], -signal.SIGINT, "a loser that is interrupted")
    winner.send_signal(signal.SIGTERM)
    check_equal(end_of(winner)[0], 128 + signal.SIGTERM, "the winner")


def cannot_start(cluster):
    plain = cluster.directory / "plain"
    plain.write_text("no program")
    for name, command, wanted in (("absent", "no-such-program", 127), ("plain", str(plain), 126)):
        code, _, err = end_of(start(cluster, name, command))
        check_equal(code, wanted, f"{command}: {err}")
        check("cannot start" in err and command in err and "nothing was asked" in err,
              f"said: {err}")
        code, out, _ = end_of(start(cluster, name, command, flags=["--json"]))
        check_equal((code, out), (wanted, ""), f"{command}, as JSON")
        check_equal(end_of(start(cluster, name, "true"))[0], DONE, "nothing was claimed")
    script = cluster.directory / "script"
    script.write_text("#!/no-such-interpreter")
    script.chmod(0o700)
    code, _, err = end_of(start(cluster, "script", str(script)))
    check_equal(code, 127, f"a script without its interpreter: {err}")
    code, _, err = end_of(start(cluster, "script", "true"))
    check_equal(code, 127, "the others")
    check("could not be started" in err, f"said to others: {err}")


def not_a_claim(cluster):
    cluster.run("write", "taken", "by hand")
    code, out, err = end_of(start(cluster, "taken", "true"))
    check_equal((code, out), (REFUSED, "by hand\n"), f"a foreign value: {err}")
    check("something else than `once run`" in err, f"said: {err}")
    code, out, err = end_of(start(cluster, "taken", "true", flags=["--json"]))
    check_equal((code, out, json.loads(err)["outcome"]), (REFUSED, "", "refused"), "as JSON")
    cluster.run("write", "taken-json", '{"host": 3}')
    check_equal(end_of(start(cluster, "taken-json", "true"))[0], REFUSED, "foreign JSON")


def result_cannot_be_recorded(cluster):
    """The name of the result is taken: the command has run, and says that nobody else can know."""
    take = [cluster.once, "--endpoints", cluster.endpoints(), "write"]
    command = ["sh", "-c", '"$@" "$ONCE_RUN_NAME.result-$ONCE_RUN_ID" junk; exit 4', "-", *take]
    code, _, err = end_of(start(cluster, "unrecorded", *command))
    check_equal(code, 4, f"its exit code: {err}")
    check("that could not be written down (refused" in err, f"said: {err}")
    code, _, err = end_of(start(cluster, "unrecorded-json", *command, flags=["--json"]))
    told = json.loads(err)
    check_equal((code, told["result"]["exit"]), (4, 4), f"as JSON: {err}")
    check(told["not_recorded"].startswith("refused"), f"as JSON: {err}")
    code, _, err = end_of(start(cluster, "unrecorded", "true"))
    check("something that `once run` never wrote" in err, f"the others: {code} {err}")


def wrong_input(cluster):
    for arguments in (["run"], ["run", "x"], ["run", "x", "--"], ["run", "x", "true"],
                      ["run", "x", "true", "--"], ["run", "x", "true", "--", "true"],
                      ["run", "--", "x", "true"], ["run", "--wait", "-1", "x", "--", "true"],
                      ["run", "_x", "--", "true"], ["run", "n" * 1000, "--", "true"]):
        done = cluster.run(*arguments)
        check_equal(done.returncode, USAGE, f"once {arguments}: {done.stderr!r}")
        check(done.stderr != b"", f"{arguments} says nothing")
    check_equal(cluster.run("read", "x").returncode, EMPTY, "nothing was claimed")


def majority_down(cluster):
    for node in cluster.nodes[1:]:
        node.kill()
    path = cluster.directory / "never"
    done = cluster.run("run", "unreachable", "--", "touch", str(path), timeout_ms=1000)
    check(done.returncode in (UNAVAILABLE, 5), f"no majority: {done!r}")
    told = cluster.run("--json", "run", "unreachable-too", "--", "touch", str(path),
                       timeout_ms=1000)
    check(json.loads(told.stderr)["outcome"] in ("unavailable", "unknown"), f"as JSON: {told!r}")
    check(not path.exists(), "the command ran without a claim")
    for node in cluster.nodes[1:]:
        node.start()
    cluster.wait_ready()


if __name__ == "__main__":
    with Cluster(options(), name="run") as three:
        run_steps([(step.__name__, lambda step=step: step(three)) for step in
                   (output_is_the_commands, fifty_at_once, winner_dies, signals_reach_the_command,
                    losers_can_be_stopped, cannot_start, not_a_claim, result_cannot_be_recorded,
                    wrong_input, majority_down)])
