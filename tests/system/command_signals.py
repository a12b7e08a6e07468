#!/usr/bin/env python3
"""What reaches the command of `once lock` and `once run` without a terminal: every signal, to
`once` alone or to its group; what is left when one of its processes is killed or stopped; what it
inherits; and what becomes of a lock, and of the command, when no majority answers."""

import json
import os
import signal
import subprocess
import time

from cluster import (Cluster, DONE, REFUSED, UNKNOWN, check, check_equal, options, run_steps,
                     wait_for)

LOST = 8
CONTROL = {signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
           signal.SIGCHLD, signal.SIGCONT}
# What a program that broke raises by itself: whoever sends it to `once` ends `once` alone.
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
          signal.SIGSYS, signal.SIGABRT}

# A sanitizer takes SIGSEGV for a fault that it has found, and ends a program by itself.
for sanitizer in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
    os.environ[sanitizer] = os.environ.get(sanitizer, "") + ":handle_segv=0"

# Writes down each signal that comes, in order. Python itself cannot wait for all of them.
COUNT = """import os, signal, sys
numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
out = open(sys.argv[1], "a", buffering=1)
out.write(f"{os.getpid()}\\n")
while True:
    number = signal.sigwait(numbers)
    out.write(f"{int(number)}\\n")
    if number == signal.SIGTERM: sys.exit(5)
"""


def start(cluster, *words, **how):
    command = [cluster.once, "--endpoints", cluster.endpoints(), "--timeout", "20000", *words]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **how)


def end_of(process, seconds=30):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out.decode(), err.decode()


def lines_of(path):
    return path.read_text().split() if path.exists() else []


def counting(cluster, name, *words, **how):
    """`once` with a command that counts; the process, the file, and the command's number."""
    program = cluster.directory / "count.py"
    program.write_text(COUNT)
    path = cluster.directory / name
    process = start(cluster, *words, "--", "python3", str(program), str(path), **how)
    return process, path, int(wait_for(lambda: lines_of(path), "the command")[0])


