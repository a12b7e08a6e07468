"""In the guest: disks as power cuts left them. Each is mounted, its nodes must start, and
whatever was acknowledged before the cut must be there."""

import asyncio
import signal
import time

import devices
import protocol
import values
from nodes import MOUNT_POINT, Node, in_sync, takes_writes

IN_FLIGHT = 16
NO_ANSWER = (protocol.UNAVAILABLE, protocol.OVERLOADED)
ASK_LIMIT_S = 240  # nodes that get little of a busy machine may lose sight of each other


async def ask(connection, names, limit_s=ASK_LIMIT_S):
    """name -> (version, value), None for a name that is empty. One that is told to be unavailable
    is asked again until the limit."""
    answers = {}
    pending = iter(names)
    end = time.monotonic() + limit_s

    async def answer_of(name):
        reply = await connection.read(name.encode(), 60_000)
        while reply.status in NO_ANSWER and time.monotonic() < end:
            await asyncio.sleep(0.2)
            reply = await connection.read(name.encode(), 60_000)
        return reply

    async def reader():
        for name in pending:
            reply = await answer_of(name)
            if reply.status == protocol.DONE:
                answers[name] = (reply.version, values.short(reply.value))
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


async def all_is_there(node, job, newest):
    await takes_writes(node)
    connection = await node.connect()
    answers = await ask(connection, set(job["asked"]) | set(newest))
    found = list(faults(answers, newest.values(), job["asked"]))
    await connection.close()
    return found


async def it_knows_alone(node, job, newest):
    """It caught up, so it needs nobody for what was decided long ago."""
    connection = await node.connect()
    names = set(job["asked"]) & set(newest)
    answers = await ask(connection, names)
    await connection.close()
    return [f"alone: {fault}" for fault in faults(answers, [newest[name] for name in names], {})]


async def questions(nodes, job, acknowledged):
    newest = {}
    for name, version, value in acknowledged:
        if name not in newest or newest[name][1] < version:
            newest[name] = (name, version, value)
    majority = nodes[:len(nodes) // 2 + 1]
    for node in majority:
        node.start()
    found = await all_is_there(majority[-1], job, newest)
    for late in nodes[len(majority):]:
        late.start()
        await (await late.connect()).close()
        await in_sync(late)
        for node in majority:
            node.process.send_signal(signal.SIGSTOP)
        found += await it_knows_alone(late, job, newest)
    return found


def check(job, number, disk):
    """The faults of one disk. Of three nodes any two must have it all, and the third catch up."""
    try:
        devices.mount(disk, MOUNT_POINT, job["file_system"])
    except OSError as error:  # a disk that lied lost blocks of the file system's own, too
        return [f"its file system: {error}"]
    nodes = [Node(job, 1 + (number + index) % job["nodes"]) for index in range(job["nodes"])]
    acknowledged = job["answers"][:job["cuts"][number]["acknowledged"]]
    try:
        return asyncio.run(questions(nodes, job, acknowledged))
    except Exception as error:  # a finding, like the others
        return [f"{type(error).__name__}: {error}"]
    finally:
        for node in nodes:
            if node.runs():
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
