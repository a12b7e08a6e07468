#!/usr/bin/env python3
"""Creates over HTTP, 50 connections that stay open, beside etcd: a figure, not a test. Three nodes
of each on this machine and its disk, both always up, loaded by wrk in turns; once by PUT with
If-None-Match: *, etcd by the transaction "if its create revision is 0, put it" through the JSON
gateway of its leader. The medians of the turns, and their ratio.

  python3 bench/http_creates.py --bin build/bin --data build/http-creates --etcd etcd --turns 7

etcd is `apt-get install etcd-server`, wrk is wrk. Traffic stays on loopback.
"""

import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "system"))
from cluster import Cluster, check, free_port, options, wait_for  # noqa: E402

CONNECTIONS = 50


@contextlib.contextmanager
def etcd(program, directory):
    """Gives the port of the leader."""
    peers = {f"e{number}": free_port() for number in (1, 2, 3)}
    clients = {name: free_port() for name in peers}
    everybody = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in peers.items())
    processes = []
    try:
        for name, port in peers.items():
            url, peer_url = f"http://127.0.0.1:{clients[name]}", f"http://127.0.0.1:{port}"
            processes.append(subprocess.Popen(
                [program, "--name", name, "--data-dir", str(directory / name), "--log-level",
                 "error", "--listen-client-urls", url, "--advertise-client-urls", url,
                 "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
                 "--initial-cluster", everybody, "--initial-cluster-state", "new"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield wait_for(lambda: leader_of(clients.values()), "etcd has a leader", 60, 0.5)
    finally:
        for process in processes:
            process.kill()
            process.wait(timeout=30)


def leader_of(ports):
    for port in ports:
        ask = urllib.request.Request(f"http://127.0.0.1:{port}/v3/maintenance/status", data=b"{}")
        try:
            with urllib.request.urlopen(ask, timeout=5) as answer:
                told = json.load(answer)
        except OSError:
            continue
        if told.get("leader") == told["header"]["member_id"]:
            return port
    return None


def load(target, port, run, seconds):
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "10s", "-s",
         str(HERE / "http_creates.lua"), f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, timeout=seconds + 60,
        env=dict(os.environ, RUN=str(run), TARGET=target))
    check(done.returncode == 0 and "not made" not in done.stdout and
          "Socket errors" not in done.stdout, f"{target}: {done.stdout[:400]}{done.stderr}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    half = re.search(r"\s50%\s+(\S+)", done.stdout)[1]
    most = re.search(r"\s99%\s+(\S+)", done.stdout)[1]
    print(f"{run:>4} {target:<5} {rate:>8.0f} a second, half within {half}, 99 % within {most}",
          flush=True)
    return rate


def extra(parser):
    parser.add_argument("--etcd", default="etcd", help="the program")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=5, help="of each turn")


def main():
    settings = options(extra)
    with Cluster(settings, name="http-creates") as cluster:
        with etcd(settings.etcd, cluster.directory) as leader:
            ports = {"once": cluster.nodes[0].client_port, "etcd": leader}
            rates = {target: [] for target in ports}
            for turn in range(settings.turns + 1):
                order = sorted(ports, reverse=turn % 2 == 0)
                for target in order:
                    rate = load(target, ports[target], turn, settings.seconds)
                    if turn > 0:  # the first turn warms both up
                        rates[target].append(rate)
    medians = {target: statistics.median(of) for target, of in rates.items()}
    print(f"medians: once {medians['once']:.0f}, etcd {medians['etcd']:.0f} a second: "
          f"{medians['once'] / medians['etcd']:.1f} times")
    print("ratios of the turns: " +
          " ".join(f"{a / b:.1f}" for a, b in zip(rates["once"], rates["etcd"])))


if __name__ == "__main__":
    main()
