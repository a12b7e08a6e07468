"""Finds, for each kind of load, the way to ask a system that is the fastest on this machine, so
that each peer is measured at its best."""

import types

from measure import measure
from points import TRIALS, best_way, ways_to_try

ROUNDS = 3
SETTINGS = types.SimpleNamespace(seconds=1.0, warmup=0.5)


def choose_ways(system, shapes):
    """Sets the system's way for each of the shapes."""
    for shape in shapes:
        point = TRIALS[shape]
        ways = ways_to_try(system.WAYS, point)
        tried = {way: [] for way in ways}
        if len(ways) == 1:
            system.ways[shape] = ways[0]
            continue
        for _ in range(ROUNDS):
            for way in ways:
                system.ways[shape] = way
                tried[way].append(measure(system, point, SETTINGS))
        system.ways[shape] = best_way(point, tried)
