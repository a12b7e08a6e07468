"""Runs a load against a system and measures both; kills a node under writers."""

import json
import os
import subprocess
import sys
import time

from points import TRIALS
from servers import check, die_with_parent

SLACK_SECONDS = 180  # for connecting, preparing, draining
ATTEMPTS = 3


class Failed(Exception):
    """A load that did not take place, or whose figures mean nothing."""


def start_load(words):
    return subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=die_with_parent)


def result_of(load, seconds):
    """What it printed, and the CPU time that it took."""
    before = os.times()
    try:
        out, err = load.communicate(timeout=seconds + SLACK_SECONDS)
    except BaseException:
        load.kill()
        load.communicate()
        raise
    after = os.times()
    if load.returncode != 0 or not out:
        raise Failed(f"{' '.join(map(str, load.args))}: exit code {load.returncode}: {err.strip()}")
    used = after.children_user + after.children_system
    return json.loads(out), used - before.children_user - before.children_system


def errors_of(told):
    """Attempts that failed, and requests that were answered with no: once-bench and peer-load."""
    errors = told["errors"]
    return (errors if isinstance(errors, int) else errors["total"]) + told.get("refused", 0)


def written_by(told):
    """Names, those of the warm-up included."""
    return told["written"] if "written" in told else told["names_left"]


def measure_patiently(system, point, settings):
    """A run with errors does not count. On a busy machine a peer may answer some requests too late
    by its own rules: that alone does not end all."""
    for _ in range(ATTEMPTS - 1):
        try:
            return measure(system, point, settings)
        except Failed as failed:
            print(f"\nbench-peers: once more: {failed}", file=sys.stderr)
    return measure(system, point, settings)


def measure(system, point, settings):
    """The figures of one run."""
    system.look_for_leader()
    begun = time.monotonic()
    cpu, disk = system.cpu_seconds(), system.written_bytes()
    told, load_cpu = result_of(
        start_load(system.load_words(point, settings.seconds, settings.warmup)), settings.seconds)
    took = time.monotonic() - begun
    if errors_of(told) > 0:
        raise Failed(f"{system.NAME}, {point.key}: {errors_of(told)} errors: {json.dumps(told)}")
    written = written_by(told)
    system.written += written
    figures = {key: told[key] for key in ("throughput_per_s", "p50_us", "p99_us", "p999_us",
                                          "max_us")}
    # once-bench does not tell its own, so for it all of its time counts.
    figures["load_cores"] = told["cpu_s"] / told["measured_s"] if "cpu_s" in told \
        else load_cpu / took
    if point.operation == "create":
        figures["server_cpu_us"] = (system.cpu_seconds() - cpu) / written * 1e6
        figures["disk_bytes"] = (system.written_bytes() - disk) / written
    return figures


def warm_up(system, settings):
    """So that what compiles and grows as it runs, as Java does, has done so before it counts."""
    point = TRIALS["shared"]
    system.ways[point.shape] = system.WAYS[-1]
    told, _ = result_of(start_load(system.load_words(point, settings.warm, 0)), settings.warm)
    system.written += written_by(told)


def measure_gap(system, settings):
    """Writers on all nodes, each with one name after the other; the leader is killed. The longest
    time that one of them, and that all of them, had no answer. None: nobody could go on."""
    if len(system.NODES) == 1:
        return None
    victim = system.next_victim()
    check(victim is not None, f"{system.NAME} has a leader")
    load = start_load(system.writer_words(settings.gap_seconds, settings.writers))
    try:
        time.sleep(1 + settings.gap_seconds / 4)  # past its warm-up
        system.kill_node(victim)
        told, _ = result_of(load, settings.gap_seconds)
    finally:
        if load.poll() is None:
            load.kill()
            load.communicate()
    system.written += told["written"]
    system.start_node(victim)
    system.wait_ready()
    return {"gap_us": told["longest_gap_us"], "silence_us": told["longest_silence_us"],
            "before_us": told["p50_us"]}


def idle_cores(systems, seconds=2):
    """What servers take that nobody asks anything: they run beside those that are measured."""
    before = {system.NAME: system.cpu_seconds() for system in systems}
    time.sleep(seconds)
    return {system.NAME: (system.cpu_seconds() - before[system.NAME]) / seconds
            for system in systems}


def floor_of(settings, system, folder):
    """What this machine's loopback and disk take, by once-bench."""
    words = [settings.bin / "once-bench", "--endpoints", system.endpoints(system.WAYS[0]),
             "--connections", 1, "--in-flight", 1, "--seconds", 1, "--warmup", 0, "--floor",
             "--floor-dir", folder, "--json"]
    return result_of(start_load(words), 1)[0]["floor"]
