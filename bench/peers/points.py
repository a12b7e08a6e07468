"""What is measured, and the ways in which it can be asked. Pure."""

import dataclasses

IN_FLIGHT = (1, 16, 64, 256, 1024)
READS_IN_FLIGHT = 256


@dataclasses.dataclass(frozen=True)
class Way:
    """Whom the load generator connects to, and by how many connections that carry many requests
    each."""

    leader_only: bool
    connections: int

    def text_for(self, shape):
        """How many connections there are says something only where requests share them."""
        who = "leader" if self.leader_only else "all"
        return f"{who}, {self.connections}" if shape in ("shared", "read") else who


@dataclasses.dataclass(frozen=True)
class Point:
    operation: str  # create or read
    in_flight: int
    each: bool  # one request a connection; else a few connections carry them all

    def connections_by(self, way):
        return self.in_flight if self.each else min(self.in_flight, way.connections)

    @property
    def shape(self):
        """Points of one shape are asked in one way."""
        if self.operation == "read":
            return "read"
        return "one" if self.in_flight == 1 else "each" if self.each else "shared"

    @property
    def key(self):
        return f"{self.operation} {self.in_flight} {'each' if self.each else 'shared'}"


# What decides for all points of its shape.
TRIALS = {"one": Point("create", 1, False), "shared": Point("create", 1024, False),
          "each": Point("create", 256, True), "read": Point("read", READS_IN_FLIGHT, False)}


def point_of(key):
    operation, in_flight, how = key.split()
    return Point(operation, int(in_flight), how == "each")


def points_of(in_flights, reads=True):
    """One in flight has one connection, whichever way."""
    points = []
    for in_flight in in_flights:
        points.append(Point("create", in_flight, False))
        if in_flight > 1:
            points.append(Point("create", in_flight, True))
    return points + ([Point("read", READS_IN_FLIGHT, False)] if reads else [])


def ways_to_try(ways, point):
    """Those that differ for that point: without many requests a connection, who is asked does."""
    if point.in_flight > 1 and not point.each:
        return list(ways)
    return list({way.leader_only: way for way in ways}.values())


def best_way(point, tried):
    """Of {way: [figures]}: the fastest at its best, so that a moment's bad luck decides nothing."""
    if point.in_flight == 1:
        return min(tried, key=lambda way: min(run["p50_us"] for run in tried[way]))
    return max(tried, key=lambda way: max(run["throughput_per_s"] for run in tried[way]))