def state_of(pid):
    """The letter of `ps`; Z, a zombie, is as gone as one that is not there."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def is_gone(pid):
    return state_of(pid) == "Z"


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[1])


def is_free(cluster, name, wait="0"):
    return cluster.run("lock", "--wait", wait, name, "--", "true").returncode == DONE


def every_signal_once(cluster):
    numbers = sorted(signal.valid_signals() - CONTROL - FAULTS - {signal.SIGTERM})
    for words in (("lock", "each"), ("run", "each-run")):
        process, path, _ = counting(cluster, f"each-{words[0]}", *words)
        for number in numbers:
            process.send_signal(number)
            wait_for(lambda: str(int(number)) in lines_of(path), f"signal {number}", 5)
        process.send_signal(signal.SIGTERM)
        check_equal(end_of(process)[0], 5, "its own exit code")
        got = [int(line) for line in lines_of(path)[1:] if int(line) != signal.SIGCONT]
        check_equal(got, [*map(int, numbers), signal.SIGTERM], f"signals to once {words[0]}")
    check(is_free(cluster, "each"), "released")


def to_the_group_once(cluster):
    """Whoever signals the group has reached the command already."""
    process, path, _ = counting(cluster, "group", "lock", "group", start_new_session=True)
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGINT, signal.SIGRTMIN, signal.SIGTERM):
        os.killpg(process.pid, number)
        wait_for(lambda: str(int(number)) in lines_of(path), f"signal {number}", 5)
        time.sleep(0.2)
    check_equal(end_of(process)[0], 5, "its own exit code")
    wanted = [signal.SIGUSR1, signal.SIGHUP, signal.SIGINT, signal.SIGRTMIN, signal.SIGTERM]
    check_equal(lines_of(path)[1:], [str(int(number)) for number in wanted], "signals")


def an_alarm_of_the_caller(cluster):
    """It outlives exec, and is meant for the command: a common way to bound its time."""
    for words in (("lock", "alarm"), ("run", "alarm-run")):
        process = start(cluster, *words, "--", "sleep", "30", preexec_fn=lambda: signal.alarm(1))
        check_equal(end_of(process, 10)[0], 128 + signal.SIGALRM, f"once {words[0]}")


def by_its_name(cluster):
    """`pkill -f 'once lock'` is one signal to `once`, whatever processes it consists of."""
    process, path, _ = counting(cluster, "named", "lock", "--ttl", "77", "named")
    subprocess.run(["pkill", "-TERM", "-f", "lock --ttl 77 named"], check=True, timeout=10)
    check_equal(end_of(process, 10)[0], 5, "its own exit code")
    check_equal(lines_of(path)[1:], [str(int(signal.SIGTERM))], "signals")


# Deaf ones, too: what is started inherits that they ignore SIGTERM.
TREE = ("{trap}echo $$ >> {path}; setsid sh -c 'echo $$ >> {path}; sleep 60; :' & "
        "(sh -c 'echo $$ >> {path}; sleep 60; :' &) ; sleep 60; :")


def kill_one(cluster, which, trap):
    """Of the processes of a lock; the numbers of those of its command."""
    path = cluster.directory / f"killed-{which}-{len(trap)}"
    process = start(cluster, "lock", "--ttl", "3", "killed", "--", "sh", "-c",
                    TREE.format(trap=trap, path=path))
    tree = wait_for(lambda: lines_of(path) if len(lines_of(path)) == 3 else None, "all of it")
    command = next(pid for pid in tree if parent_of(parent_of(pid)) == process.pid)
    keeper = parent_of(command)
    for pid in {"front": [process.pid], "keeper": [keeper], "both": [keeper, process.pid]}[which]:
        os.kill(pid, signal.SIGKILL)
    process.wait(timeout=20)
    wait_for(lambda: is_gone(command), f"the end of the command, {which}", 5)
    left = [pid for pid in tree if not is_gone(pid)]
    if which != "both":
        wait_for(lambda: all(is_gone(pid) for pid in tree), f"the end of all, {which}", 5)
    for pid in left:
        if not is_gone(pid):
            os.kill(int(pid), signal.SIGKILL)
    process.stdout.close()
    process.stderr.close()
    return process.returncode


def killed(cluster):
    """Whichever of its processes is killed, the command and all that it started are ended, also
    what is deaf or has a session of its own."""
    for which, wanted in (("front", -signal.SIGKILL), ("keeper", LOST), ("both", -signal.SIGKILL)):
        for trap in ("", "trap '' TERM; "):
            check_equal(kill_one(cluster, which, trap), wanted, f"exit code, {which}")
            # The keeper that lives gives it back; else it frees itself.
            if which == "front":
                wait_for(lambda: is_free(cluster, "killed"), "the lock", 2)
            check(is_free(cluster, "killed", "6"), f"the lock is overtaken, {which}")


def killed_keeper_as_json(cluster):
    """One object, also where the process that knows how it ended is gone."""
    for words, code, wanted in (
            (["lock", "--ttl", "3"], LOST, {"outcome": "lost", "result": None}),
            (["run"], 1, {"winner": True, "result": None})):
        name = f"keeper-\u00e4-{words[0]}"
        process = start(cluster, "--json", *words, name, "--", "sh", "-c",
                        "sleep 0.2; kill -9 $PPID; sleep 60")
        ended, _, err = end_of(process)
        check_equal(ended, code, f"{words}: {err}")
        told = json.loads(err)
        check({"name": name, **wanted}.items() <= told.items(), f"{words}: {told}")
        check("was ended" in told.get("message", told.get("not_recorded")), f"{words}: {told}")
        check(words[0] == "run" or told["token"] > 0, f"{words}: {told}")


def killed_keeper_after_the_end(cluster):
    """The command has ended in order; what was not written down, or given back, is said."""
    for words, wanted in ((["run"], "may not be written down"),
                          (["lock", "--ttl", "30"], "may not be released")):
        name = f"after-{words[0]}"
        go = cluster.directory / f"{name}-go"
        up = cluster.directory / f"{name}-up"
        process = start(cluster, *words, name, "--", "sh", "-c",
                        f"echo $$ > {up}; while [ ! -e {go} ]; do sleep 0.05; done; exit 4")
        command = int(wait_for(lambda: lines_of(up), "the command")[0])
        keeper = parent_of(command)
        for node in cluster.nodes[1:]:
            os.kill(node.process.pid, signal.SIGSTOP)
        try:
            go.touch()
            # Reaped, and not merely ended: the keeper knows how.
            wait_for(lambda: not os.path.exists(f"/proc/{command}"), "the end of the command", 10)
            time.sleep(0.3)
            os.kill(keeper, signal.SIGKILL)
            code, _, err = end_of(process, 10)
        finally:
            for node in cluster.nodes[1:]:
                os.kill(node.process.pid, signal.SIGCONT)
        check_equal(code, 4, f"{words}: the command's own code; {err}")
        check(wanted in err and "it exited with 4" in err, f"{words}: said: {err}")
        check("was stopped" not in err, f"{words}: said: {err}")
        cluster.wait_ready()


def waiting(cluster, name):
    """`once lock` that waits for another; it, its keeper, and the file that its command makes."""
    made = cluster.directory / f"{name}-made"
    process = start(cluster, "lock", "--wait", "60", name, "--", "touch", str(made))

    def keeper():
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as file:
            return file.read().split()

    def waits(pid):
        """It has a thread for the lock, and another for the client."""
        return len(os.listdir(f"/proc/{pid}/task")) >= 3

    pid = int(wait_for(keeper, "the keeper")[0])
    wait_for(lambda: waits(pid), "the wait")
    return process, pid, made


def killed_while_it_waits(cluster):
    """A front that is gone has nobody who wants the lock; a keeper that is gone is said as such."""
    holder, _, command = counting(cluster, "waited-for", "lock", "waited-for")
    process, keeper, made = waiting(cluster, "waited-for")
    process.kill()
    wait_for(lambda: is_gone(keeper), "the end of the keeper", 5)
    end_of(process)
    process, keeper, made_too = waiting(cluster, "waited-for")
    os.kill(keeper, signal.SIGKILL)
    code, _, err = end_of(process, 10)
    check_equal((code, err), (-signal.SIGKILL, ""), "as the keeper ended; nothing was stopped")
    holder.send_signal(signal.SIGTERM)
    end_of(holder)
    check(is_gone(command) and is_free(cluster, "waited-for", "5"), "it is free")
    check(not made.exists() and not made_too.exists(), "a command ran that nobody waits for")


def jobs_of_the_shell(cluster):
    """A shell that becomes `once` leaves it its jobs: they are not the command's."""
    job, up = cluster.directory / "job-of-the-shell", cluster.directory / "keeper-of-the-shell"
    script = (f"sleep 60 & echo $! > {job}; exec \"$0\" \"$@\" "
              f"lock shell -- sh -c 'echo $PPID > {up}; sleep 60'")
    shell = subprocess.Popen(["bash", "-c", script, cluster.once, "--endpoints",
                              cluster.endpoints()], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    keeper = int(wait_for(lambda: lines_of(up), "the command")[0])
    pid = int(lines_of(job)[0])
    try:
        os.kill(keeper, signal.SIGKILL)
        check_equal(shell.wait(timeout=20), LOST, "the lock")
        check(not is_gone(pid), "the shell's own job was ended")
    finally:
        if not is_gone(pid):
            os.kill(pid, signal.SIGKILL)


def killed_by_a_fault(cluster):
    """SIGSEGV and its like end `once` itself: the command does not go on without it."""
    for number in (signal.SIGSEGV, signal.SIGABRT):
        process, _, command = counting(cluster, f"fault-{number}", "lock", "fault")
        process.send_signal(number)
        wait_for(lambda: is_gone(command), "the end of the command", 5)
        check_equal(end_of(process)[0], -number, "how `once` ended")
        wait_for(lambda: is_free(cluster, "fault"), "the lock", 2)


def killed_run_is_written_down(cluster):
    """The others are told that the command was ended; they do not wait for nothing."""
    process, _, command = counting(cluster, "run-killed", "run", "run-killed")
    process.kill()
    wait_for(lambda: is_gone(command), "the end of the command", 10)
    process.communicate(timeout=10)
    code = end_of(start(cluster, "--json", "run", "--wait", "5", "run-killed", "--", "true"))[0]
    check_equal(code, 5, "the command's last word, after SIGTERM")


def stopped(cluster):
    """A command that is stopped is continued to be told; a keeper that is stopped goes on."""
    process, path, command = counting(cluster, "stopped", "lock", "--ttl", "1", "stopped")
    os.kill(command, signal.SIGSTOP)
    wait_for(lambda: state_of(command) == "T", "the command stops", 5)
    process.send_signal(signal.SIGTERM)
    check_equal(end_of(process, 10)[0], 5, f"its own exit code, {lines_of(path)}")
    process, path, command = counting(cluster, "stopped-2", "lock", "--ttl", "1", "stopped")
    os.kill(parent_of(command), signal.SIGSTOP)
    time.sleep(2)
    check(not is_free(cluster, "stopped"), "it is still renewed")
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(2)
    check(not is_free(cluster, "stopped"), "also while `once` itself is stopped")
    os.kill(process.pid, signal.SIGCONT)
    os.kill(command, signal.SIGSTOP)
    check_equal(cluster.run("set", "stopped", "foreign").returncode, DONE, "it is lost")
    check_equal(end_of(process, 10)[0], LOST, "a lost lock")
    check(str(int(signal.SIGTERM)) in lines_of(path), "it was continued, and told")


def what_it_inherits(cluster):
    """Ignored signals, no blocked ones, open descriptors, and none of ours."""
    show = ("grep -E 'Sig(Blk|Ign)' /proc/self/status; "
            "ls -l /proc/self/fd | sed 's/.* \\([0-9]* ->\\)/\\1/'")
    kept = (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1)

    def ignore():
        for number in kept:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    for words in (("lock", "heir"), ("run", "heir-run")):
        plain = end_of(start(cluster, *words, "--", "sh", "-c", show))
        check_equal(plain[0], DONE, f"{plain}")
        values = dict(line.split() for line in plain[1].splitlines() if line.startswith("Sig"))
        check_equal(int(values["SigBlk:"], 16), 0, "nothing is blocked")
        ignored = int(values["SigIgn:"], 16)
        check_equal(ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1 |
                               1 << signal.SIGCHLD - 1), 0, "what we ignore is not ignored there")
        fds = {line.split()[0] for line in plain[1].splitlines() if "->" in line}
        check_equal(fds, {"0", "1", "2", "3"}, f"descriptors (3 is that of ls): {plain[1]}")
        words = (words[0], words[1] + "-2")
        done = subprocess.run(
            ["bash", "-c", "exec 9>&2 0<&- 2>&-; exec \"$0\" \"$@\"", cluster.once, "--endpoints",
             cluster.endpoints(), *words, "--", "sh", "-c", f"({show}) >&9"],
            stderr=subprocess.PIPE, preexec_fn=ignore, timeout=30)
        out = done.stderr.decode()
        check_equal(done.returncode, DONE, f"with much that is odd: {out}")
        values = dict(line.split() for line in out.splitlines() if line.startswith("Sig"))
        ignored = int(values["SigIgn:"], 16)
        for number in kept:
            check(ignored & 1 << number - 1, f"signal {number} stays ignored: {out}")
        links = dict(line.split(" -> ") for line in out.splitlines() if " -> " in line)
        check_equal((links["0"], links["2"]), ("/dev/null", "/dev/null"), "what was closed")
        check("9" in links, "what the caller had open")
        # Then the kernel reaps by itself, and who waits never hears of an end.
        code, out, err = end_of(start(
            cluster, words[0], words[1] + "-3", "--", "grep", "SigIgn", "/proc/self/status",
            preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)))
        check_equal(code, DONE, f"SIGCHLD ignored: {err}")
        check(int(out.split()[1], 16) & 1 << signal.SIGCHLD - 1, "and it stays ignored")


