#!/usr/bin/env python3
"""What `make bench-peers` makes of its runs: points, medians, ratios and their targets, the table;
and what it says when something is not there. It starts nobody."""

import pathlib
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "bench" / "peers"))
import figures  # pylint: disable=wrong-import-position
import measure  # pylint: disable=wrong-import-position
import peers  # pylint: disable=wrong-import-position
import table  # pylint: disable=wrong-import-position
from points import (  # pylint: disable=wrong-import-position
    TRIALS, Point, Way, best_way, point_of, points_of, ways_to_try)


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def run(rate, **others):
    return {"throughput_per_s": rate, "p50_us": 100.0, "p99_us": 2000.0, "p999_us": 300_000.0,
            "max_us": 400_000.0, "load_cores": 0.5} | others


def check_points():
    points = points_of((1, 16))
    equal([point.key for point in points], ["create 1 shared", "create 16 shared",
                                            "create 16 each", "read 256 shared"])
    equal([point_of(point.key) for point in points], points)
    equal([point.shape for point in points], ["one", "shared", "each", "read"])
    assert all(trial.shape == shape for shape, trial in TRIALS.items())
    six = Way(False, 6)
    equal([point.connections_by(six) for point in points], [1, 6, 16, 6])
    equal(Point("create", 4, False).connections_by(six), 4)


def check_ways():
    few, many, leader = Way(False, 3), Way(False, 64), Way(True, 3)
    ways = (few, many, leader)
    equal(ways_to_try(ways, TRIALS["shared"]), [few, many, leader])
    equal(ways_to_try(ways, TRIALS["each"]), [many, leader])
    equal(ways_to_try(ways, TRIALS["one"]), [many, leader])
    equal(best_way(TRIALS["shared"], {few: [run(90), run(50)], many: [run(80), run(85)]}), few)
    slow = run(900) | {"p50_us": 110.0}
    equal(best_way(TRIALS["one"], {many: [slow, slow], leader: [slow, run(10)]}), leader)
    equal([few.text_for("read"), leader.text_for("shared"), leader.text_for("each")],
          ["all, 3", "leader, 3", "leader"])


def check_figures():
    equal(figures.medians([{"a": 1, "b": 9}, {"a": 5, "b": 7}, {"a": 2, "b": 8}]),
          {"a": 2, "b": 8})
    equal(figures.medians([None, None]), None)  # one server has nobody to go on with
    equal(figures.spread([run(90), run(100), run(110)]), 0.2)
    equal(figures.unsteady({"once": {"a": 0.25, "b": 0.26}, "etcd": {"a": 0.1}}), (1, 3))
    rates = figures.Target("w", "etcd", "p", "rate", 15, True)
    costs = figures.Target("c", "etcd", "p", "cost", 0.25, False)
    medians = {"once": {"p": {"rate": 300, "cost": 1}}, "etcd": {"p": {"rate": 20, "cost": 5}}}
    equal(rates.ratio(medians), 15)
    equal(costs.ratio(medians), 0.2)
    equal([rates.is_met(15), rates.is_met(14.9)], [True, False])
    equal([costs.is_met(0.25), costs.is_met(0.26)], [True, False])
    equal(rates.ratio({"once": medians["once"]}), None)
    equal(rates.ratio({"once": {"p": None}, "etcd": medians["etcd"]}), None)
    keys = {point.key for point in points_of((1, 16, 64, 256, 1024))} | {"gap"}
    assert all(target.point in keys for target in figures.TARGETS)
    assert all(target.peer in peers.SYSTEMS for target in figures.TARGETS)


def check_texts():
    equal([table.time_text(us) for us in (12.3, 1234, 250_000)], ["12 us", "1.23 ms", "0.25 s"])
    equal([table.bytes_text(count) for count in (512, 20_480, 64 * 2**20)],
          ["512", "20 Ki", "64 Mi"])
    equal([table.ratio_text(ratio) for ratio in (149.6, 0.5, 1 / 160, 0)],
          ["150x", "0.5x", "1/160", "0x"])
    equal(table.aligned(["name", "n"], [["a", "10"], ["long", "-"]]),
          "| name |  n |\n|------|---:|\n| a    | 10 |\n| long |  - |")


