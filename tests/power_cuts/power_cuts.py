#!/usr/bin/env python3
"""Power cuts: real nodes write to a real file system on a disk that is cut off at any write.

A machine of its own (user-mode Linux, no privileges) runs the nodes under load and records each
write of their disk as it became durable: one node whose segments are cleaned and recycled all the
time, or three of which one catches up. Then disks are put together as a cut could have left them:
the writes up to some entry, and parts of those that no flush had followed yet. On each, the
file system must mount, each node must start, and what was acknowledged before the cut must be
there: of three nodes in any two, and in the third alone once it has caught up.
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
import work_at_cuts

MAKERS = {"ext4": (["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard"], 128),
          "xfs": (["mkfs.xfs", "-q", "-f", "-K"], 320)}
LOG_MIB = 2048  # sparse
SEGMENT_MIB = 2  # the smallest
KINDS = {"alone": 1, "repair": 3}  # and how many nodes it has
CUTS_A_BOOT = 10
LIES_A_RECORDING = 2
BOOT_LIMIT_S, CUT_LIMIT_S, RECORD_LIMIT_S = 120, 300, 1200


class Run:
    def __init__(self, options, number, cuts):
        self.options, self.number, self.wanted = options, number, cuts
        systems, kinds = options.file_systems.split(","), options.kinds.split(",")
        self.file_system = systems[number % len(systems)]
        self.kind = kinds[number // len(systems) % len(kinds)]
        self.cores = 1 + number // len(systems) // len(kinds) % 2
        self.directory = options.data / f"recording-{number}"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.chance = random.Random(f"{options.seed}/{number}")
        self.log_path = self.directory / "machine.log"
        self.done = self.lies_told = self.lies_found = self.cleaned_at = self.repaired_at = 0

    def job(self, name, limit_s, disks, **job):
        """What a machine answers to it."""
        folder = self.directory / name
        folder.mkdir()
        path = folder / "job.json"
        path.write_text(json.dumps({"binaries": str(self.options.bin), "cores": self.cores,
                                    "kind": self.kind, "nodes": KINDS[self.kind],
                                    "segment_mib": SEGMENT_MIB, "file_system": self.file_system,
                                    **job}))
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
            lives=self.options.lives, answers_a_life=self.options.answers)
        self.samples, self.undone = self.recorded.pop("samples"), self.recorded.pop("undone")
        disk.unlink()
        self.log = disk_log.DiskLog(log)
        self.sample_at = self.log.samples()

    def batches(self):
        """The cuts, a few for each boot, with their images made."""
        image = self.directory / "empty"
        wanted = [at for at, number in enumerate(self.sample_at)
                  if work_at_cuts.caught_up(self.samples, number)]
        cuts = disk_log.choose_cuts(self.log, self.wanted, LIES_A_RECORDING, self.chance, wanted)
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
                continue
            sample = self.sample_at[cut.at]
            self.cleaned_at += work_at_cuts.cleaner_worked(self.samples, sample)
            self.repaired_at += work_at_cuts.caught_up(self.samples, sample)
            if faults:
                lines.append(f"recording {self.number} ({self.kind}, {self.file_system}), "
                             f"cut at write {cut.at} of {len(self.log.entries)}, "
                             f"{cut.acknowledged} acknowledged: "
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
        count = {name: work_at_cuts.total(self.samples, name)
                 for name in (*work_at_cuts.CLEANING, "log_bytes", "caught_up")}
        print(f"recording {self.number} ({self.kind}, {self.file_system}, {self.cores} cores, "
              f"{recorded - begun:.0f} s): "
              f"{len(self.recorded['answers'])} acknowledged, {self.undone} not, "
              f"{len(self.log.entries)} entries, {forced} forced writes; "
              f"{count['log_bytes'] >> 20} MiB of log, "
              f"{count['log_segments_cleaned']} segments cleaned ({count['log_kept_bytes'] >> 10} "
              f"KiB kept), {count['log_segments_recycled']} recycled, {count['caught_up']} names "
              f"caught up; {self.done} cuts, {self.cleaned_at} while it was cleaned, "
              f"{self.repaired_at} while a node caught up, {len(lines)} with faults, "
              f"{self.lies_found} of {self.lies_told} lies found "
              f"({time.monotonic() - recorded:.0f} s)", flush=True)
        self.log.close()
        if not lines:
            shutil.rmtree(self.directory)
        return self.done, lines


def run(options):
    total, faults = 0, []
    for number in range(-(-options.cuts // options.cuts_a_recording)):
        cuts = min(options.cuts_a_recording,
                   options.cuts - number * options.cuts_a_recording)
        done, lines = Run(options, number, cuts).run()
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
    parser.add_argument("--answers", default=200, type=int, help="acknowledged in a life")
    parser.add_argument("--cuts-a-recording", default=25, type=int)
    parser.add_argument("--kinds", default="alone,repair",
                        help="by turns, each with all file systems")
    parser.add_argument("--file-systems", default="ext4,xfs", help="by turns")
    options = parser.parse_args()
    options.bin, options.data = options.bin.resolve(), options.data.resolve()
    unknown = (set(options.file_systems.split(",")) - set(MAKERS)
               | set(options.kinds.split(",")) - set(KINDS))
    reason = machine.why_not() or (f"not known: {', '.join(unknown)}" if unknown else "")
    if reason or options.cuts < 1:
        print(reason or "at least one cut", file=sys.stderr)
        return 2
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
