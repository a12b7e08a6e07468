"""A Linux machine that runs as an ordinary process (user-mode Linux), without any privilege: its
root is this machine's own tree, read-only, its disks are files, and it ends with its init."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys

KERNEL = "linux.uml"
GUEST = pathlib.Path(__file__).resolve().with_name("guest.py")
MAX_DISKS = 16  # ubda to ubdp
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


def why_not():
    """Empty when a machine can be booted here; else the reason."""
    if shutil.which(KERNEL) is None:
        return f"no {KERNEL}: install the package user-mode-linux"
    return ""


def _end_with_its_parent():
    """A machine must not outlive a run that was killed, nor take more than a run that is nice:
    among sessions the kernel may go by the niceness of the session."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        pathlib.Path("/proc/self/autogroup").write_text(str(os.nice(0)))
    except OSError:
        pass  # there are no such groups


def boot(job, disks, log_path, limit_s, memory_mib=640):
    """Runs `guest.py JOB` as the machine's init, and waits for its end. `job` is a file that says
    what to do; it and what comes out of it lie in a directory that the guest may write to."""
    if len(disks) > MAX_DISKS:
        raise ValueError(f"{len(disks)} disks, {MAX_DISKS} at most")
    scratch = pathlib.Path(job).resolve().parent
    command = [KERNEL, f"mem={memory_mib}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/",
               "ro", "quiet", "con=null", "con0=null,fd:1", "ssl=null", "random.trust_cpu=on",
               f"uml_dir={scratch}/uml", f"init={sys.executable}"]
    command += [f"ubd{chr(ord('a') + index)}={disk}" for index, disk in enumerate(disks)]
    command += ["--", str(GUEST), str(pathlib.Path(job).resolve())]
    with open(log_path, "ab") as log:
        # A session of its own: the machine's threads are processes of the host, and end together.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   preexec_fn=_end_with_its_parent,
                                   env={**os.environ, "TMPDIR": str(scratch)})
        try:
            process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the machine did not end within {limit_s} s:"
                                 f"{tail(log_path)}") from None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def tail(path, lines=15):
    text = pathlib.Path(path).read_text(errors="replace")
    return "\n" + "\n".join(text.splitlines()[-lines:])
