#!/usr/bin/env python3
"""Nothing that is only for people fails what was done: each command with a standard output or error
that is closed, on a full disk, over a limit, or that nobody reads any more. And what the system
refuses (threads, processes) gets a reason and a code, not a core dump."""

import errno
import os
import resource
import signal
import subprocess

import disks
from cluster import (Cluster, DONE, EMPTY, OTHER_ERROR, REFUSED, UNKNOWN, USAGE, check,
                     check_equal, free_port, options, run_steps, wait_for)

LOST = 8
CLONE, FORK, VFORK, CLONE3 = 56, 57, 58, 435  # of x86-64


class Broken:
    """A descriptor that cannot be written to, and in which way."""

    def __init__(self, how, directory):
        self.how, self.directory, self.file = how, directory, None

    def __enter__(self):
        if self.how == "full":
            self.file = open("/dev/full", "wb")
        elif self.how in ("gone", "stuck"):
            self.reader, writer = os.pipe()
            self.file = os.fdopen(writer, "wb", buffering=0)
            if self.how == "gone":
                os.close(self.reader)
            else:
                os.set_blocking(writer, False)
                try:
                    while True:
                        os.write(writer, bytes(4096))
                except BlockingIOError:
                    os.set_blocking(writer, True)
        elif self.how == "limited":
            self.file = open(self.directory / "limited", "wb")
        return self

    def __exit__(self, *_):
        if self.file is not None:
            self.file.close()
        if self.how == "stuck":
            os.close(self.reader)

    @staticmethod
    def environment():
        """ThreadSanitizer writes a file there before main(): the limit would end the program."""
        return {**os.environ, "TMPDIR": "/nowhere"}

    def prepare(self, descriptor):
        def apply():
            # Python ignores it, a shell does not.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            if self.how == "closed":
                os.close(descriptor)
            if self.how == "limited":
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        return apply


def code_with(cluster, how, descriptor, *words, json=False, command=None):
    """The exit code with that descriptor (1 or 2) broken so; the other one is read."""
    with Broken(how, cluster.directory) as broken:
        files = {1: subprocess.PIPE, 2: subprocess.PIPE}
        if broken.file is not None:
            files[descriptor] = broken.file
        start = command or [cluster.once, "--endpoints", cluster.endpoints()]
        process = subprocess.Popen(
            [*start, *(["--json"] if json else []), *words], stdin=subprocess.DEVNULL,
            stdout=files[1], stderr=files[2], preexec_fn=broken.prepare(descriptor),
            env=broken.environment())
        out, err = process.communicate(timeout=30)
        return process.returncode, out or b"", err or b""


WAYS = ("closed", "full", "gone", "limited")


def changes(cluster):
    """0, whoever reads of it or not; a token that nobody was told is of use to nobody."""
    for how in WAYS:
        for descriptor in (1, 2):
            for json in (False, True):
                name = f"{how}-{descriptor}-{json}"
                for words in (("write", f"w-{name}", "v"), ("set", f"s-{name}", "v"),
                              ("cas", f"c-{name}", "0", "v"), ("seal", f"s-{name}", "1")):
                    code, _, err = code_with(cluster, how, descriptor, *words, json=json)
                    check_equal(code, DONE, f"{words} {how}: {err!r}")
                code, _, err = code_with(cluster, how, descriptor, "next", f"n-{name}", json=json)
                check_equal(code, UNKNOWN if descriptor == 1 else DONE, f"next {name}: {err!r}")
                code, _, err = code_with(cluster, how, descriptor, "write", f"w-{name}", "x",
                                         json=json)
                check_equal(code, REFUSED, f"a refusal {name}: {err!r}")


def questions(cluster):
    """An answer that cannot be shown is none; that there is none needs no words."""
    cluster.run("set", "asked", "value")
    for how in WAYS:
        for words, wanted in ((("read", "asked"), OTHER_ERROR), (("wait", "asked"), OTHER_ERROR),
                              (("check", "asked", "1"), DONE), (("check", "asked", "7"), REFUSED),
                              (("read", "nobody"), EMPTY), (("status",), OTHER_ERROR),
                              (("completion", "bash"), OTHER_ERROR), (("--help",), OTHER_ERROR)):
            if words[0] == "check" and words[2] == "7":
                wanted = cluster.run(*words).returncode
            quiet = how == "gone" and words[0] in ("read", "wait", "status", "completion")
            code, _, err = code_with(cluster, how, 1, *words)
            if quiet and wanted == OTHER_ERROR:
                check_equal((code, err), (-signal.SIGPIPE, b""), f"{words}, as of any program")
            else:
                check_equal(code, wanted, f"{words}, standard output {how}: {err!r}")
        for words, wanted in ((("read", "asked"), DONE), (("read", "nobody"), EMPTY),
                              (("status",), DONE), (("nonsense",), USAGE),
                              (("write", "_x", "v"), USAGE)):
            check_equal(code_with(cluster, how, 2, *words)[0], wanted, f"{words}, errors {how}")


