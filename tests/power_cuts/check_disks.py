"""In the guest: disks as power cuts left them. Each is mounted, its node must start, and whatever
was acknowledged before the cut must be there."""

import asyncio
import signal
import time

import devices
import protocol
from one_node import MOUNT_POINT, Node

IN_FLIGHT = 16


async def ask(connection, names):
    """name -> (version, value), None for a name that is empty."""
    answers = {}
    pending = iter(names)

    async def reader():
        for name in pending:
            reply = await connection.read(name.encode())
            if reply.status == protocol.DONE:
                answers[name] = (reply.version, reply.value.decode())
            elif reply.status == protocol.EMPTY:
                answers[name] = None
            else:
                raise AssertionError(f"{name}: {reply}")

    await asyncio.gather(*(reader() for _ in range(IN_FLIGHT)))
    return answers


def faults(answers, acknowledged, asked):
    """What is wrong with what the node says after the cut."""
    for name, version, value in acknowledged:
        got = answers[name]
        if got is None:
            yield f"{name}: version {version} was acknowledged and is lost"
        elif got[0] < version:
            yield f"{name}: version {version} was acknowledged, {got[0]} is there"
        elif got[0] == version and got[1] != value:
            yield f"{name}: version {version} has another value than was acknowledged"
    for name, value in asked.items():
        if answers.get(name) is not None and answers[name][1] != value:
            yield f"{name}: a value that nobody wrote"


async def questions(node, job, acknowledged, number):
    connection = await node.connect()
    newest = {}
    for name, version, value in acknowledged:
        if name not in newest or newest[name][1] < version:
            newest[name] = (name, version, value)
    answers = await ask(connection, set(job["asked"]) | set(newest))
    found = list(faults(answers, newest.values(), job["asked"]))
    reply = await connection.write(f"after-cut-{number}".encode(), b"goes on")
    if reply.status != protocol.DONE:
        found.append(f"it does not go on: {reply}")
    await connection.close()
    return found


def check(job, number, disk):
    """The faults of one disk."""
    devices.mount(disk, MOUNT_POINT, job["file_system"])
    node = Node(job["binaries"], job["cores"])
    acknowledged = job["answers"][:job["cuts"][number]["acknowledged"]]
    try:
        node.start()
        return asyncio.run(questions(node, job, acknowledged, number))
    except Exception as error:  # a finding, like the others
        return [f"{type(error).__name__}: {error}"]
    finally:
        if node.process.poll() is None:
            node.end(signal.SIGKILL)
        leave()


def leave():
    for _ in range(200):  # the ring of a killed process holds its files a little longer
        try:
            return devices.unmount(MOUNT_POINT)
        except OSError:
            time.sleep(0.02)
    devices.unmount(MOUNT_POINT)


def run(job):
    MOUNT_POINT.mkdir()
    return {"faults": [check(job, number, f"/dev/ubd{chr(ord('a') + number)}")
                       for number in range(len(job["cuts"]))]}
