"""Attempts to get out of a sandbox.  Runs inside one: `python -I -S probes.py '<json>' [NAME ...]`.

Prints one JSON object: probe -> [escaped, what happened].  Each probe leaves no trace, so that
it may also run where it succeeds.  Knows the standard library only.
"""

# ruff: noqa: PTH102, PTH103, PTH106, PTH108, PTH115, PTH123, PTH207, PTH208, PTH211
# ruff: noqa: N818, T201, UP031

import ctypes
import glob
import json
import os
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
HOST = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    pass


def must(value: T, why: str = "nothing there") -> T:
    if not value:
        raise Refused(why)
    return value


def call(number: int, *arguments: Any) -> int:
    result: int = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


def write_file(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


def symlink() -> bytes:
    os.symlink("/etc/shadow", "link")
    return read("link")


def environ(pid: int) -> object:
    with open("/proc/%d/environ" % pid, "rb") as file:
        return must(b"HOSTSECRET" in file.read(), "no secret in it")


def host_processes() -> object:
    return must([p for p in glob.glob("/proc/[0-9]*") if int(p[6:]) == HOST["pid"]])


def ptrace() -> None:
    ctypes.set_errno(0)
    if libc.ptrace(0x4206, HOST["pid"], 0, 0) < 0:  # SEIZE: does not stop it
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def connect(family: int, address: Any) -> bytes:
    with socket.socket(family) as s:
        s.settimeout(1)
        s.connect(address)
        return must(s.recv(9))


def udp() -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.sendto(b"x", ("127.0.0.1", HOST["udp"]))
        return s.recv(9)


def datagram_pair() -> int:
    a, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return a.sendto(b"x", HOST["datagram"])


def descriptors() -> object:
    for fd in range(3, 64):
        try:
            name = os.readlink("/proc/self/fd/%d" % fd)
        except OSError:
            try:
                os.fstat(fd)
            except OSError:
                continue
            name = "?"
        if name.startswith(("/usr", "/lib")) or "probes" in name:
            continue
        return fd, name
    raise Refused("none")


def mount() -> None:
    os.makedirs("mnt", exist_ok=True)
    call(165, b"none", b"mnt", b"tmpfs", 0, 0)
    call(166, b"mnt", 0)


def in_child(attempt: Callable[[], object]) -> None:
    """The attempt changes this process: let a child make it."""
    pid = os.fork()
    if pid == 0:
        try:
            attempt()
        except OSError as error:
            os._exit(error.errno or 255)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise OSError(status, os.strerror(status))


def clone3() -> None:
    arguments = ctypes.create_string_buffer(struct.pack("<11Q", 0x10000000, 0, 0, 0, 17, *[0] * 6))
    pid = call(435, arguments, ctypes.c_size_t(88))
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def perf() -> None:
    attributes = ctypes.create_string_buffer(struct.pack("<IIQ", 1, 112, 0) + b"\0" * 96, 112)
    os.close(call(298, attributes, 0, -1, -1, 0))


def mknod() -> None:
    os.mknod("block", 0o600 | stat.S_IFBLK, os.makedev(254, 0))
    os.unlink("block")


def setuid() -> object:
    os.setuid(0)
    return must(os.listdir("/root"))


def set_user_id_program() -> object:
    said = subprocess.run([HOST["suid"], "-u"], capture_output=True, check=True).stdout
    uid = int(said)
    return must(uid == 0 or uid != os.getuid(), "ran as %d" % uid)


def by_handle() -> None:
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    mount_id = ctypes.c_int()
    call(303, -100, b"/usr/lib", handle, ctypes.byref(mount_id), 0)
    folder = os.open("/usr", os.O_RDONLY)
    try:
        os.close(call(304, folder, handle, os.O_RDONLY))
    finally:
        os.close(folder)


def proc_sys() -> None:
    with open("/proc/sys/kernel/core_pattern", "r+"):
        pass


def cgroups() -> str:
    """A new group, or a file of ours: what a program could loosen its own limits by."""
    for folder in (*glob.glob("/sys/fs/cgroup/*"), "/sys/fs/cgroup"):
        try:
            os.mkdir(folder + "/escaped")
            os.rmdir(folder + "/escaped")
        except OSError:
            continue
        return folder
    raise Refused("no writable cgroup folder")


def terminal_input() -> None:
    """Only EPERM is a refusal: without a terminal the kernel says ENOTTY by itself."""
    if libc.ioctl(0, 0x5412, b"x") < 0 and ctypes.get_errno() == 1:
        raise Refused("EPERM")


PROBES: dict[str, Callable[[], object]] = {
    "read /etc/shadow": lambda: read("/etc/shadow"),
    "read a 0600 secret": lambda: read(HOST["secret"]),
    "list /root": lambda: must(os.listdir("/root")),
    "write outside the workspace": lambda: write_file(HOST["outside"] + "/evil"),
    "write /usr": lambda: write_file("/usr/local/share/evil"),
    "symlink traversal": symlink,
    ".. traversal": lambda: read("../" * 12 + HOST["secret"].lstrip("/")),
    "/proc/1/environ": lambda: environ(1),
    "environment of the driver": lambda: environ(HOST["pid"]),
    "own environment": lambda: must(os.environ.get("HOSTSECRET"), "not set"),
    "see host processes": host_processes,
    "root of the driver": lambda: read("/proc/%d/root%s" % (HOST["pid"], HOST["secret"])),
    "memory of the driver": lambda: open("/proc/%d/mem" % HOST["pid"], "rb").close(),
    "ptrace the driver": ptrace,
    "signal the driver": lambda: os.kill(HOST["pid"], 0),
    "tcp to host loopback": lambda: connect(socket.AF_INET, ("127.0.0.1", HOST["tcp"])),
    "udp to host loopback": udp,
    "unix socket in the workspace": lambda: connect(socket.AF_UNIX, "host.sock"),
    "unix socket elsewhere": lambda: connect(socket.AF_UNIX, HOST["unix"]),
    "abstract unix socket": lambda: connect(socket.AF_UNIX, "\0" + HOST["abstract"]),
    "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close(),
    "inherited descriptors": descriptors,
    "mount": mount,
    "user namespace by unshare": lambda: in_child(lambda: call(272, 0x10000000)),
    "user namespace by clone3": clone3,
    "io_uring": lambda: os.close(call(425, 4, ctypes.create_string_buffer(120))),
    "bpf": lambda: os.close(call(321, 0, struct.pack("<IIIII", 2, 4, 4, 1, 0) + bytes(52), 72)),
    "keyctl": lambda: call(250, 0, -3, 1),
    "userfaultfd": lambda: os.close(call(323, 1)),
    "perf_event_open": perf,
    "mknod": mknod,
    "setuid": setuid,
    "set-user-id program": set_user_id_program,
    "open_by_handle_at": by_handle,
    "write /proc/sys": proc_sys,
    "cgroup files": cgroups,
    "/dev/kmsg": lambda: os.close(os.open("/dev/kmsg", os.O_RDONLY)),
    # beyond the 38
    "datagram pair to a socket in the workspace": datagram_pair,
    "terminal input": terminal_input,
    "x32 call": lambda: call(0x40000000 + 39),
    "kernel log": lambda: call(103, 10, 0, 0),
}


def main() -> None:
    found = {}
    for name, probe in PROBES.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        try:
            found[name] = [True, str(probe())[:80]]
        except (OSError, Refused) as error:
            found[name] = [False, f"{type(error).__name__} {error}"[:120]]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
