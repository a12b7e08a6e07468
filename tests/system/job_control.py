#!/usr/bin/env python3
"""`once lock` and `once run` in a terminal: Ctrl-Z, fg, bg, Ctrl-C, pipelines, commands that ask on
the terminal, shells within shells. As a user would meet them, with bash on a terminal."""

import os
import shutil
import signal
import time

from cluster import Cluster, DONE, REFUSED, check, check_equal, options, run_steps, wait_for
from pty_shell import END_OF_INPUT, INTERRUPT, QUIT, STOP, Shell


def shell_of(cluster):
    return Shell({"ONCE_ENDPOINTS": cluster.endpoints(),
                  "PATH": f"{os.path.dirname(str(cluster.once))}:{os.environ['PATH']}"})


def script(cluster, name, *lines):
    path = cluster.directory / name
    path.write_text("\n".join(lines) + "\n")
    return path


def is_held(cluster, name):
    return cluster.run("lock", "--wait", "0", name, "--", "true").returncode == REFUSED


def stopped_and_continued(cluster):
    """The lock stays ours while the job is stopped, for longer than its TTL, as with flock."""
    for resume in ("fg", "bg; wait %1"):
        with shell_of(cluster) as shell:
            shell.press(b"once lock --ttl 1 z -- sh -c 'echo u''p; sleep 1; exit 5'\n")
            shell.expect("up")
            shell.press(STOP)
            check_equal(shell.answers()[1], 128 + signal.SIGTSTP, "the shell is back")
            time.sleep(2.5)
            check(is_held(cluster, "z"), "a job that is stopped keeps its lock")
            check_equal(shell.line(resume)[1], 5, f"its exit code, after {resume}")
            check(not is_held(cluster, "z"), "released")


def stopped_while_it_waits(cluster):
    with shell_of(cluster) as holder, shell_of(cluster) as waiter:
        holder.press(b"once lock w -- sh -c 'echo u''p; read x'\n")
        holder.expect("up")
        waiter.press(b"once lock w -- sh -c 'echo go''t'\n")
        time.sleep(0.5)
        waiter.press(STOP)
        check_equal(waiter.answers()[1], 128 + signal.SIGTSTP, "the shell is back")
        holder.press(b"\n")
        check_equal(holder.answers()[1], 0, "the holder")
        time.sleep(0.5)
        waiter.press(b"fg\n")
        waiter.expect("got")
        check_equal(waiter.answers()[1], 0, "the one that waited")
        waiter.press(b"once lock w -- sh -c 'echo u''p; read x'\n")
        waiter.expect("up")
        holder.press(b"once lock w -- echo never\n")
        time.sleep(0.5)
        holder.press(INTERRUPT)
        shown, code = holder.answers()
        check_equal(code, 128 + signal.SIGINT, "Ctrl-C while it waits")
        check("not run" in shown and "never" not in shown, f"said: {shown}")


def in_the_background(cluster):
    """It stops when it wants the terminal, and gets it with fg."""
    with shell_of(cluster) as shell:
        shell.line("once lock f -- cat &")
        time.sleep(0.7)
        check("Stopped" in shell.line("jobs")[0], "cat wants to read")
        shell.press(b"fg\n")
        time.sleep(0.3)
        shell.press(b"hel''lo\n")
        shell.expect("hel''lo")
        shell.press(END_OF_INPUT)
        check_equal(shell.answers()[1], 0, "cat's end")


def asks_on_the_terminal(cluster):
    ask = script(cluster, "ask.sh", "read word < /dev/tty", "echo got-$word")
    for line in ("echo data | once lock t -- sh {}", "once lock t -- sh {} | cat",
                 "echo data | once lock t -- sh {} | cat", "once run t-run -- sh {} < /dev/null",
                 "(once lock t -- sh {} 2>&1)", "once lock t -- once lock t2 -- sh {}"):
        with shell_of(cluster) as shell:
            line = line.replace("{}", str(ask))
            shell.press(f"{line}\n".encode())
            time.sleep(0.7)
            shell.press(b"hello\n")
            shell.expect("got-hello", 5)
            check_equal(shell.answers()[1], 0, line)


def the_others_of_a_pipeline(cluster):
    """Whoever is beside it has the terminal too, as a pager needs it."""
    ask = script(cluster, "pager.sh", "cat > /dev/null", "read word < /dev/tty", "echo got-$word")
    with shell_of(cluster) as shell:
        shell.press(f"once lock p -- echo much | sh {ask}\n".encode())
        time.sleep(0.7)
        shell.press(b"hello\n")
        shell.expect("got-hello", 5)
        check_equal(shell.answers()[1], 0, "the pager")


COUNT = """import signal, sys, time
seen = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGWINCH):
    signal.signal(number, lambda number, _: seen.append(signal.Signals(number).name))
print("u" + "p", flush=True)
end = time.time() + float(sys.argv[1])
while time.time() < end:
    time.sleep(0.05)
open(sys.argv[2], "w").write(" ".join(seen))
"""


def each_signal_once(cluster):
    """What the terminal, or the shell, sends to the job comes to the command once, not twice."""
    count, told = script(cluster, "count.py", COUNT), cluster.directory / "told"
    for word in ("once lock c --", "once run c-{} --", "true | once lock c --"):
        for keys, wanted in ((INTERRUPT, "SIGINT"), (QUIT, "SIGQUIT")):
            with shell_of(cluster) as shell:
                shell.press(f"{word.format(wanted)} python3 {count} 1 {told}\n".encode())
                shell.expect("up")
                shell.press(keys)
                check_equal(shell.answers()[1], 0, f"{word}: it goes on, as it wants")
                check_equal(told.read_text(), wanted, word)
    with shell_of(cluster) as shell:
        for number in ("TERM", "HUP", "INT"):
            shell.line(f"once lock c -- python3 {count} 1 {told} &")
            shell.expect("up")
            shell.line(f"kill -{number} %1")
            check_equal(shell.line("wait %1")[1], 0, "it goes on")
            check_equal(told.read_text(), f"SIG{number}", "from the shell to the job")