def no_majority(cluster):
    """The command ends in order before its lock's time is over, and is killed before if it is deaf.
    Without a majority nobody sees another holder; the time is what counts."""
    for name, trap, seconds in (("orderly", "sleep 0.7; echo ended", 3), ("deaf", "", 3)):
        path = cluster.directory / f"margin-{name}"
        script = (f"trap '{trap} >> {path}; exit 4' TERM; " if trap else "trap '' TERM; ") + \
            f"echo up >> {path}; while :; do sleep 0.05; done"
        process = start(cluster, "lock", "--ttl", str(seconds), name, "--", "sh", "-c", script)
        wait_for(lambda: lines_of(path), "the command")
        for node in cluster.nodes[1:]:
            os.kill(node.process.pid, signal.SIGSTOP)
        begun = time.monotonic()
        process.wait(timeout=20)
        took = time.monotonic() - begun
        for node in cluster.nodes[1:]:
            os.kill(node.process.pid, signal.SIGCONT)
        code, _, err = end_of(process)
        check_equal(code, LOST, f"{name}: {err}")
        if trap:
            check_equal(lines_of(path), ["up", "ended"], f"its orderly end: {err}")
            check("it exited with 4" in err, f"said: {err}")
        else:
            check("killed by signal 9" in err, f"said: {err}")
        # The release that nobody answers takes time after it; what was said came before.
        check("before another may take it" in err, f"said: {err}")
        print(f"   {name}: `once lock` ended {took:.1f} s after the majority went")
        cluster.wait_ready()


