#!/usr/bin/env python3
"""Every exit code of `onced` that a start can end with, provoked on a real process: the code, a
reason in one line, and a data directory that the refused start left as it was, byte for byte.
(74, a log that fails while running, is in broken_disks.py.)"""

import asyncio
import contextlib
import fcntl
import os
import pathlib
import random
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import disks
import protocol
from cluster import Cluster, Node, check, check_equal, free_port, options, run_steps, wait_for
from damage import (BLOCK, CORRUPT, Damage, cut, flip, one_line, point_nowhere, reformat, refused,
                    reseal, rewrite, segments, snapshot, verifying)
from terminal import on_a_terminal

ERROR, USAGE, DIRECTORY, NO_URING, LISTEN, NO_MEMORY = 1, 64, 66, 69, 71, 72
VALUE = bytes(60_000)


def whole(cluster, node):
    """Says so of a node that was killed, changes nothing, and counts what is there."""
    before = snapshot(node.directory)
    done = subprocess.run([cluster.onced, *verifying(node.directory)], capture_output=True,
                          text=True, timeout=60)
    check_equal(done.returncode, 0, f"verify: {done.stderr!r}")
    check_equal(done.stderr, "", "progress belongs on a terminal")
    check(re.search(r"^log 0: \d+ segments, \d+ blocks, \d+ records", done.stdout), done.stdout)
    verdict = re.search(r"^whole: (\d+) names, (\d+) records, last incarnation 1$", done.stdout,
                        re.MULTILINE)
    check(verdict and int(verdict[1]) >= 220 and int(verdict[2]) > 220, done.stdout)
    code, sent = on_a_terminal([cluster.onced, *verifying(node.directory)], ("stderr",))
    check_equal(code, 0, f"verify on a terminal: {sent!r}")
    # Its spare files are not read twice, and free ones not at all.
    check_equal(re.findall(rb"\] +(\d+) %", sent)[-1:], [b"100"], f"the end of {sent!r}")
    check(snapshot(node.directory) == before, "verify changed the directory")


def no_memory(cluster, node):
    """The first limit that is too low for all names, from above."""
    if b"__asan_init" in pathlib.Path(cluster.onced).read_bytes():
        print("   not checked here: a sanitizer maps more than any limit")
        return
    for mib in range(96, 0, -4):
        limit = (mib << 20, mib << 20)
        done = subprocess.run([cluster.onced, *verifying(node.directory)], capture_output=True,
                              timeout=60, preexec_fn=lambda limit=limit: resource.setrlimit(
                                  resource.RLIMIT_AS, limit))
        if done.returncode == 0:
            continue
        check_equal(done.returncode, NO_MEMORY, f"verify in {mib} MiB: {done.stderr!r}")
        check("out of memory" in one_line(done.stderr), f"{done.stderr!r}")
        check("ulimit -u" not in one_line(done.stderr), f"{done.stderr!r}")
        print(f"   {mib} MiB: {one_line(done.stderr)}")
        return
    raise AssertionError("it takes no memory")


async def write_much(node, count=220):
    connection = await protocol.Connection.open(node.client_port)
    names = [f"durable-{index}".encode() for index in range(count)]
    for begin in range(0, count, 20):
        replies = await asyncio.gather(*(connection.write(name, VALUE)
                                         for name in names[begin:begin + 20]))
        check(all(reply.status == protocol.DONE for reply in replies), "writes")
    await connection.close()


def corrupt_logs(cluster, damage, seed):
    source = random.Random(seed)
    there = [[path.name for path in segments(damage.intact, stream)] for stream in (0, 1)]
    check(len(there[0]) >= 4, f"{there[0]}: too few to lose one in the middle")
    for number in range(4):  # blocks 1..200 of the first segment are far below the watermark
        block = 0 if number == 0 else source.randrange(1, 200)
        offset = block * BLOCK + source.randrange(BLOCK)
        bit = source.randrange(8)
        damage.refused(f"bit {bit} of byte {offset} flipped",
                       lambda copy: flip(segments(copy, 0)[0], offset, bit),
                       ["corrupt log", there[0][0], "must not vote"])
    damage.refused("a middle segment is missing", lambda copy: segments(copy, 0)[1].unlink(),
                   ["corrupt log", there[0][1], "missing", "must not vote"])
    damage.refused("the first segment is missing", lambda copy: segments(copy, 1)[0].unlink(),
                   ["corrupt log", there[1][0], "missing", "must not vote"])
    damage.refused("a segment is cut", lambda copy: cut(segments(copy, 0)[0]),
                   ["corrupt log", "log-0-", "must not vote"])
    damage.refused("log stream 1 is missing",
                   lambda copy: [path.unlink() for path in segments(copy, 1)],
                   ["log stream 1 is missing", "must not vote"])


