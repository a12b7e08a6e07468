#!/usr/bin/env python3
"""A data directory is for its owner alone, whatever the umask; one that others could put in its
place is refused; one of an earlier version is mended at start, and the log says so."""

import os
import pwd
import shutil
import stat
import subprocess

from cluster import Cluster, check, check_equal, options, run_steps, wait_for

DIRECTORY = 66
NOBODY = 65534
VALUE = "v" * 60_000


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def check_private(directory):
    check_equal(oct(mode_of(directory)), oct(0o700), f"mode of {directory}")
    for name in os.listdir(directory):
        check_equal(oct(mode_of(directory / name)), oct(0o600), f"mode of {name}")


def segments(node):
    return sorted(path.name for path in node.directory.glob("*.seg"))


def fill(cluster, node, prefix):
    """Until a segment was prepared and taken into use while it ran."""
    had = segments(node)
    for i in range(200):
        if len(segments(node)) >= len(had) + 2:
            return
        check_equal(cluster.run("write", f"{prefix}-{i}", VALUE).returncode, 0, "write")
    raise AssertionError(f"no new segments beside {had}")


def any_umask(cluster):
    node = cluster.nodes[0]
    for mask in (0, 0o022, 0o377):
        shutil.rmtree(node.directory, ignore_errors=True)
        before = os.umask(mask)
        try:
            node.format()
            node.start()
        finally:
            os.umask(before)
        cluster.wait_ready()
        fill(cluster, node, f"mask-{mask}")
        check_private(node.directory)
        node.stop()


def earlier_version(cluster):
    node = cluster.nodes[0]
    os.chmod(node.directory, 0o755)
    for name in os.listdir(node.directory):
        os.chmod(node.directory / name, 0o644)
    before = len(node.log_path.read_text())
    node.start()
    cluster.wait_ready()
    check_private(node.directory)
    said = [line for line in node.log_path.read_text()[before:].splitlines()
            if "was open to others" in line]
    check_equal(len(said), 1, "lines about it")
    check(str(node.directory) in said[0] and "0755" in said[0], said[0])
    node.stop()


def unsafe_parents(cluster):
    node = cluster.nodes[0]
    words = ["--data", node.directory]
    made = cluster.directory / "open" / "node"
    made.parent.mkdir()
    fresh = [cluster.onced, "format", "--data", made, "--node", "1", "--cluster", "1=127.0.0.1:1",
             "--cluster-id", "5eed", "--segment-mib", "2"]
    for mode in (0o777, 0o775 if os.geteuid() == 0 else 0o757):
        os.chmod(cluster.directory, mode)
        os.chmod(made.parent, mode)
        started = subprocess.run([cluster.onced, "start", *words, "--listen", node.address],
                                 capture_output=True, timeout=30)
        formatted = subprocess.run(fresh, capture_output=True, timeout=30)
        os.chmod(cluster.directory, 0o755)
        for done, where in ((started, cluster.directory), (formatted, cluster.directory)):
            check_equal(done.returncode, DIRECTORY, f"exit code: {done.stderr}")
            text = done.stderr.decode()
            check(str(where) in text and "can be written by others" in text, text)
        check(not made.exists(), "nothing was made")
    os.chmod(made.parent, 0o1777)
    formatted = subprocess.run(fresh, capture_output=True, timeout=30)
    check_equal(formatted.returncode, 0, f"below a sticky one: {formatted.stderr}")
    check_private(made)
    node.start()
    wait_for(lambda: cluster.run("write", "back", "again").returncode in (0, 3), "it serves again")


def not_for_others(cluster):
    """Who may not look is told so, and by whom it can be looked at."""
    node = cluster.nodes[0]
    if os.geteuid() != 0:
        print("   not checked here: another user needs root")
        return
    os.chmod(cluster.directory, 0o755)
    for command in (["inspect", "--data", node.directory],
                    ["start", "--data", node.directory, "--listen", node.address],
                    ["dev", "--data", node.directory.parent]):
        done = subprocess.run([cluster.onced, *command], capture_output=True, timeout=30,
                              preexec_fn=lambda: os.setuid(NOBODY))
        check_equal(done.returncode, DIRECTORY, f"exit code: {done.stderr}")
        text = done.stderr.decode()
        check("no permission to read" in text and "root" in text and "there is no" not in text,
              text)


def of_another_user(cluster):
    """Of root's command on the directory of the user whom the node runs as: it is the caller who
    does not fit, and a chown would take the directory from the node."""
    node = cluster.nodes[0]
    if os.geteuid() != 0:
        print("   not checked here: to give files away needs root")
        return
    made = cluster.directory / "of-nobody"
    made.mkdir()
    os.chown(made, NOBODY, NOBODY)
    name = pwd.getpwuid(NOBODY).pw_name
    for caller in ({}, {"SUDO_UID": "4711"}):
        for command in (["verify"], ["start", "--listen", node.address],
                        ["format", "--node", "1", "--cluster", "1=127.0.0.1:1", "--cluster-id",
                         "5eed"]):
            done = subprocess.run([cluster.onced, *command, "--data", made], capture_output=True,
                                  timeout=30, text=True, env={**os.environ, **caller})
            check_equal(done.returncode, DIRECTORY, f"exit code: {done.stderr}")
            check(f"`sudo -u {name} onced ...`" in done.stderr and "chown" not in done.stderr,
                  done.stderr)


def main():
    where = options()
    cluster = Cluster(where, nodes=1, name="private-files", format_flags=["--segment-mib", "2"])
    try:
        run_steps([(step.__name__.replace("_", " "), lambda step=step: step(cluster))
                   for step in (any_umask, not_for_others, of_another_user, earlier_version,
                                unsafe_parents)])
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
