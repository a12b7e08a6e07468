"""What is made of the runs: medians, and the ratios that the table is read against. Pure."""

import dataclasses
import statistics


def medians(runs):
    """Of each figure that all runs have; None: there was no run."""
    runs = [run for run in runs if run is not None]
    if not runs:
        return None
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def spread(runs):
    """Of the throughputs: highest less lowest, as a part of the median."""
    values = [run["throughput_per_s"] for run in runs]
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


QUIET = 0.25  # on a machine of their own, rounds lie no further apart


def unsteady(spreads):
    """How many of the points had rounds that lie further apart, and of how many."""
    values = [value for by_point in spreads.values() for value in by_point.values()]
    return sum(value > QUIET for value in values), len(values)


@dataclasses.dataclass(frozen=True)
class Target:
    what: str
    peer: str
    point: str  # its key; "gap" for a node that dies
    figure: str
    wanted: float  # of ours to theirs
    at_least: bool

    def ratio(self, table):
        """Of the medians, {system: {point: figures}}. None: one of them was not measured."""
        ours = (table.get("once", {}).get(self.point) or {}).get(self.figure)
        theirs = (table.get(self.peer, {}).get(self.point) or {}).get(self.figure)
        return ours / theirs if ours is not None and theirs else None

    def is_met(self, ratio):
        return ratio >= self.wanted if self.at_least else ratio <= self.wanted


RATE, CPU = "throughput_per_s", "server_cpu_us"
TARGETS = (
    Target("writes a second, 1,024 in flight", "etcd", "create 1024 shared", RATE, 100, True),
    Target("writes a second, 1,024 in flight", "zookeeper", "create 1024 shared", RATE, 150, True),
    Target("writes a second, 1,024 in flight", "redis", "create 1024 shared", RATE, 10, True),
    Target("p50 of one write at a time", "etcd", "create 1 shared", "p50_us", 0.32, False),
    Target("writes a second, 256 connections", "etcd", "create 256 each", RATE, 15, True),
    Target("p99, 256 connections", "etcd", "create 256 each", "p99_us", 1 / 4, False),
    Target("server CPU a write, 1,024 in flight", "etcd", "create 1024 shared", CPU, 1 / 150,
           False),
    Target("linearizable reads a second, 256 in flight", "etcd", "read 256 shared", RATE, 100,
           True),
    Target("gap after kill -9", "etcd", "gap", "gap_us", 1 / 20, False),
)
