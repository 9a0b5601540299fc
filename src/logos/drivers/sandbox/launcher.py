"""The launcher between the driver and an untrusted program: a script of its own.

Knows the standard library only, because inside a sandbox there is nothing else of ours.  It
comes by standard input itself (`plan.BOOT` runs it), compiled already where the interpreter is
of our version.  After it come its orders, each as length and `marshal`, first the setup, then
the request; what follows the request is the program's own input.

    stage   as root in a new mount namespace: bind folders the uid could not reach, become the
            uid, go on as bubblewrap
    watch   stay outside as parent of everything: when the program ends, or the driver dies or
            says so, kill and reap all of it
    first   be the first process of a pid namespace: confine myself, fork the program's process,
            and end when it does, at which the kernel kills whatever else is in there
    cage    (in either) confine myself, say so, wait for the request, become the program

Invariant: the byte READY is written only when every layer asked for is in force.
"""

# It starts for each program: nothing is imported that costs a millisecond.
# ruff: noqa: PTH112, PTH102, PTH123, S108, S606, SIM105

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs seven milliseconds of enum
import ctypes
import fcntl
import marshal
import os
import resource
import time

READY = b"\x06"
ENOENT, ENOTDIR = 2, 20
FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP = {"x86_64": 317, "aarch64": 277}
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_PATH_BENEATH = 1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

libc = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


class Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("fd", ctypes.c_int32))


def must(what: str, result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)
    return result


def receive() -> dict[str, Any]:
    size = int.from_bytes(exactly(8), "little")
    orders: dict[str, Any] = marshal.loads(exactly(size))  # noqa: S302 - the driver's own words
    return orders


def exactly(size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = os.read(0, size - len(got))
        if not more:
            os._exit(FAILED)  # the driver is gone, or wants no more of us
        got += more
    return got


def become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def die_with_parent(signal: int, parent: int) -> None:
    must("prctl", libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0))
    if os.getppid() != parent:
        os._exit(FAILED)


def stage(setup: dict[str, Any]) -> None:
    die_with_parent(_signal.SIGKILL, setup["parent"])
    must("unshare", libc.unshare(CLONE_NEWNS))
    mount(None, b"/", None, MS_REC | MS_PRIVATE)
    held = [os.open(source, os.O_PATH) for source in setup["binds"]]
    mount(b"tmpfs", b"/tmp", b"tmpfs", 0, b"mode=0755,size=64k")
    for number, fd in enumerate(held):
        place = f"/tmp/{number}"
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            os.mkdir(place)
        else:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
        mount(b"/proc/self/fd/%d" % fd, place.encode(), None, MS_BIND | MS_REC)
        os.close(fd)
    become(setup["uid"])
    os.execve(setup["argv"][0], setup["argv"], {})


def mount(
    source: bytes | None, target: bytes, kind: bytes | None, flags: int, data: bytes | None = None
) -> None:
    must("mount " + target.decode(), libc.mount(source, target, kind, flags, data))


def watch(setup: dict[str, Any]) -> None:
    die_with_parent(_signal.SIGTERM, setup["parent"])
    must("prctl", libc.prctl(PR_SET_SUBREAPER, 1, 0, 0, 0))
    awaited = {_signal.SIGTERM, _signal.SIGINT, _signal.SIGCHLD}
    _signal.pthread_sigmask(_signal.SIG_BLOCK, awaited)
    me = os.getpid()
    main = os.fork()
    if main == 0:
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, awaited)
        os.setsid()
        guarded(cage, setup, me)
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    status = None
    while status is None and _signal.sigwait(awaited) == _signal.SIGCHLD:
        status = reap(main)
    kill_all(setup, main)
    late = wait_all(setup, main)
    status = late if status is None else status
    os._exit(128 + _signal.SIGKILL if status is None else status)