def commands(cluster):
    """A job that was claimed is run, a lock that is held is used, and both are ended in order."""
    for how in (*WAYS, "stuck"):
        for descriptor in (1, 2):
            for json in (False, True):
                name = f"{how}-{descriptor}-{json}"
                for words in (("run", f"run-{name}"), ("lock", f"lock-{name}")):
                    ran = cluster.directory / f"{words[0]}-{name}"
                    code, _, err = code_with(cluster, how, descriptor, *words, "--", "sh", "-c",
                                             f"mkdir {ran}; exit 9", json=json)
                    check_equal((code, ran.exists()), (9, True), f"{words} {how}: {err!r}")
                code, _, err = code_with(cluster, how, descriptor, "run", f"run-{name}", "--",
                                         "true", json=json)
                check_equal(code, 9, f"what the others hear of {name}: {err!r}")
                code, _, err = code_with(cluster, how, descriptor, "lock", f"lock-{name}", "--",
                                         "no-such-program", json=json)
                check_equal(code, 127, f"not found, {name}: {err!r}")


def lost(cluster):
    for how in (*WAYS, "stuck"):
        with Broken(how, cluster.directory) as broken:
            process = subprocess.Popen(
                [cluster.once, "--endpoints", cluster.endpoints(), "lock", "--ttl", "1",
                 f"lost-{how}", "--", "sleep", "20"], stdin=subprocess.DEVNULL,
                stderr=broken.file, preexec_fn=broken.prepare(2), env=broken.environment())
            wait_for(lambda: b"held" in cluster.run("read", f"lost-{how}").stdout, "the lock")
            cluster.run("set", f"lost-{how}", "foreign")
            check_equal(process.wait(timeout=20), LOST, how)


def the_server(cluster):
    """A directory that was formatted is, and says so where it can."""
    members = ",".join(f"{node}=127.0.0.1:{free_port()}" for node in (1, 2, 3))
    for how in ("closed", "full", "gone"):
        for descriptor in (1, 2):
            data = cluster.directory / f"format-{how}-{descriptor}"
            code, _, err = code_with(
                cluster, how, descriptor, "format", "--data", str(data), "--node", "1",
                "--cluster", members, "--new-cluster", "--segment-mib", "2",
                command=[cluster.onced])
            check_equal(code, 0, f"format {how}: {err!r}")
            if (how, descriptor) == ("full", 1):
                check(b"was formatted all the same" in err, f"said: {err!r}")
            for words in (("inspect", "--data", str(data)), ("version",)):
                code, _, err = code_with(cluster, how, descriptor, *words,
                                         command=[cluster.onced])
                nothing = descriptor == 1 and how != "closed"
                check_equal(code, 1 if nothing else 0, f"{words} {how} {descriptor}: {err!r}")
            check_equal(code_with(cluster, how, descriptor, "nonsense", command=[cluster.onced])[0],
                        64, f"usage {how}")


def the_load_generator(cluster):
    for how in ("closed", "full", "gone"):
        for descriptor, wanted in ((1, 1), (2, 0)):
            code, _, err = code_with(
                cluster, how, descriptor, "--endpoints", cluster.endpoints(), "--seconds", "1",
                "--connections", "1", "--in-flight", "1",
                command=[os.path.join(os.path.dirname(cluster.once), "once-bench")])
            check_equal(code, wanted, f"once-bench {how} {descriptor}: {err!r}")


def refused_by_the_system(cluster):
    """No thread, no process: said in a line, before anything was asked for or claimed."""
    ran = cluster.directory / "ran"
    for calls in ([CLONE3], [CLONE, FORK, VFORK]):
        def refuse(calls=calls):
            for call in calls:
                disks.deny(call, errno.EAGAIN)()
        for words in (("write", "no-thread", "v"), ("lock", "no-thread-l", "--", "touch", str(ran)),
                      ("run", "no-thread-r", "--", "touch", str(ran))):
            if words[0] == "write" and calls != [CLONE3]:
                continue
            done = subprocess.run([cluster.once, "--endpoints", cluster.endpoints(), *words],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                                  preexec_fn=refuse)
            check_equal(done.returncode, OTHER_ERROR, f"{words}: {done.stderr!r}")
            check(b"cannot start a" in done.stderr and done.stderr.count(b"\n") == 1,
                  f"said: {done.stderr!r}")
    for name in ("no-thread", "no-thread-r", "no-thread-l"):
        check_equal(cluster.run("read", name).returncode, EMPTY, f"{name} was touched")
    check(not ran.exists(), "nothing ran")
    done = subprocess.run([cluster.onced, "start", "--data", cluster.nodes[0].directory, "--listen",
                           f"127.0.0.1:{free_port()}"], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30,
                          preexec_fn=disks.deny(CLONE3, errno.EAGAIN))
    check(done.returncode > 0, f"a node without threads: {done.returncode} {done.stderr!r}")


if __name__ == "__main__":
    with Cluster(options(), name="unprintable") as three:
        run_steps([(step.__name__, lambda step=step: step(three)) for step in
                   (changes, questions, commands, lost, the_server, the_load_generator,
                    refused_by_the_system)])
