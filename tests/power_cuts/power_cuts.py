#!/usr/bin/env python3
"""Power cuts: a real node writes to a real file system on a disk that is cut off at any write.

A machine of its own (user-mode Linux, no privileges) runs the node under load and records each
write of its disk as it became durable. Then disks are put together as a cut could have left them:
the writes up to some entry, and parts of those that no flush had followed yet. On each, the
file system must mount, the node must start, and what was acknowledged before the cut must be there.
A few disks of each recording lie, as if no write had been forced: that must be found, or the method
sees nothing. Exit code 0: so it was; 1: not so; 2: usage, or no machine can be booted here.
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import shutil
import subprocess
import sys
import time

import disk_log
import machine

MAKERS = {"ext4": (["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard"], 96),
          "xfs": (["mkfs.xfs", "-q", "-f", "-K"], 320)}
LOG_MIB = 1024  # sparse
CUTS_A_RECORDING = 50
CUTS_A_BOOT = 10
LIES_A_RECORDING = 2
BOOT_LIMIT_S, CUT_LIMIT_S, RECORD_LIMIT_S = 120, 300, 1200


class Run:
    def __init__(self, options, number, file_system, cuts):
        self.options, self.number, self.file_system = options, number, file_system
        self.wanted = cuts
        self.directory = options.data / f"recording-{number}"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.chance = random.Random(f"{options.seed}/{number}")
        self.log_path = self.directory / "machine.log"
        self.done = self.lies_told = self.lies_found = 0

    def job(self, name, limit_s, disks, **job):
        """What a machine answers to it."""
        folder = self.directory / name
        folder.mkdir()
        path = folder / "job.json"
        cores = 1 + self.number // 2 % 2
        path.write_text(json.dumps({"binaries": str(self.options.bin), "cores": cores,
                                    "file_system": self.file_system, **job}))
        machine.boot(path, disks, self.log_path, limit_s)
        answer = path.with_suffix(".result")
        if not answer.exists():
            raise AssertionError(f"the machine says nothing: {machine.tail(self.log_path)}")
        result = json.loads(answer.read_text())
        if result["error"]:
            raise AssertionError(f"{name}: {result['error']}")
        shutil.rmtree(folder)
        return result

    def record(self):
        maker, mib = MAKERS[self.file_system]
        empty, disk, log = (self.directory / name for name in ("empty", "disk", "log"))
        for path, size in ((empty, mib), (log, LOG_MIB)):
            with open(path, "wb") as file:
                file.truncate(size << 20)
        subprocess.run([*maker, str(empty)], check=True, timeout=60, stdout=subprocess.DEVNULL)
        disk_log.copy_sparse(empty, disk)
        self.recorded = self.job(
            "record", RECORD_LIMIT_S, [disk, log], step="record", seed=self.chance.getrandbits(32),
            segment_mib=2, lives=self.options.lives, names_a_life=self.options.names)
        disk.unlink()
        self.log = disk_log.DiskLog(log)

    def batches(self):
        """The cuts, a few for each boot, with their images made."""
        image = self.directory / "empty"
        cuts = disk_log.choose_cuts(self.log, self.wanted, LIES_A_RECORDING, self.chance)
        at = 0
        boots = -(-len(cuts) // CUTS_A_BOOT)
        for boot in range(boots):
            batch = cuts[boot * len(cuts) // boots:(boot + 1) * len(cuts) // boots]
            disks = []
            for cut in batch:
                with open(image, "r+b") as file:
                    for entry in self.log.entries[at:cut.at]:
                        self.log.apply(file, entry)
                at = cut.at
                disks.append(self.directory / f"cut-{boot}-{len(disks)}")
                cut.make(self.log, image, disks[-1])
            yield batch, disks

    def check(self, batch, disks):
        """The cuts after which something was wrong, as lines of text."""
        result = self.job(f"check-{disks[0].name}", BOOT_LIMIT_S + CUT_LIMIT_S * len(disks), disks,
                          step="check", **self.recorded,
                          cuts=[{"acknowledged": cut.acknowledged} for cut in batch])
        lines = []
        for cut, disk, faults in zip(batch, disks, result["faults"], strict=True):
            disk.unlink()
            if cut.lies:
                self.lies_told += 1
                self.lies_found += bool(faults)
            elif faults:
                lines.append(f"recording {self.number} ({self.file_system}), cut at write {cut.at} "
                             f"of {len(self.log.entries)}, {cut.acknowledged} acknowledged: "
                             f"{len(faults)} faults; {faults[0]}")
        return lines

    def check_all(self):
        lines, waiting = [], set()
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for batch, disks in self.batches():
                waiting.add(pool.submit(self.check, batch, disks))
                self.done += sum(not cut.lies for cut in batch)
                if len(waiting) > self.options.jobs:  # images wait on the disk: not too many
                    ended, waiting = concurrent.futures.wait(
                        waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                    lines += [line for one in ended for line in one.result()]
            lines += [line for one in waiting for line in one.result()]
        if self.lies_found == 0:
            lines.append(f"recording {self.number}: {self.lies_told} disks lied, nobody noticed")
        return lines

    def run(self):
        begun = time.monotonic()
        self.record()
        recorded = time.monotonic()
        lines = self.check_all()
        forced = sum(1 for one in self.log.entries if one.flags & disk_log.FORCED)
        print(f"recording {self.number} ({self.file_system}, {recorded - begun:.0f} s): "
              f"{len(self.recorded['answers'])} acknowledged, {len(self.log.entries)} entries, "
              f"{forced} forced writes; {self.done} cuts, {len(lines)} with faults, "
              f"{self.lies_found} of {self.lies_told} lies found "
              f"({time.monotonic() - recorded:.0f} s)", flush=True)
        self.log.close()
        if not lines:
            shutil.rmtree(self.directory)
        return self.done, lines


def run(options):
    systems = options.file_systems.split(",")
    total, faults = 0, []
    for number in range(-(-options.cuts // CUTS_A_RECORDING)):
        cuts = min(CUTS_A_RECORDING, options.cuts - number * CUTS_A_RECORDING)
        done, lines = Run(options, number, systems[number % len(systems)], cuts).run()
        total += done
        faults += lines
        for line in lines:
            print(line)
    print(f"{total} power cuts, {len(faults)} with faults (seed {options.seed})")
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/bin", type=pathlib.Path)
    parser.add_argument("--data", default="build/power-cuts", type=pathlib.Path)
    parser.add_argument("--cuts", default=200, type=int)
    parser.add_argument("--seed", default=random.randrange(1 << 32), type=int)
    parser.add_argument("--jobs", default=2, type=int, help="machines at once")
    parser.add_argument("--lives", default=4, type=int, help="starts of the node in a recording")
    parser.add_argument("--names", default=250, type=int, help="acknowledged answers in a life")
    parser.add_argument("--file-systems", default="ext4,xfs", help="by turns")
    options = parser.parse_args()
    options.bin, options.data = options.bin.resolve(), options.data.resolve()
    unknown = set(options.file_systems.split(",")) - set(MAKERS)
    reason = machine.why_not() or (f"no such file systems: {unknown}" if unknown else "")
    if reason or options.cuts < 1:
        print(reason or "at least one cut", file=sys.stderr)
        return 2
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
