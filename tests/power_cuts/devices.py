"""In the guest: mounts, the loopback interface, kernel modules, and the device mapper's log of
writes. System calls alone, so that the host need not have the tools."""

import ctypes
import fcntl
import glob
import os
import pathlib
import platform
import socket
import struct

SECTOR = 512
FINIT_MODULE = {"x86_64": 313, "aarch64": 273}.get(platform.machine(), 313)
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
DEVICE_CREATE, DEVICE_REMOVE, DEVICE_RESUME, TABLE_LOAD, TARGET_MESSAGE = 3, 4, 6, 9, 14
MESSAGE_BYTES = 512

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = 3 * [ctypes.c_char_p] + [ctypes.c_ulong, ctypes.c_char_p]


def _check(code, what):
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind, data=""):
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), 0, data.encode()),
           f"mount {source} on {target}")


def unmount(target):
    _check(_libc.umount2(os.fsencode(target), 0), f"unmount {target}")


def make_ready(scratch):
    mount("none", "/proc", "proc")
    mount("none", "/sys", "sysfs")
    if not os.path.exists("/dev/ubda"):  # the kernel may have mounted it by itself
        mount("none", "/dev", "devtmpfs")
    mount("none", "/run", "tmpfs")
    mount("none", scratch, "hostfs", str(scratch))  # the host's own, and writable
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack_from("H", fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def power_off():
    os.sync()
    pathlib.Path("/proc/sysrq-trigger").write_text("o")
    while True:
        os.sched_yield()


def load_module(name):
    found = glob.glob(f"/usr/lib/uml/modules/{platform.release()}/kernel/**/{name}.ko",
                      recursive=True)
    if not found:
        raise FileNotFoundError(f"no module {name} for {platform.release()}")
    with open(found[0], "rb") as module:
        _check(_libc.syscall(FINIT_MODULE, module.fileno(), b"", 0), f"load {name}")


class WriteLog:
    """`disk` under the device mapper, which writes down in `log` each write as it became durable:
    a plain one when a flush followed, a forced one (FUA) at its completion."""

    NAME = b"recorded"

    def __init__(self, disk, log):
        load_module("dm-mod")
        load_module("dm-log-writes")
        self.control = open("/dev/mapper/control", "rb")  # kept: marks are frequent
        self._request(DEVICE_CREATE)
        with open(disk, "rb") as device:
            sectors = device.seek(0, os.SEEK_END) // SECTOR
        parameters = f"{disk} {log}".encode() + b"\0"
        parameters += bytes(-len(parameters) % 8)
        self._request(TABLE_LOAD, struct.pack("<QQiI16s", 0, sectors, 0, 40 + len(parameters),
                                              b"log-writes") + parameters, targets=1)
        self._request(DEVICE_RESUME)
        self.path = glob.glob("/dev/dm-*")[0]

    def mark(self, label):
        """An entry between the writes: what was durable when it was made comes before it."""
        self._request(TARGET_MESSAGE, struct.pack("<Q", 0) + f"mark {label}".encode() + b"\0")

    def close(self):
        self._request(DEVICE_REMOVE)

    def _request(self, command, data=b"", targets=0):
        head = struct.pack("<3I7IQ128s129s7x", 4, 0, 0, 312 + MESSAGE_BYTES, 312, targets, 0, 0, 0,
                           0, 0, self.NAME, b"")
        buffer = bytearray(head + data.ljust(MESSAGE_BYTES, b"\0"))
        number = 3 << 30 | 312 << 16 | 0xFD << 8 | command
        fcntl.ioctl(self.control, number, buffer)
