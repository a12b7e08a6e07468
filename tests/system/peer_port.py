#!/usr/bin/env python3
"""A stranger on the peer port of a live cluster, who knows whatever he needs: each attack of one
frame ends in a refusal that is counted and named, and the cluster goes on as if nothing were."""

import asyncio
import re
import time

import peer_protocol as peer
import protocol
from cluster import DONE, Cluster, check, check_equal, options, run_steps, wait_for

FAR_RUN = 2 ** 32 - 1
ROUNDS_AT_ONCE = 1 << 26


def field(node, name):
    text = (node.directory / "identity").read_text()
    return re.search(rf"^{name}=(\S+)$", text, re.M).group(1)


def hello(the_cluster, sender, to, **other):
    """As the real node would say it."""
    known = {"cluster": field(sender, "cluster"), "disk": field(sender, "disk"),
             "seed": int(field(sender, "hash_seed"), 16), "node": sender.number,
             "target": to.number, "incarnation": the_cluster.runs[sender.number],
             "client_address": sender.address, **other}
    return peer.Hello(**known)


def counts(cluster, node, counter, act):
    """What `act` does is counted there, and is named in the log."""
    before = cluster.counters(node)[counter]
    result = act()
    wait_for(lambda: cluster.counters(node)[counter] > before,
             f"{counter} rises at node {node.number}", 10)
    return result


def says(node, text):
    wait_for(lambda: text in node.log_path.read_text(errors="replace"),
             f"node {node.number} says {text!r}", 10)


def all_linked(cluster):
    for node in cluster.nodes:
        here = cluster.counters(node)
        for other in cluster.nodes:
            if other is not node and here[f"peer_{other.number}_up"] != 1:
                return False
    return True


def name_of_home(cluster, number, text):
    """A name whose home is that node."""
    seed = int(field(cluster.nodes[0], "hash_seed"), 16)
    return next(name for name in (f"{text}-{index}" for index in range(1000))
                if peer.home_slot(name.encode(), seed, 3) == number - 1)


def it_still_works(cluster, what):
    """Links, writes in one round trip at each home, reads everywhere, and reads that ask nobody."""
    wait_for(lambda: all_linked(cluster), "all links are up", 20)
    for node in cluster.nodes:
        # One that had to claim again does so in a moment.
        wait_for(lambda node=node: cluster.counters(node)["claimed"] == 1, "round 0 is open", 20)
        before = cluster.counters(node)
        for index in range(5):
            name = name_of_home(cluster, node.number, f"after-{what}-{index}")
            done = cluster.run("write", name, "v", nodes=[node])
            check_equal(done.returncode, DONE, f"{what}: write at node {node.number}: {done}")
            for reader in cluster.nodes:
                read = cluster.run("read", name, nodes=[reader])
                check_equal(read.stdout, b"v", f"{what}: read at node {reader.number}")
            cluster.run("read", name, nodes=[node])
        after = cluster.counters(node)
        check(after["fast_path_writes"] >= before["fast_path_writes"] + 5,
              f"{what}: node {node.number} writes in one round: {before} {after}")
        check(after["local_reads"] > before["local_reads"], f"{what}: local reads")


def secrets_of(cluster):
    texts = [field(cluster.nodes[0], "cluster")]
    texts += [field(node, "disk") for node in cluster.nodes]
    for text in texts:
        yield text.encode()
        yield peer.uuid(text)


def refusals_name_no_secret(cluster):
    one, two, _ = cluster.nodes
    for what, other in (
            ("another cluster", {"cluster": "ab" * 16}),
            ("another disk", {"disk": "cd" * 16}),
            ("other members", {"members": (1, 2, 4)}),
            ("another seed", {"seed": 7}),
            ("two nodes", {"node": 2}),
            ("another disk of a third", {"node": 3, "disk": "cd" * 16}),
            ("looked for", {"target": 3})):
        stranger = peer.Stranger(two.peer_port)
        kind, text = stranger.greet(hello(cluster, one, two, **other))
        check(kind in (peer.REFUSAL, peer.OTHER_DISK), f"{what}: {kind} {text}")
        while stranger.receive() is not None:
            pass
        for secret in secrets_of(cluster):
            check(secret not in stranger.seen, f"{what}: {stranger.seen}")
        stranger.close()
    here = cluster.counters(two)
    check(here["peer_strangers"] >= 5 and here["peer_other_disks"] >= 1, here)
    says(two, "has another disk than before")


def a_live_link_is_kept(cluster):
    """He knows the disk of node 1. It lives, so he is turned away, with whatever he says."""
    one, two, _ = cluster.nodes
    pid = one.process.pid
    for _ in range(3):
        stranger = peer.Stranger(two.peer_port)
        kind, text = counts(cluster, two, "peer_second_links",
                            lambda stranger=stranger: stranger.greet(hello(cluster, one, two)))
        check_equal((kind, text), (peer.REFUSAL, b"that node has a live link"), "the answer")
        stranger.close()
    says(two, "a second link of node 1 is refused: the one that it has answers")
    for other in ({"core": 63, "cores": 64}, {"core": 1, "cores": 2},
                  {"core": 1, "cores": 2, "client_address": "stranger:9"}):
        stranger = peer.Stranger(two.peer_port)
        kind, _ = counts(cluster, two, "peer_other_terms",
                         lambda: stranger.greet(hello(cluster, one, two, **other)))
        check_equal(kind, peer.REFUSAL, "other terms")
        stranger.close()
    says(two, "number of cores")
    check("link to node 1 is closed" not in two.log_path.read_text(), "the link lives")
    check_equal(one.process.pid, pid, "node 1 runs")
    it_still_works(cluster, "live")
    check(b"stranger:9" not in asyncio.run(map_of(two)), "clients are sent to the stranger")