def of_later_releases(cluster, damage):
    """What only a newer onced can read; and none of it may be passed over."""
    def newer_format(block):
        block[8] += 1
    damage.refused("a segment of a later format",
                   lambda copy: reseal(segments(copy, 0)[0], 0, newer_format),
                   ["newer log format", "start a newer onced"])
    header = 112

    def unknown_kind(block):
        check(int.from_bytes(block[header:header + 4], "little") > 0, "no record begins there")
        block[header + 4] = 200
    damage.refused("a record of a later release",
                   lambda copy: reseal(segments(copy, 1)[0], 1, unknown_kind),
                   ["log stream 1", "a record that only a newer onced knows"])


def two_faults(cluster, damage):
    """What forbids the node to vote is told by the exit code, whatever is found after it."""
    shutil.copytree(damage.intact, damage.copy)
    flip(segments(damage.copy, 0)[0], 3 * BLOCK, 1)
    point_nowhere(segments(damage.copy, 1)[1])
    for word in ("verify", "inspect"):
        done = subprocess.run([cluster.onced, word, "--data", damage.copy], capture_output=True,
                              timeout=60)
        check_equal(done.returncode, CORRUPT, f"{word}: {done.stderr!r}")
        for said in (b"corrupt log", b"cannot open"):
            check(said in done.stderr, f"{word} tells of both: {done.stderr!r}")
    shutil.rmtree(damage.copy)


def other_streams(cluster, damage):
    """Log streams that the file `streams` does not count: left-overs, unless it is an old copy."""
    def older_copy(copy):
        rewrite(copy / "streams", "count=2\n", "count=1\n")
    words = ["streams", "stream 1 as well", "older than the log", "Nothing was removed"]
    damage.refused("an older copy of streams", older_copy, words, inspect=False)

    def and_rotten(copy):
        older_copy(copy)
        flip(segments(copy, 1)[0], 2 * BLOCK + 300, 1)
    damage.refused("the same, and a rotten block of what it does not count", and_rotten,
                   ["streams", "which run wrote stream 1 last", "Nothing was removed",
                    "corrupt log", "log-1-"], inspect=False)

    def and_not_all_there(copy):
        older_copy(copy)
        segments(copy, 1)[0].unlink()
    damage.refused("the same, and a file of it is gone", and_not_all_there,
                   ["which run wrote stream 1 last", "Nothing was removed", "missing"],
                   inspect=False)
    shutil.copytree(damage.intact, damage.copy)
    older_copy(damage.copy)
    refused(cluster, CORRUPT, damage.copy, words, arguments=verifying(damage.copy))
    shutil.rmtree(damage.copy)

    def left_over(copy):
        with open(copy / "log-2-2.seg", "wb") as spare:
            spare.truncate(segments(copy, 1)[1].stat().st_size)
        (copy / "removed-log-2-1.seg").write_bytes(b"")
        (copy / "log-2-notes.seg").write_text("not ours")
    shutil.copytree(damage.intact, damage.copy)
    left_over(damage.copy)
    before = snapshot(damage.copy)
    for word in ("verify", "inspect"):
        done = subprocess.run([cluster.onced, word, "--data", damage.copy], capture_output=True,
                              text=True, timeout=60)
        check_equal(done.returncode, 0, f"{word} beside a left-over: {done.stderr!r}")
        check(word == "inspect" or "log 2: needed no longer" in done.stdout, done.stdout)
    check(snapshot(damage.copy) == before, "nothing changed")
    damage.taken("a part of a stream that was being removed", left_over, leave=True)
    check(not (damage.copy / "log-2-2.seg").exists(), "it is removed")
    check((damage.copy / "log-2-notes.seg").exists(), "what is not of a log stays")
    shutil.rmtree(damage.copy)


def foreign_logs(cluster, damage):
    """A file of another cluster, and one of this cluster from another disk, under our name."""
    other = Node(cluster, 1)
    for what, cluster_id in (("cluster", "f" * 32), ("disk", cluster.cluster_id)):
        other.directory = cluster.directory / f"other-{what}"
        kept, cluster.cluster_id = cluster.cluster_id, cluster_id
        other.format()
        cluster.cluster_id = kept
        damage.refused(f"a log file of another {what}",
                       lambda copy: shutil.copy(segments(other.directory, 0)[0],
                                                segments(copy, 0)[0]),
                       ["foreign log", segments(damage.intact, 0)[0].name, f"another {what}"])


