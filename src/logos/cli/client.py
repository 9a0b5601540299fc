"""The thin client: passes the arguments to the daemon and shows what comes back.

Imports as little as it can, because it is started for every command; whatever takes time
(parsing, colour, tables) is the daemon's work.  Starts the daemon when there is none, and
again when it dies in the middle of a command that can go on.
"""

import _socket
import os
import sys
from errno import EBADF

from logos.cli import wire
from logos.cli.where import home, log_path, ours, socket_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import BinaryIO, NoReturn

INVALID, DENIED, DAEMON_ABSENT = 2, 4, 69
INTERRUPTED = 130
PATIENCE_S = 900
"""For a daemon that starts: its database may have much to recover."""

PYTHON = (sys.executable, "-P")
"""Without the current folder among those of modules: an agent may have written there."""

ANYWHERE = {"--describe", "--dry-run", "--help", "-h"}
"""With one of these a command does nothing, and needs no daemon for it."""

LOCAL = {"", "--help", "-h", "--version", "help", "config", "doctor", "--describe"}
"""Commands that need no daemon."""

LOOKS = {"exec", "mem"}
"""Commands whose dry run looks at what there is."""

OFFLINE = "--export"
"""`audit verify` of a file needs no daemon either."""

REFUSALS = 5
"""So often a request goes to a next daemon because the one before did not take it."""

NAMES = {2: "invalid", 3: "not_found", 4: "denied"}
"""Of statuses; whatever else keeps a daemon from answering is `unavailable`."""

UNENDED: set[int] = set()
"""Descriptors whose last line has not ended: a thought was cut off."""


class Failure(Exception):  # noqa: N818 - one of ours is SysError, in the daemon
    """Ends the client: a message, a hint, and an exit status."""


def main() -> int:
    try:
        return run(sys.argv[1:])
    except KeyboardInterrupt:
        show(2, b"\n")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # no second complaint at exit
        return 128 + 13
    except Failure as failure:
        message, hint, status = failure.args
        if as_json(sys.argv[1:]):
            answer_error(message, hint, status)
        complain(message, hint)
        return int(status)


def as_json(arguments: list[str]) -> bool:
    own = own_words(arguments)
    return "--json" in own or not (os.isatty(1) or "--plain" in own)


