"""What a shell starts: hands the arguments to the daemon and shows what comes back.

Imports as little as it can, because it is started for every command; whatever takes time
(parsing, colour, tables) is the daemon's work.  Starts the daemon when there is none, and
again when it dies in the middle of a command that can go on.
"""

import _socket
import os
import sys

from logos.cli import wire

DAEMON_ABSENT = 69
INTERRUPTED = 130
PATIENCE_S = 900
"""For a daemon that starts: its database may have much to recover."""

PATH_BYTES = 100
"""A unix socket's path must be short."""

LOCAL = {"", "--help", "-h", "--version", "help", "config", "doctor", "--describe"}
"""Commands that need no daemon."""


def main() -> int:
    try:
        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # no second complaint at exit
        return 128 + 13


def run(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first == "up" and "--foreground" in arguments:
        os.execv(sys.executable, [sys.executable, "-m", "logos.cli.daemon"])  # noqa: S606
    connection = connect()
    if connection is None:
        if (
            first in LOCAL
            or "--describe" in arguments
            or "--help" in arguments
            or "-h" in arguments
        ):
            os.execv(  # noqa: S606 - ourselves
                sys.executable, [sys.executable, "-m", "logos.cli.local", *arguments]
            )
        if first in ("down", "status"):
            sys.stderr.write("logos: no daemon is running\n")
            return 0 if first == "down" else DAEMON_ABSENT
        connection = start()
    while True:
        if connection is None:
            return DAEMON_ABSENT
        status, resume = talk(connection, arguments)
        if status is not None:
            if first == "down" and status == 0:
                wait_until_gone()
            return status
        if resume is None:
            sys.stderr.write(
                "logos: the daemon went away before it answered\n"
                "hint: whether it happened is in the journal; try `logos ps -a`\n"
            )
            return DAEMON_ABSENT
        sys.stderr.write("logos: the daemon went away; starting it again\n")
        arguments = resume
        connection = start()


def talk(connection: "_socket.socket", arguments: list[str]) -> tuple[int | None, list[str] | None]:
    """One command.  (exit status, None), or (None, how to go on) when the daemon is gone."""
    resume: list[str] | None = None
    try:
        connection.sendall(wire.frame(wire.REQUEST, wire.pack(request(arguments))))
    except OSError:
        return None, None
    buffer = b""
    while data := receive(connection):
        buffer += data
        while len(buffer) >= wire.HEADER_BYTES:
            end = wire.HEADER_BYTES + int.from_bytes(buffer[1 : wire.HEADER_BYTES], "big")
            if len(buffer) < end:
                break
            kind, payload, buffer = buffer[:1], buffer[wire.HEADER_BYTES : end], buffer[end:]
            if kind == wire.EXIT:
                return int(payload), None
            if kind == wire.RESUME:
                resume = wire.unpack(payload)
            elif kind == wire.INPUT:
                connection.sendall(wire.frame(wire.INPUT, sys.stdin.buffer.read()))
            else:
                show(1 if kind == wire.OUT else 2, payload)
    return None, resume


def receive(connection: "_socket.socket") -> bytes:
    """What comes next; nothing when the daemon is gone.  The first Ctrl-C is passed on."""
    try:
        return connection.recv(1 << 16)
    except ConnectionResetError:
        return b""
    except KeyboardInterrupt:
        connection.sendall(wire.frame(wire.INTERRUPT, b""))
        return connection.recv(1 << 16)


def show(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def request(arguments: list[str]) -> list[str]:
    """Where we are, what the terminal can do, the settings that matter, the arguments."""
    try:
        columns = os.get_terminal_size(1).columns
    except OSError:
        columns = 0
    terminals = "".join(str(n) for n in (0, 1, 2) if os.isatty(n))
    plain = "1" if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else ""
    return [os.getcwd(), str(columns), terminals, plain, *arguments]


def home() -> str:
    """The same as boot.home, without importing anything."""
    if named := os.environ.get("LOGOS_HOME"):
        return os.path.abspath(os.path.expanduser(named))
    if os.geteuid() == 0:
        return "/var/lib/logos"
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/logos")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "logos")


def socket_path(folder: str) -> str:
    path = os.path.join(folder, "logos.sock")
    if len(os.fsencode(path)) <= PATH_BYTES:
        return path
    import zlib  # noqa: PLC0415 - only for long paths

    return f"/tmp/logos-{os.geteuid()}-{zlib.crc32(os.fsencode(path)):08x}/logos.sock"  # noqa: S108


def connect() -> "_socket.socket | None":
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(socket_path(home()))
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


def start() -> "_socket.socket | None":
    """Start a daemon, wait until it answers, and say what it is doing meanwhile."""
    import subprocess  # noqa: PLC0415 - only when there is no daemon
    import time  # noqa: PLC0415

    folder = home()
    os.makedirs(folder, exist_ok=True)
    log_path = os.path.join(folder, "daemon.log")
    with open(log_path, "ab") as log:
        told = log.tell()
        child = subprocess.Popen(
            [sys.executable, "-m", "logos.cli.daemon"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if (connection := connect()) is not None:
            return connection
        told = _tell(log_path, told)
        if child.poll() not in (None, 0):  # 0: another one was there first
            sys.stderr.write(f"logos: the daemon did not start; see {log_path}\n")
            with open(log_path, "rb") as log:
                log.seek(told)
                show(2, log.read()[-2000:])
            return None
        time.sleep(0.02)
    sys.stderr.write(f"logos: the daemon does not answer; see {log_path}\n")
    return None


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
