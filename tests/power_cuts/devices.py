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
DEVICE_CREATE, DEVICE_REMOVE, DEVICE_SUSPEND, TABLE_LOAD, TARGET_MESSAGE = 3, 4, 6, 9, 14
SUSPEND = 2  # a flag
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


_loaded = set()


def load_module(name, built_in=False):
    if name in _loaded or built_in:
        return
    _loaded.add(name)
    found = glob.glob(f"/usr/lib/uml/modules/{platform.release()}/kernel/**/{name}.ko",
                      recursive=True)
    if not found:
        raise FileNotFoundError(f"no module {name} for {platform.release()}")
    with open(found[0], "rb") as module:
        _check(_libc.syscall(FINIT_MODULE, module.fileno(), b"", 0), f"load {name}")


def sectors_of(disk):
    with open(disk, "rb") as device:
        return device.seek(0, os.SEEK_END) // SECTOR


class Mapped:
    """A device of the device mapper, over one target that may be replaced while it is in use."""

    def __init__(self, name, sectors, target, parameters):
        load_module("dm-mod")
        self.name, self.sectors = name.encode(), sectors
        self.control = open("/dev/mapper/control", "rb")
        known = set(glob.glob("/dev/dm-*"))
        self._request(DEVICE_CREATE)
        self._load(target, parameters)
        self._request(DEVICE_SUSPEND)  # which resumes, as no flag says otherwise
        self.path, = set(glob.glob("/dev/dm-*")) - known

    def becomes(self, target, parameters):
        """What is under way ends first, as the old target has it."""
        self._load(target, parameters)
        self._request(DEVICE_SUSPEND, flags=SUSPEND)
        self._request(DEVICE_SUSPEND)

    def message(self, text):
        self._request(TARGET_MESSAGE, struct.pack("<Q", 0) + text.encode() + b"\0")

    def close(self):
        self._request(DEVICE_REMOVE)

    def _load(self, target, parameters):
        load_module(f"dm-{target}", built_in=target == "linear")
        text = parameters.encode() + b"\0"
        text += bytes(-len(text) % 8)
        self._request(TABLE_LOAD, struct.pack("<QQiI16s", 0, self.sectors, 0, 40 + len(text),
                                              target.encode()) + text, targets=1)

    def _request(self, command, data=b"", targets=0, flags=0):
        head = struct.pack("<3I7IQ128s129s7x", 4, 0, 0, 312 + MESSAGE_BYTES, 312, targets, 0, flags,
                           0, 0, 0, self.name, b"")
        buffer = bytearray(head + data.ljust(MESSAGE_BYTES, b"\0"))
        number = 3 << 30 | 312 << 16 | 0xFD << 8 | command
        fcntl.ioctl(self.control, number, buffer)


class WriteLog(Mapped):
    """`disk` under the device mapper, which writes down in `log` each write as it became durable:
    a plain one when a flush followed, a forced one (FUA) at its completion."""

    def __init__(self, disk, log):
        super().__init__("recorded", sectors_of(disk), "log-writes", f"{disk} {log}")

    def mark(self, label):
        """An entry between the writes: what was durable when it was made comes before it."""
        self.message(f"mark {label}")