def bad_directories(cluster, damage):
    base = cluster.directory
    (base / "empty").mkdir()
    (base / "a-file").write_text("a file")
    refused(cluster, DIRECTORY, base / "missing", ["no data directory", "onced format"])
    for content in ("", "a file"):
        (base / "a-file").write_text(content)
        refused(cluster, DIRECTORY, base / "a-file", ["a-file is not a directory"])
        refused(cluster, DIRECTORY, base / "a-file", ["a-file is not a directory"],
                arguments=["format", "--data", base / "a-file", "--node", "1", "--cluster",
                           cluster.members(), "--cluster-id", "ab"])
    refused(cluster, DIRECTORY, base / "empty", ["not formatted", "onced format"])
    for name in ("identity", "peers", "streams", "standing"):
        damage.refused(f"a bit of {name} flipped", lambda copy: flip(copy / name, 3, 0),
                       [name, "damaged"], DIRECTORY,
                       inspect=name not in ("peers", "standing"))
    for number, words in ((1, ["format 1 of an older release", "new cluster"]),
                          (3, ["format 3", "start a newer onced"])):
        damage.refused(f"an identity of format {number}",
                       lambda copy, number=number: reformat(copy / "identity", number), words,
                       DIRECTORY)
    damage.refused("no lock", lambda copy: (copy / "lock").unlink(),
                   ["lock is missing", "an empty file of that name"], DIRECTORY, inspect=False)
    # A volume that is not mounted: the file is not damaged, it cannot be reached.
    damage.refused("a segment that cannot be opened",
                   lambda copy: point_nowhere(segments(copy, 0)[1]),
                   ["cannot open", segments(damage.intact, 0)[1].name], DIRECTORY)
    refused(cluster, DIRECTORY, damage.intact, [f"{damage.intact} is not empty"],
            arguments=["format", "--data", damage.intact, "--node", "1", "--cluster",
                       cluster.members(), "--cluster-id", "ab"])


def read_only(cluster, node):
    if disks.why_no_mounts():
        print(f"   not checked here, a read-only file system: {disks.why_no_mounts()}")
        return
    words = ["read-only", "mount it writable", "dmesg", "onced inspect"]
    for arguments in (None, verifying(node.directory)):
        refused(cluster, DIRECTORY, node.directory, words, disks.read_only(node.directory),
                arguments)
    done = subprocess.run([cluster.onced, "inspect", "--data", node.directory],
                          capture_output=True, timeout=30,
                          preexec_fn=disks.read_only(node.directory))
    check_equal(done.returncode, 0, f"inspect reads it as it is: {done.stderr!r}")


def no_permission(cluster, damage):
    """Files of root's in a directory of somebody else's, who starts the node."""
    if os.geteuid() != 0:
        print("   not checked here, files of others: not root")
        return

    def somebody():
        os.setgroups([])
        os.setuid(65534)

    def of_somebody(copy):
        for path in (copy, *copy.iterdir()):
            os.chown(path, 65534, 65534)
    # Where he may come to.
    with tempfile.TemporaryDirectory(prefix="once-somebody-") as place:
        os.chmod(place, 0o755)
        copy = pathlib.Path(place) / "node"
        shutil.copytree(damage.intact, copy)
        of_somebody(copy)
        for name in ("identity", segments(copy, 0)[0].name):
            path = copy / name
            os.chown(path, 0, 0)
            print("   " + refused(cluster, DIRECTORY, copy, [str(path), "ermission"], somebody))
            os.chown(path, 65534, 65534)


def foreign_files(cluster, damage):
    """What is called otherwise is passed over; what is called as a log file is none."""
    def garbage(copy):
        (copy / "README").write_text("not ours")
        (copy / "lost+found").mkdir()
    damage.taken("files of others", garbage)
    damage.refused("garbage that is called as a log file",
                   lambda copy: (copy / "log-0-99.seg").write_text("not ours"),
                   ["corrupt log", "log-0-", "missing", "must not vote"])


def in_use(cluster, node):
    node.start()
    cluster.wait_ready()
    done = subprocess.run([cluster.onced, "start", "--data", node.directory, "--listen",
                           f"127.0.0.1:{free_port()}"], capture_output=True, timeout=30)
    check_equal(done.returncode, DIRECTORY, f"a second process: {done.stderr!r}")
    check(f"in use by process {node.process.pid}" in one_line(done.stderr), f"{done.stderr!r}")
    done = subprocess.run([cluster.onced, *verifying(node.directory)], capture_output=True,
                          timeout=30)
    check_equal(done.returncode, DIRECTORY, f"verify beside a node: {done.stderr!r}")
    check(f"in use by process {node.process.pid}" in one_line(done.stderr), f"{done.stderr!r}")
    cluster.check_healthy()
    hold_the_lock(node)
    node.kill()


