"""What is measured: so many requests in flight, of one kind, on so many connections. Pure."""

import dataclasses

IN_FLIGHT = (1, 16, 64, 256, 1024)
READS_IN_FLIGHT = 256


@dataclasses.dataclass(frozen=True)
class Point:
    operation: str  # create or read
    in_flight: int
    each: bool  # one request a connection; else a few connections carry them all

    def connections_of(self, system):
        return self.in_flight if self.each else min(self.in_flight, system.CONNECTIONS)

    @property
    def key(self):
        return f"{self.operation} {self.in_flight} {'each' if self.each else 'shared'}"


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