def check_table():
    create, read = "create 256 each", "read 256 shared"
    cost = {"server_cpu_us": 5.0, "disk_bytes": 400.0}
    gap = {"gap_us": 50_000.0, "silence_us": 9000.0, "before_us": 300.0}
    whole = {"version": "1.2", "idle_cores": 0.01, "resident_bytes": 2**27,
             "kept_bytes_a_name": 300.0}
    result = {
        "settings": {"ways": {"once": {"each": "all, 6"}, "etcd": {"each": "leader, 3"}}},
        "systems": ["once", "etcd", "redis"], "points": [create, read],
        "floor": {"round_trip_us": 20.0, "log_write_us": 300.0},
        "whole": {name: whole for name in ("once", "etcd", "redis")},
        "medians": {"once": {create: run(30_000, **cost), read: run(900_000), "gap": gap},
                    "etcd": {create: run(1000, **cost), "gap": gap | {"gap_us": 2e6}},
                    "redis": {create: run(5000, **cost), "gap": None}},
        "spreads": {"once": {create: 0.1, read: 0.2}, "etcd": {create: 0.1},
                    "redis": {create: 0.3}}}
    text = table.text_of(result)
    rows = [" ".join(line.split()) for line in text.splitlines()]
    for wanted in (
            "| create, one a connection | 256 | once | 30,000 | 100 us | 2.00 ms | 0.30 s "
            "| 5.0 us | 400 | 0.50 | 10% |",
            "| read, shared | 256 | once | 900,000 | 100 us | 2.00 ms | 0.30 s | - | - | 0.50 "
            "| 20% |",
            "| once | 1.2 | 50.00 ms | 9.00 ms | 128 Mi | 300 | 0.01 |",
            "| redis | 1.2 | - | - | 128 Mi | 300 | 0.01 |",
            "| etcd | writes a second, 256 connections | 30x | at least 15x | met |",
            "| etcd | leader, 3 |",
            "| etcd | p99, 256 connections | 1x | at most 0.25x | missed |",
            "| etcd | gap after kill -9 | 1/40 | at most 1/20 | met |",
            "Floors of this machine: a round trip over loopback 20 us, a durable write of 4 KiB "
            "300 us.",
            "1 of 4 throughputs differ by more than 25% between rounds: something else ran on this "
            "machine, or the rounds are too short."):
        assert wanted in rows, f"{wanted!r} is not in:\n{text}"
    assert "reads a second" not in text  # etcd's were not measured


def check_loads():
    equal(measure.errors_of({"errors": {"total": 3}, "refused": 1}), 4)
    equal(measure.errors_of({"errors": 2}), 2)
    equal([measure.written_by({"written": 7}), measure.written_by({"names_left": 8})], [7, 8])


def check_patience():
    calls = []

    def third_time(system, point, settings):
        calls.append((system, point, settings))
        if len(calls) < 3:
            raise measure.Failed("errors")
        return "figures"
    kept, measure.measure = measure.measure, third_time
    equal(measure.measure_patiently("s", "p", "t"), "figures")
    equal(calls, [("s", "p", "t")] * 3)
    measure.measure = kept


def check_missing():
    settings = types.SimpleNamespace(bin=pathlib.Path("/nowhere"), systems=["once"])
    equal(peers.missing(settings), "/nowhere/onced is not built: `make bench-peers` builds it")
    peers.SYSTEMS["none"] = types.SimpleNamespace(PROGRAMS={"no-such-program": "no-package"})
    settings.systems = ["none"]
    equal(peers.missing(settings),
          "no-package is not installed: scripts/install-dependencies --peers")
    equal(peers.turned(["a", "b", "c"], 4), ["b", "c", "a"])


check_points()
check_ways()
check_figures()
check_texts()
check_table()
check_loads()
check_patience()
check_missing()
print("peers_test: points, figures, texts, the table, loads and what is missing as they should be")
