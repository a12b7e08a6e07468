"""A data directory that a start refuses, and left as it was, byte for byte; and ways to damage one
that a node has written to. For the tests of exit codes."""

import hashlib
import pathlib
import shutil
import subprocess

import peer_protocol
from cluster import Node, check, check_equal, free_port, wait_for

CORRUPT = 65
BLOCK = 4096


def snapshot(directory):
    """Path -> size and hash. `lock` only says which process came last."""
    result = {}
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if path.is_file() and path.name != "lock":
            result[path.name] = (path.stat().st_size,
                                 hashlib.sha256(path.read_bytes()).hexdigest())
        else:
            result[path.name] = None
    return result


def one_line(text):
    """The only error line of a refusal, without its time."""
    errors = [line for line in text.decode().splitlines() if " error " in line]
    check_equal(len(errors), 1, f"error lines in {text!r}")
    return errors[0]


def refused(cluster, code, directory, words, preexec=None, arguments=None):
    """Ends at once with that code and a reason that has all these words; nothing changes there."""
    before = snapshot(directory)
    arguments = arguments or ["start", "--data", directory, "--listen",
                              f"127.0.0.1:{free_port()}", "--cores", str(cluster.cores)]
    done = subprocess.run([cluster.onced, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30, preexec_fn=preexec)
    check_equal(done.returncode, code, f"exit code of {arguments}: {done.stderr!r}")
    check(b"whole:" not in done.stdout, f"{arguments} says that it is whole: {done.stdout!r}")
    reason = one_line(done.stderr)
    for word in words:
        check(word in reason, f"{word!r} in {reason!r}")
    check(snapshot(directory) == before, f"a refused start changed {directory}")
    return reason


def verifying(directory):
    return ["verify", "--data", directory]


class Damage:
    """Copies of the directory of a node that wrote much and was killed, each to be damaged."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.intact = cluster.nodes[0].directory
        self.copy = cluster.directory / "damaged"

    def refused(self, what, damage, words, code=CORRUPT, inspect=True):
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.intact, self.copy)
        damage(self.copy)
        print(f"   {what}: {refused(self.cluster, code, self.copy, words)}")
        if inspect:
            done = subprocess.run([self.cluster.onced, "inspect", "--data", self.copy],
                                  capture_output=True, timeout=30)
            check_equal(done.returncode, code, f"inspect after {what}: {done.stderr!r}")
            refused(self.cluster, code, self.copy, words, arguments=verifying(self.copy))
        shutil.rmtree(self.copy)


    def taken(self, what, change, leave=False):
        """A start takes it as it is, and stops in order."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.intact, self.copy)
        change(self.copy)
        node = Node(self.cluster, 1)
        node.directory = self.copy
        node.peer_port = self.cluster.nodes[0].peer_port
        before = len(node.log_text())
        node.start()
        wait_for(lambda: "serves clients" in node.log_text()[before:], f"{what}: it starts", 20)
        node.stop()
        if not leave:
            shutil.rmtree(self.copy)


def flip(path, offset, bit):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def segments(directory, stream):
    """In their order. The cleaner works on while a node runs: the first need not be number 1."""
    return sorted(directory.glob(f"log-{stream}-*.seg"),
                  key=lambda path: int(path.stem.split("-")[2]))


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def point_nowhere(path):
    path.unlink()
    path.symlink_to("/nowhere/segment")


def rewrite(path, before, after):
    """A small file with another content, and the checksum of that."""
    text = path.read_text().replace(before, after).rpartition("checksum=")[0]
    path.write_text(f"{text}checksum={peer_protocol.hash_of(text.encode()):016x}\n")


def reformat(path, number):
    """As if a release with another format had written it."""
    rewrite(path, "format=2\n", f"format={number}\n")


def reseal(path, number, change):
    """A block of a log file with another content, and the checksum of that."""
    with open(path, "r+b") as file:
        file.seek(number * BLOCK)
        block = bytearray(file.read(BLOCK))
        change(block)
        block[16:24] = bytes(8)
        block[16:24] = peer_protocol.hash_of(bytes(block)).to_bytes(8, "little")
        file.seek(number * BLOCK)
        file.write(block)