def a_loop_ends(cluster):
    """Ctrl-C ends the loop of the shell around it, not only one round: we died of it, too."""
    with shell_of(cluster) as shell:
        shell.press(b"for i in 1 2 3; do once lock l -- sh -c \"echo u''p$i; sleep 20\"; done\n")
        shell.expect("up1")
        time.sleep(0.3)  # dash loses a signal that comes while it starts a program
        shell.press(INTERRUPT)
        shown, code = shell.answers()
        check_equal(code, 128 + signal.SIGINT, "the loop")
        check("up2" not in shown, f"another round: {shown!r}")
        check(not is_held(cluster, "l"), "released")


def ended_by_quit(cluster):
    """Ctrl-\\ too: the shell says of what the job died."""
    with shell_of(cluster) as shell:
        shell.press(b"once lock q -- sh -c \"echo u''p; sleep 20\"\n")
        shell.expect("up")
        time.sleep(0.3)
        shell.press(QUIT)
        shown, code = shell.answers()
        check_equal(code, 128 + signal.SIGQUIT, "Ctrl-\\")
        check("Quit" in shown, f"the shell says: {shown!r}")


def a_change_is_stopped(cluster):
    """Ctrl-Z while it waits for an answer; with fg it goes on."""
    for words in ("write z-write v", "set z-set v", "cas z-cas 0 v", "next z-next",
                  "seal z-set 1"):
        with shell_of(cluster) as shell:
            for node in cluster.nodes:
                os.kill(node.process.pid, signal.SIGSTOP)
            try:
                shell.press(f"once --timeout 60000 {words}\n".encode())
                time.sleep(0.7)
                shell.press(STOP)
                check_equal(shell.answers()[1], 128 + signal.SIGTSTP, f"{words}: the shell is back")
                check("Stopped" in shell.line("jobs")[0], words)
            finally:
                for node in cluster.nodes:
                    os.kill(node.process.pid, signal.SIGCONT)
            shell.press(b"fg\n")
            check_equal(shell.answers(60)[1], DONE, words)


def shells_within(cluster):
    """A shell with job control of its own; its `suspend` gives the terminal to the outer one."""
    with shell_of(cluster) as shell:
        shell.press(b"PS1='inner> ' once lock s -- bash --norc --noprofile -i\n")
        shell.expect("inner> ")
        shell.press(b"sleep 30\n")
        time.sleep(0.5)
        shell.press(STOP)
        check_equal(shell.answers()[1], 128 + signal.SIGTSTP, "the inner shell has its jobs")
        shell.press(b"fg\n")
        time.sleep(0.3)
        shell.press(INTERRUPT)
        check_equal(shell.answers()[1], 128 + signal.SIGINT, "and their signals")
        check(is_held(cluster, "s"), "the lock of the inner shell")
        shell.press(b"suspend\n")
        time.sleep(0.5)
        check("once lock" in shell.line("jobs")[0], "the outer shell is back")
        shell.press(b"fg\n")
        time.sleep(0.5)
        check("in-s" in shell.line("echo in-$ONCE_LOCK_NAME")[0], "the inner one again")
        shell.press(b"exit 7\n")
        check_equal(shell.answers()[1], 7, "its exit code")


def lost_while_stopped(cluster):
    """What is stopped is continued, so that it can end; the shell is told."""
    ended = cluster.directory / "ended"
    command = script(cluster, "trap.sh", f"trap 'echo orderly > {ended}; exit 3' TERM", "echo up",
                     "while :; do sleep 0.05; done")
    with shell_of(cluster) as shell:
        shell.press(f"once lock --ttl 1 x -- sh {command}\n".encode())
        shell.expect("up")
        shell.press(STOP)
        shell.answers()
        check_equal(cluster.run("set", "x", "foreign").returncode, DONE, "somebody takes it")
        wait_for(ended.exists, "its orderly end", 5)
        shell.expect("was lost", 5)
        time.sleep(0.3)
        check("Stopped" not in shell.line("jobs")[0], "the job is over")


def without_a_shell(cluster):
    """As the only program of a terminal: nobody could continue it, so Ctrl-Z does nothing."""
    if shutil.which("script") is None:
        print("   not checked here: there is no script(1)")
        return
    with shell_of(cluster) as shell:
        command = "once lock y -- sh -c \"read a; echo got-$a\""
        shell.press(f"script -qec '{command.replace('$a', chr(92) + '$a')}' /dev/null\n".encode())
        time.sleep(1)
        shell.press(STOP)
        time.sleep(0.5)
        shell.press(b"hello\n")
        shell.expect("got-hello", 5)
        shell.expect("$ ", 5)  # until then script(1) reads what is typed
        check_equal(shell.answers()[1], 0, "script")


if __name__ == "__main__":
    with Cluster(options(), name="jobs") as three:
        run_steps([(step.__name__, lambda step=step: step(three)) for step in
                   (stopped_and_continued, stopped_while_it_waits, in_the_background,
                    asks_on_the_terminal, the_others_of_a_pipeline, each_signal_once, a_loop_ends,
                    ended_by_quit, a_change_is_stopped, shells_within, lost_while_stopped,
                    without_a_shell)])