async def map_of(node):
    connection = await protocol.Connection.open(node.client_port)
    await connection.close()
    return connection.server_hello


def a_restarted_node_is_back_at_once(cluster):
    one, two, _ = cluster.nodes
    for _ in range(3):
        one.kill()
        one.start()
        cluster.runs[1] += 1
        begin = time.monotonic()
        wait_for(lambda: cluster.counters(one)["peer_2_up"] == 1, "node 1 is linked", 10)
        check(time.monotonic() - begin < 3, f"{time.monotonic() - begin:.1f} s until it is linked")
    cluster.wait_ready()


def one_frame_each(cluster):
    """Node 1 is down: the stranger gets its link, and says one thing on each."""
    one, two, three = cluster.nodes
    sealed = name_of_home(cluster, 1, "sealed").encode()
    far = name_of_home(cluster, 1, "far").encode()
    writer = (5, 6)
    asyncio.run(write(one, sealed, b"right", writer))
    run = cluster.runs[1]
    time.sleep(0.3)  # the news of it
    one.kill()
    prepares = [peer.prepare(n, peer.ballot(min(n << 20, 2 ** 32 - 2 ** 20 - 1), 1, run), far)
                for n in range(1, 4097)]
    for node in (two, three):
        wait_for(lambda node=node: cluster.counters(node)["peer_1_up"] == 0, "it is down", 10)
        for counter, line, messages in (
                ("contradictions", "node 1 denies what was accepted or decided",
                 [peer.accept(1, peer.ballot(0, 1, run), sealed, b"wrong", writer)]),
                ("contradictions", "node 1 denies what was accepted or decided",
                 [peer.accept(9, peer.ballot(5, 1, run), sealed, b"wrong", writer),
                  peer.decided(peer.ballot(5, 1, run), 1, sealed)]),
                ("far_ballots", "node 1 names rounds of a name further ahead than is believed",
                 prepares),
                ("peer_messages_of_other_runs", "node 1 sends messages of another run",
                 [peer.claim(FAR_RUN)]),
                ("peer_messages_of_other_runs", "node 1 sends messages of another run",
                 [peer.progress(FAR_RUN, 2 ** 60), peer.chosen(FAR_RUN, 1, 9)])):
            stranger = peer.Stranger(node.peer_port)
            kind, text = stranger.greet(hello(cluster, one, node))
            check_equal(kind, peer.HELLO, f"the link is free: {text}")

            def say(stranger=stranger, messages=messages):
                stranger.say(*messages)
                check(stranger.is_heard(), "the link lives")
            counts(cluster, node, counter, say)
            says(node, line)
            stranger.close()
            wait_for(lambda node=node: cluster.counters(node)["peer_1_up"] == 0, "he left", 10)
        stranger = peer.Stranger(node.peer_port)
        kind, text = counts(cluster, node, "peer_runs_too_far", lambda: stranger.greet(
            hello(cluster, one, node, incarnation=FAR_RUN)))
        check_equal(kind, peer.REFUSAL, f"a run too far: {text}")
        says(node, f"it says that this is its run {FAR_RUN}")
        stranger.close()
    for node in (two, three):  # one of them restarts, and knows no more than before
        node.kill()
        node.start()
        cluster.runs[node.number] += 1
    one.start()
    cluster.runs[1] += 1
    cluster.wait_ready()
    it_still_works(cluster, "frames")
    for node in cluster.nodes:
        read = cluster.run("read", sealed.decode(), nodes=[node])
        check_equal(read.stdout, b"right", f"the sealed value at node {node.number}")
    done = cluster.run("write", far.decode(), "v", nodes=[two], timeout_ms=20000)
    check_equal(done.returncode, DONE, f"the name is not burnt: {done}")
    one.kill()
    for node in (two, three):
        for name, value in ((sealed, b"right"), (far, b"v")):
            read = cluster.run("read", name.decode(), nodes=[node])
            check_equal(read.stdout, value, "without node 1")
    one.start()
    cluster.runs[1] += 1
    cluster.wait_ready()


async def write(node, name, value, writer):
    connection = await protocol.Connection.open(node.client_port)
    reply = await connection.write(name, value, writer)
    check_equal(reply.status, protocol.DONE, f"write: {reply}")
    await connection.close()


def greetings_end(cluster):
    """A byte now and then keeps no place."""
    two = cluster.nodes[1]
    before = cluster.counters(two)["peer_slow_greetings"]
    drip = hello(cluster, cluster.nodes[0], two).frame()
    strangers = [peer.Stranger(two.peer_port) for _ in range(20)]
    begin = time.monotonic()
    open_ones = list(strangers)
    for byte in range(60):
        for stranger in list(open_ones):
            try:
                stranger.socket.sendall(drip[byte:byte + 1])
            except OSError:
                open_ones.remove(stranger)
        if not open_ones:
            break
        time.sleep(0.2)
    check(not open_ones, f"{len(open_ones)} are still there")
    check(4.5 < time.monotonic() - begin < 8, f"closed after {time.monotonic() - begin:.1f} s")
    for stranger in strangers:
        stranger.close()
    check_equal(cluster.counters(two)["peer_slow_greetings"] - before, 20, "counted")
    says(two, "does not end its greeting within 5 s")
    it_still_works(cluster, "greetings")


def main():
    with Cluster(options()) as cluster:
        cluster.runs = {node.number: cluster.counters(node)["incarnation"]
                        for node in cluster.nodes}
        it_still_works(cluster, "before")
        run_steps([(step.__name__, lambda step=step: step(cluster)) for step in (
            refusals_name_no_secret, a_live_link_is_kept, a_restarted_node_is_back_at_once,
            one_frame_each, greetings_end)])


if __name__ == "__main__":
    main()