def hold_the_lock(node):
    """A ring may write after its process has ended: so each holds the lock of the directory."""
    rings = [path for path in pathlib.Path(f"/proc/{node.process.pid}/fd").iterdir()
             if "io_uring" in os.readlink(path)]
    for ring in rings:
        shown = (ring.parent.parent / "fdinfo" / ring.name).read_text()
        check(re.search(r"^UserFiles:\s*1$", shown, re.MULTILINE), f"files of a ring: {shown}")
    print(f"   {len(rings)} rings")


def first_process(cluster, node):
    """The first process of a container gets no signal that it does not ask for: not even then, when
    it waits for a directory, may it need to be killed."""
    if os.geteuid() != 0:
        print("   not checked here, a namespace of processes: not root")
        return
    ended = subprocess.Popen(["true"])
    ended.wait()
    with open(node.directory / "lock", "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate()
        lock.write(f"{ended.pid}\n")
        lock.flush()
        process = subprocess.Popen(
            ["unshare", "--pid", "--fork", cluster.onced, "start", "--data", node.directory,
             "--listen", f"127.0.0.1:{free_port()}"], stderr=subprocess.DEVNULL)
        try:
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")

            def tell_onced(number):
                """True once it was there to be told."""
                with contextlib.suppress(OSError):  # it ends just now
                    for child in children.read_text().split():
                        if pathlib.Path(f"/proc/{child}/comm").read_text() == "onced\n":
                            os.kill(int(child), number)
                            return True
                return False
            wait_for(lambda: tell_onced(0), "it starts", 20)

            def stopped():
                tell_onced(signal.SIGTERM)
                return process.poll() is not None
            wait_for(stopped, "it ends while it waits for the directory", 20)
            check_equal(process.returncode, 128 + signal.SIGTERM, "its exit code")
        finally:
            if process.poll() is None:
                tell_onced(signal.SIGKILL)
                process.wait()


def usage(cluster, node):
    listen = f"127.0.0.1:{free_port()}"
    own = f"127.0.0.1:{node.peer_port}"
    start = ["start", "--data", node.directory, "--listen"]
    for arguments, words in (
            ([*start, "127.0.0.1"], ["has no port"]),
            ([*start, "127.0.0.1:80000"], ["the port 80000"]),
            ([*start, "http://127.0.0.1:7401"], ["a scheme"]),
            ([*start, ""], ["it is empty; give it a value"]),
            ([*start, listen, "--admin", "foo"], ["--admin foo has no port"]),
            ([*start, listen, "--admin", "127.0.0.1:0"], ["a port that stays"]),
            ([*start, own], ["own port between nodes"]),
            ([*start, listen, "--admin", own], ["own port between nodes"]),
            ([*start, listen, "--admin", listen], ["own --listen"])):
        done = subprocess.run([cluster.onced, *arguments], capture_output=True, text=True,
                              timeout=30)
        check_equal(done.returncode, USAGE, f"exit code of {arguments}: {done.stderr!r}")
        check(all(word in done.stderr for word in words), f"{arguments}: {done.stderr!r}")
    for address in ("10.0.0.300:7501", "http://10.0.0.3:7501", "::1:7501", "/tmp/x:7501"):
        never = cluster.directory / "never"
        done = subprocess.run([cluster.onced, "format", "--data", never, "--node", "1",
                               "--cluster", f"1=127.0.0.1:7501,2=h:1,3={address}",
                               "--new-cluster"], capture_output=True, timeout=30)
        check_equal(done.returncode, USAGE, f"format with {address}: {done.stderr!r}")
        check(address.encode() in done.stderr and not never.exists(), f"{done.stderr!r}")
    for arguments in ([], ["start"], ["nonsense"], ["start", "--data", node.directory],
                      ["start", "--data", node.directory, "--listen", listen, "--cores", "0"],
                      ["start", "--data", node.directory, "--listen", listen, "--io", "kqueue"],
                      ["verify"], ["verify", "--data", ""], ["dev", "--nodes", "99"]):
        before = snapshot(node.directory)
        done = subprocess.run([cluster.onced, *arguments], capture_output=True, timeout=30)
        check_equal(done.returncode, USAGE, f"exit code of {arguments}: {done.stderr!r}")
        check(done.stderr.strip(), f"{arguments} says why")
        check(snapshot(node.directory) == before, "nothing changed")


def binds(holder, port):
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def taken_ports(cluster, node):
    listen = free_port()
    for port in (listen, node.peer_port):
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # The kernel takes a ring apart after its process is gone, and its sockets with it.
            wait_for(lambda: binds(holder, port), f"port {port} is free", 5)
            holder.listen()
            refused(cluster, LISTEN, node.directory, [f"127.0.0.1:{port}"],
                    arguments=["start", "--data", node.directory, "--listen",
                               f"127.0.0.1:{listen}"])


def no_uring(cluster, node):
    """Of a node that is told to use nothing else; what it does otherwise: epoll_fallback.py."""
    arguments = ["start", "--data", node.directory, "--listen", f"127.0.0.1:{free_port()}",
                 "--io", "uring"]
    refused(cluster, NO_URING, node.directory,
            ["io_uring", "EPERM", "seccomp", "io_uring_setup", "allow", "--io epoll"],
            disks.deny(disks.IO_URING_SETUP), arguments)
    refused(cluster, NO_URING, node.directory, ["ENOSYS", "Linux 6.1"],
            disks.deny(disks.IO_URING_SETUP, 38), arguments)
    setting = pathlib.Path("/proc/sys/kernel/io_uring_disabled")
    reason = disks.why_no_mounts() or ("" if setting.exists() else f"no {setting}")
    if reason:
        print(f"   not checked here, the text for kernel.io_uring_disabled: {reason}")
        return
    shown = cluster.directory / "io_uring_disabled"
    shown.write_text("2\n")
    hide, refuse = disks.overlay_file(setting, shown), disks.deny(disks.IO_URING_SETUP)

    def switched_off():  # as the node sees it; nobody else does
        hide()
        refuse()

    refused(cluster, NO_URING, node.directory,
            ["kernel.io_uring_disabled=2", "sysctl kernel.io_uring_disabled=0"], switched_off,
            arguments)


def other_error(cluster):
    """`onced dev` that may not watch for signals cannot supervise anything."""
    data = cluster.directory / "dev-refused"
    done = subprocess.run([cluster.onced, "dev", "--data", data, "--port", str(free_port())],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          preexec_fn=disks.deny(disks.SIGNALFD4))
    check_equal(done.returncode, ERROR, f"exit code: {done.stderr!r}")
    check("cannot watch for signals" in one_line(done.stderr), f"{done.stderr!r}")


def still_good(cluster, node):
    """After all that was refused, the intact directory starts, and stops with 0."""
    node.start()
    cluster.wait_ready()
    done = cluster.run("read", "durable-0")
    check_equal((done.returncode, done.stdout), (0, VALUE), "an acknowledged write")
    for number in (signal.SIGTERM, signal.SIGINT):
        node.process.send_signal(number)
        check_equal(node.process.wait(timeout=30), 0, f"exit code after {number.name}")
        node.process = None
        node.start()
        cluster.wait_ready()
    node.stop()


def main():
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    with Cluster(options(), nodes=1, cores=2, format_flags=["--segment-mib", "2"]) as cluster:
        node = cluster.nodes[0]
        asyncio.run(write_much(node))
        node.kill()
        damage = Damage(cluster)
        run_steps([
            ("1: another error", lambda: other_error(cluster)),
            ("0: whole", lambda: whole(cluster, node)),
            ("64: usage", lambda: usage(cluster, node)),
            ("65: corrupt", lambda: corrupt_logs(cluster, damage, seed)),
            ("65: foreign", lambda: foreign_logs(cluster, damage)),
            ("65: of later releases", lambda: of_later_releases(cluster, damage)),
            ("65 or none: other streams", lambda: other_streams(cluster, damage)),
            ("65: two faults", lambda: two_faults(cluster, damage)),
            ("66: directory", lambda: bad_directories(cluster, damage)),
            ("66: read-only", lambda: read_only(cluster, node)),
            ("66: no permission", lambda: no_permission(cluster, damage)),
            ("65 or none: foreign files", lambda: foreign_files(cluster, damage)),
            ("66: in use", lambda: in_use(cluster, node)),
            ("143: the first process", lambda: first_process(cluster, node)),
            ("69: io_uring", lambda: no_uring(cluster, node)),
            ("72: no memory", lambda: no_memory(cluster, node)),
            ("71: ports", lambda: taken_ports(cluster, node)),
            ("0: stopped in order", lambda: still_good(cluster, node))])


if __name__ == "__main__":
    sys.exit(main())