def own_words(arguments: list[str]) -> list[str]:
    """Without what belongs to somebody else's command line."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def answer_error(message: str, hint: str, status: int) -> None:
    """The document a program gets, as out.py makes it."""
    import json  # noqa: PLC0415 - only for what went wrong

    code = NAMES.get(status, "unavailable")
    error = {"code": code, "exit": status, "message": message, "hint": hint}
    error |= {"retryable": code == "unavailable", "retry_after_ms": None}
    show(1, json.dumps({"v": 1, "ok": False, "error": error}).encode() + b"\n")


def complain(message: str, hint: str = "") -> None:
    if UNENDED:
        show(2, b"\n")
        UNENDED.clear()
    show(2, f"logos: {message}\n".encode("utf-8", "surrogateescape"))
    if hint:
        show(2, f"hint: {hint}\n".encode("utf-8", "surrogateescape"))


def run(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first == "up" and "--foreground" in arguments:
        become("logos.cli.daemon")
    if arguments == ["mcp"]:
        (connect() or start()).close()
        from logos.cli import bridge  # noqa: PLC0415 - only for this command

        return bridge.pump(socket_path(home()) + ".mcp")
    if first == "sh" and ANYWHERE.isdisjoint(arguments):
        become("logos.cli.shell", *arguments[1:])
    connection = connect()
    if connection is None:
        if alone(arguments):
            become("logos.cli.local", *arguments)
        if first == "status":
            raise Failure("no daemon is running", "logos up", DAEMON_ABSENT)
        if first == "down":
            complain("no daemon is running")
            if as_json(arguments):
                show(1, b'{"v":1,"ok":true,"data":{"stopping":false}}\n')
            return 0
        connection = start()
    status = keep_on(connection, arguments)
    if first == "down" and status == 0 and ANYWHERE.isdisjoint(own_words(arguments)):
        wait_until_gone()
    return status


def become(module: str, *words: str) -> "NoReturn":
    loading = os.path.join(os.path.dirname(__file__), "loading.py")
    os.execv(sys.executable, [*PYTHON, loading, module, *words])  # noqa: S606 - ourselves


def alone(arguments: list[str]) -> bool:
    """Can it be answered without a daemon?"""
    first = arguments[0] if arguments else ""
    if first == "audit" and any(one.startswith(OFFLINE) for one in arguments):
        return True
    own = set(own_words(arguments))
    if first in LOOKS:
        own.discard("--dry-run")
    return first in LOCAL or not ANYWHERE.isdisjoint(own)


def keep_on(connection: "_socket.socket", arguments: list[str]) -> int:
    """One command, through as many daemons as it takes; its exit status."""
    refusals, passing = 0, arguments[:1] == ["exec"]
    while True:
        if passing:
            pass_signals(connection)
        taken, ended = talk(connection, arguments)
        if isinstance(ended, int):
            return ended
        refusals = 0 if taken else refusals + 1
        if ended is None or refusals > REFUSALS:
            raise Failure(
                "the daemon went away before it answered",
                "whether it happened is in the journal; try `logos ps -a`"
                if taken
                else f"it did not take the command; see {log_path()}",
                DAEMON_ABSENT,
            )
        waits = taken and ended[0] == "logs" and ("--follow" in ended or ended[1] == "--from")
        if taken:
            what = "waiting for the next one" if waits else "starting it again"
            complain(f"the daemon went away; {what}")
        arguments = ended
        connection = connect() or (next_one() if waits else start())


def next_one() -> "_socket.socket":
    """For who only watches: the last one may have been stopped on purpose."""
    import time  # noqa: PLC0415 - only when the daemon is gone

    while (connection := connect()) is None:
        time.sleep(0.2)
    return connection


def talk(connection: "_socket.socket", arguments: list[str]) -> tuple[bool, int | list[str] | None]:
    """One command: whether the daemon took it, and its exit status.  When the daemon died: how
    to go on, which for what was not taken is the same again; None when nobody can know."""
    taken, resume = False, None
    send(connection, request(arguments))
    buffer = bytearray()
    while data := receive(connection):
        buffer += data
        while frame := wire.take(buffer):
            kind, payload = frame
            if kind == wire.EXIT:
                return taken, int(payload)
            if kind == wire.TAKEN:
                taken = True
            elif kind == wire.TOGETHER:
                buffer[:0] = payload
            elif kind == wire.RESUME:
                resume = wire.unpack(payload)
            elif kind == wire.INPUT:
                said = sys.stdin.buffer.read() if sys.stdin else b""
                send(connection, wire.frame(wire.INPUT, said))
            else:
                show(1 if kind == wire.OUT else 2, payload)
    return taken, resume if taken else arguments


def pass_signals(connection: "_socket.socket") -> None:
    """What a shell or a person sends us is meant for the program."""
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415 - only where signals are passed on

    for number in (_signal.SIGINT, _signal.SIGTERM):
        _signal.signal(number, lambda n, _: send(connection, wire.frame(wire.INTERRUPT, b"%d" % n)))


def send(connection: "_socket.socket", frame: bytes) -> None:
    """When the daemon is gone, nothing: what comes next from it will say so."""
    try:
        connection.sendall(frame)
    except (BrokenPipeError, ConnectionResetError):
        return


def receive(connection: "_socket.socket") -> bytes:
    """What comes next; nothing when the daemon is gone.  The first Ctrl-C is passed on."""
    try:
        try:
            return connection.recv(1 << 16)
        except KeyboardInterrupt:
            send(connection, wire.frame(wire.INTERRUPT, b""))
            return connection.recv(1 << 16)
    except ConnectionResetError:
        return b""


def show(descriptor: int, data: bytes) -> None:
    """Where nobody listens because it was closed from the start, nothing is shown."""
    (UNENDED.discard if data.endswith(b"\n") else UNENDED.add)(descriptor)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError as error:
        if error.errno != EBADF:
            raise


def request(arguments: list[str]) -> bytes:
    """Where we are, what the terminal can do, the settings that matter, the arguments."""
    try:
        columns = os.get_terminal_size(1).columns
    except OSError:
        columns = 0
    terminals = "".join(str(n) for n in (0, 1, 2) if os.isatty(n))
    plain = "1" if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else ""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise Failure("the current folder has been removed", "cd somewhere else", 3) from None
    model = os.environ.get("LOGOS_MODEL", "")
    return wire.request(here, arguments, columns, terminals, plain, model)


def connect() -> "_socket.socket | None":
    path = socket_path(home())
    if not ours(os.path.dirname(path)):
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except PermissionError:
        connection.close()
        raise Failure(f"{path} belongs to another user", "set LOGOS_HOME", 4) from None
    except OSError:
        connection.close()
        return None
    return connection


def wait_until_gone() -> None:
    """Until the daemon has let go of its home: its node and its database are down then."""
    import fcntl  # noqa: PLC0415 - only for `down`

    try:
        with open(os.path.join(home(), "node.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return


def open_log() -> "BinaryIO":
    folder = home()
    try:
        os.makedirs(folder, exist_ok=True)
        return open(log_path(), "ab")
    except OSError as error:
        raise Failure(
            f"{folder} cannot be used: {error.strerror}",
            "LOGOS_HOME must be a folder this user can write to",
            DENIED if isinstance(error, PermissionError) else INVALID,
        ) from None


def is_taken() -> bool:
    """Whether there is a daemon, which may be about to let go of its home."""
    import fcntl  # noqa: PLC0415 - only where two daemons meet

    try:
        with open(os.path.join(home(), "node.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def begin() -> "tuple[subprocess.Popen[bytes], int]":
    """A daemon, and where in the log it begins."""
    import subprocess  # noqa: PLC0415 - only when there is no daemon

    with open_log() as log:
        told = log.tell()
        child = subprocess.Popen(  # noqa: S603 - ourselves
            [*PYTHON, "-m", "logos.cli.daemon"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    return child, told


def start() -> "_socket.socket":
    """Start a daemon, wait until it answers, and say what it is doing meanwhile."""
    import time  # noqa: PLC0415 - only when there is no daemon

    child, told = begin()
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if (connection := connect()) is not None:
            return connection
        told = _tell(log_path(), told)
        if child.poll() == 0 and not is_taken():  # another one was there first, and has ended since
            child, told = begin()
        elif child.poll() not in (None, 0):
            told = _tell(log_path(), told)
            status = child.returncode if child.returncode > 1 else DAEMON_ABSENT
            raise Failure("the daemon did not start", f"see {log_path()}", status)
        time.sleep(0.02 if child.returncode is None else 0.2)
    raise Failure("the daemon does not answer", f"see {log_path()}", DAEMON_ABSENT)


def _tell(path: str, since: int) -> int:
    """Lines the daemon means for people begin with `logos: `."""
    with open(path, "rb") as log:
        log.seek(since)
        data = log.read()
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.splitlines(keepends=True):
        if line.startswith(b"logos: "):
            show(2, line)
    return since + len(whole)


if __name__ == "__main__":
    sys.exit(main())