def reap(main: int) -> int | None:
    """Collect the dead; the exit status of the main one if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == main:
            found = exit_status(status)


def exit_status(status: int) -> int:
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def kill_all(setup: dict[str, Any], main: int) -> None:
    kill(main)  # by name: it may not have changed its uid yet
    if setup["kill"] is not None:
        os.write(setup["kill"], b"1")
    if setup["uid"] is not None and os.fork() == 0:
        become(setup["uid"])
        kill(-1)  # one step for the kernel: no fork escapes it
        os._exit(0)


def wait_all(setup: dict[str, Any], main: int) -> int | None:
    """As subreaper every descendant is mine, so no child left means nobody is left."""
    found = None
    while True:
        if setup["uid"] is None:  # no uid of its own to kill by: hunt, and look again
            for pid in descendants():
                kill(pid)
            time.sleep(0.002)
        try:
            pid, status = os.waitpid(-1, 0 if setup["uid"] is not None else os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == main:
            found = exit_status(status)


def kill(pid: int) -> None:
    try:
        os.kill(pid, _signal.SIGKILL)
    except ProcessLookupError:
        pass


def descendants() -> list[int]:
    found = [os.getpid()]
    for pid in found:
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as listed:
                found += [int(word) for word in listed.read().split()]
        except OSError:
            continue
    return found[1:]


def first(setup: dict[str, Any]) -> None:
    """The driver's death shows as the end of a pipe that only it can write to.  Bubblewrap's
    own --die-with-parent, used too early, leaves a process that waits for ever."""
    if setup["doors"] is not None:
        open_doors(*setup["doors"])
    confine(setup)
    awaited = {_signal.SIGCHLD, _signal.SIGIO}
    _signal.pthread_sigmask(_signal.SIG_BLOCK, awaited)
    life = setup["life"]
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    main = os.fork()
    if main == 0:
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, awaited)
        guarded(await_request, setup)
    must("prctl", libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    os.closerange(0, life)
    os.closerange(life + 1, 1 << 16)
    status = None
    while status is None and not ended(life):
        _signal.sigwait(awaited)
        status = reap(main)
    os._exit(128 + _signal.SIGKILL if status is None else status)


def open_doors(across: int, *ports: int) -> None:
    """Listen on our own loopback, and hand the listeners out: whoever answers is outside, and
    nothing in here has to be able to reach it."""
    import _socket  # noqa: PLC0415 - only where somebody answers

    out = _socket.socket(fileno=across)
    for port in ports:
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, listener.fileno().to_bytes(4, "little"))]
        out.sendmsg([b"d"], rights)
        listener.close()
    out.close()


def ended(pipe: int) -> bool:
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False


def cage(setup: dict[str, Any], parent: int) -> None:
    if setup["uid"] is not None:
        become(setup["uid"])
    die_with_parent(_signal.SIGKILL, parent)
    confine(setup)
    await_request(setup)


def confine(setup: dict[str, Any]) -> None:
    if setup["landlock"] or setup["seccomp"]:
        must("no_new_privs", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    os.chdir(setup["folder"])
    if setup["landlock"]:
        landlock(setup["landlock"])
    if setup["seccomp"]:
        seccomp(setup["seccomp"])


def await_request(setup: dict[str, Any]) -> None:
    for fd in setup["cgroup"]:
        os.write(fd, b"0")
    os.closerange(3, 1 << 16)
    os.write(1, READY)
    start(receive())


def landlock(rules: dict[str, Any]) -> None:
    attributes = rules["attributes"]
    size = ctypes.c_size_t(len(attributes))
    ruleset = must("landlock", libc.syscall(LANDLOCK_CREATE, attributes, size, 0))
    for path, wanted in rules["paths"]:
        try:
            fd = os.open(path, os.O_PATH)
        except FileNotFoundError:
            continue
        rights = wanted if os.path.isdir(path) else wanted & rules["file"]
        rule = ctypes.byref(Beneath(rights, fd))
        must(path, libc.syscall(LANDLOCK_ADD, ruleset, LANDLOCK_PATH_BENEATH, rule, 0))
        os.close(fd)
    must("landlock", libc.syscall(LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


def seccomp(steps: bytes) -> None:
    kept = ctypes.create_string_buffer(steps, len(steps))
    loaded = ctypes.byref(Filter(len(steps) // 8, ctypes.addressof(kept)))
    number = SECCOMP[os.uname().machine]
    must("seccomp", libc.syscall(number, SECCOMP_SET_MODE_FILTER, 0, loaded))


def start(request: dict[str, Any]) -> None:
    for which, wanted in request["limits"]:
        hard = resource.getrlimit(which)[1]
        amount = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (amount, amount))
    for ignored in (_signal.SIGPIPE, _signal.SIGXFSZ):  # Python ignores both, and it is inherited
        _signal.signal(ignored, _signal.SIG_DFL)
    os.umask(0o022)
    for folder in request["folders"]:
        try:
            os.mkdir(folder)
        except OSError:
            pass
    if request["start"] is not None:
        os.chdir(request["start"])
    error = execute(request["argv"], request["env"])
    os.write(2, f"{request['argv'][0]}: {os.strerror(error)}\n".encode())
    os._exit(NOT_FOUND if error == ENOENT else NOT_EXECUTABLE)


def execute(argv: list[str], env: dict[str, str]) -> int:
    """Become the program, or say why not.  `os.execvpe` would import what may be out of reach."""
    names = [argv[0]]
    if "/" not in argv[0]:
        names = [folder + "/" + argv[0] for folder in env["PATH"].split(":")]
    found = ENOENT
    for name in names:
        try:
            os.execve(name, argv, env)
        except OSError as error:
            if error.errno not in (ENOENT, ENOTDIR):
                found = error.errno or found
    return found


def guarded(role: Callable[..., None], *orders: Any) -> None:
    """Never return, never leave with a traceback: one line says what could not be done."""
    try:
        role(*orders)
    except OSError as error:
        os.write(2, f"{error.filename or role.__name__}: {error.strerror}\n".encode())
    os._exit(FAILED)


if __name__ == "__main__":
    setup = receive()
    guarded({"stage": stage, "watch": watch, "first": first}[setup["role"]], setup)