def interrupted_while_asking(cluster):
    """Ctrl-C is heard while nobody answers, and what is known is said: the id of a write."""
    for node in cluster.nodes:
        os.kill(node.process.pid, signal.SIGSTOP)
    try:
        for words in (("run", "broken-off", "--", "touch", str(cluster.directory / "never")),
                      ("write", "broken-off-w", "mine"), ("set", "broken-off-s", "mine"),
                      ("cas", "broken-off-c", "0", "mine"), ("next", "broken-off-n"),
                      ("seal", "broken-off-w", "1")):
            process = start(cluster, *words)
            time.sleep(0.7)
            process.send_signal(signal.SIGINT)
            begun = time.monotonic()
            code, _, err = end_of(process, 15)
            check(time.monotonic() - begun < 10, f"{words}: not at once, but --timeout later")
            check(code in (UNKNOWN, 128 + signal.SIGINT, -signal.SIGINT), f"{words}: {code} {err}")
            if words[0] == "run":
                check("run" in err and "not" in err, f"said: {err}")
                continue
            check("request id was " in err, f"{words}: {err}")
            if words[0] == "write":
                written = err.split("request id was ")[1][:32]
    finally:
        for node in cluster.nodes:
            os.kill(node.process.pid, signal.SIGCONT)
    cluster.wait_ready()
    check(not (cluster.directory / "never").exists(), "the command ran after all")
    done = cluster.run("write", "broken-off-w", "mine", "--request-id", written)
    check_equal(done.returncode, DONE, f"the safe repeat: {done.stderr!r}")
    told = json.loads(cluster.run("read", "broken-off-w", json_output=True).stdout)
    check_equal(told["writer"], written, "by the request that was broken off")


if __name__ == "__main__":
    with Cluster(options(), name="signals") as three:
        run_steps([(step.__name__, lambda step=step: step(three)) for step in
                   (every_signal_once, to_the_group_once, an_alarm_of_the_caller, by_its_name,
                    killed, killed_keeper_as_json, killed_keeper_after_the_end,
                    killed_while_it_waits, jobs_of_the_shell, killed_by_a_fault,
                    killed_run_is_written_down, stopped, what_it_inherits, no_majority,
                    interrupted_while_asking)])
