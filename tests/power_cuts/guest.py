#!/usr/bin/env python3
"""The init of the machine that machine.py boots: makes its devices ready, then records what a node
does to its disk, or checks what is left of disks that were cut off. Never run it on a host."""

import json
import os
import pathlib
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import devices  # noqa: E402


def main(job_path):
    devices.make_ready(job_path.parent)
    import bad_disk_steps
    import check_disks
    import record
    job = json.loads(job_path.read_text())
    steps = {"record": record.run, "check": check_disks.run,
             "bad_disks": bad_disk_steps.run}
    result = {"error": ""}
    try:
        result.update(steps[job["step"]](job))
    except BaseException:  # whatever it is, the host must hear of it
        result["error"] = traceback.format_exc()
    answer = job_path.with_suffix(".result")
    answer.write_text(json.dumps(result))
    os.sync()


if __name__ == "__main__":
    if os.getpid() != 1:
        sys.exit("this is the init of a machine of its own: see machine.py")
    try:
        main(pathlib.Path(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    devices.power_off()
