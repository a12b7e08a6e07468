"""Disks that a test may break: small file systems on loop devices, which only this test sees; and
what a kernel, or the seccomp profile of a container, may refuse.

The mounts live in a mount namespace of the test's own: however it ends, they go with it, and a loop
device frees itself with its last mount.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import pathlib
import platform
import shutil
import struct
import subprocess
import time

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
LOOP_SET_CAPACITY = 0x4C07
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
IO_URING_SETUP = 425
SIGNALFD4 = {"x86_64": 289, "aarch64": 74}.get(platform.machine())

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int] + 4 * [ctypes.c_ulong]
_libc.mount.argtypes = 3 * [ctypes.c_char_p] + [ctypes.c_ulong, ctypes.c_char_p]
_why_not = None  # as why_no_mounts() found it


def _call(function, *arguments):
    if function(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _private_mounts():
    _call(_libc.unshare, CLONE_NEWNS)
    _call(_libc.mount, b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def why_no_mounts():
    """Empty when this process can mount images, now in a namespace of its own; else the reason."""
    global _why_not
    if _why_not is None:
        _why_not = _enter()
    return _why_not


def _enter():
    if os.geteuid() != 0:
        return "not root"
    if not os.path.exists("/dev/loop-control"):
        return "no loop devices"
    for tool in ("losetup", "mount", "umount"):
        if shutil.which(tool) is None:
            return f"no {tool}"
    try:
        _private_mounts()
    except OSError as error:
        return f"no mount namespace: {error}"
    found = subprocess.run(["losetup", "--find"], capture_output=True, timeout=20)
    return "" if found.returncode == 0 else f"no free loop device: {found.stderr.decode().strip()}"


def _run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr.decode().strip()}")
    return done.stdout.decode()


def _unmount(mount_point):
    # A ring of a process that was killed holds its files a little longer than the process lives.
    target = os.fsencode(mount_point)
    for _ in range(100):
        if _libc.umount2(target, 0) == 0:
            return
        if ctypes.get_errno() != errno.EBUSY:
            break
        time.sleep(0.05)
    _libc.umount2(target, MNT_DETACH)


MAKERS = {"ext4": ("mkfs.ext4", "-q", "-F", "-m", "0"), "xfs": ("mkfs.xfs", "-q", "-f")}


def why_not(file_system):
    """Empty when an image of this file system can be made and mounted; else the reason."""
    reason = why_no_mounts()
    if not reason and file_system in MAKERS and shutil.which(MAKERS[file_system][0]) is None:
        reason = f"no {MAKERS[file_system][0]}"
    return reason


class Disk:
    def __init__(self, mount_point, image, device):
        self.mount_point = mount_point
        self.image = image
        self.device = device

    def become_read_only(self):
        """As the kernel makes an ext4 read-only in which it has found errors."""
        _run("mount", "-o", "remount,abort", self.mount_point)

    def fail_from_now_on(self):
        """Cuts the device to its first block: whatever lies behind gives EIO, as a dead disk does.
        What the page cache holds can still be read, so a file system stays mounted."""
        os.truncate(self.image, 4096)
        with open(self.device, "rb") as device:
            fcntl.ioctl(device, LOOP_SET_CAPACITY)


@contextlib.contextmanager
def mounted(file_system, mount_point, mib):
    """A new file system of that size, mounted there, until the end of the block."""
    reason = why_not(file_system)
    if reason:
        raise AssertionError(f"no {file_system} can be mounted: {reason}")
    mount_point = pathlib.Path(mount_point)
    mount_point.mkdir(parents=True)
    image = mount_point.with_name(mount_point.name + ".image")
    device = None
    try:
        if file_system == "tmpfs":
            _run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", mount_point)
        else:
            with open(image, "wb") as file:
                file.truncate(mib << 20)
            _run(*MAKERS[file_system], image)
            _run("mount", "-o", "loop", "-t", file_system, image, mount_point)
            device = _run("losetup", "--noheadings", "--output", "NAME", "--associated",
                          image).strip()
        yield Disk(mount_point, image, device)
    finally:
        if os.path.ismount(mount_point):
            _unmount(mount_point)
        image.unlink(missing_ok=True)


def fill(path, leave_bytes=0):
    """Fills the file system with a file of that path, and returns it: its removal makes room."""
    with open(path, "wb") as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while free_bytes(path) > leave_bytes:
                    file.write(bytes(size))
                    file.flush()
        os.fsync(file.fileno())
    return path


def free_bytes(path):
    info = os.statvfs(path)
    return info.f_bavail * info.f_frsize


def deny(system_call, code=errno.EPERM):
    """For preexec_fn: that system call fails in the new program, as under a seccomp profile."""
    # load the call's number; skip one if it is another; fail; allow
    program = struct.pack("=HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, system_call,
                          0x06, 0, 0, SECCOMP_RET_ERRNO | code, 0x06, 0, 0, SECCOMP_RET_ALLOW)
    return _under(program)


def deny_flag(system_call, argument, bit):
    """The same for its calls that have that bit in that argument (from 0) set."""
    # load the call's number; skip three if it is another; load the low half of the argument; skip
    # one if the bit is not set; fail; allow
    program = struct.pack(
        "=" + 6 * "HBBI", 0x20, 0, 0, 0, 0x15, 0, 3, system_call, 0x20, 0, 0, 16 + 8 * argument,
        0x45, 0, 1, bit, 0x06, 0, 0, SECCOMP_RET_ERRNO | errno.EPERM,
        0x06, 0, 0, SECCOMP_RET_ALLOW)
    return _under(program)


def _under(program):
    instructions = ctypes.create_string_buffer(program, len(program))

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    profile = Filter(len(program) // 8, ctypes.addressof(instructions))

    def apply():
        _call(_libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _call(_libc.prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(profile), 0, 0)
        assert instructions is not None  # kept alive until here

    return apply


def overlay_file(target, replacement):
    """For preexec_fn, as root: the new program alone sees `replacement` under the path `target`."""
    def apply():
        _private_mounts()
        _call(_libc.mount, os.fsencode(replacement), os.fsencode(target), None, MS_BIND, None)

    return apply


def read_only(directory):
    """For preexec_fn, as root: the new program cannot write below `directory`."""
    def apply():
        _private_mounts()
        path = os.fsencode(directory)
        _call(_libc.mount, path, path, None, MS_BIND, None)
        _call(_libc.mount, None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY, None)

    return apply
