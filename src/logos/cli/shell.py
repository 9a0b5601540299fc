"""`logos sh`: a shell in plain words.

    python -m logos.cli.shell [OPTIONS]    what the client becomes for `logos sh`

A line goes to a shell agent, a process like any other, whose work is shown until it waits again.
`!COMMAND` is a command of `logos`.  Ctrl-C gives up what the agent is at; Ctrl-D leaves, and the
agent ends.  Everything is done by commands: this has no way in of its own.
"""

import json
import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent
from logos.cli.client import home, show
from logos.cli.commands import COMMANDS
from logos.cli.out import COLUMNS, Out
from logos.cli.registry import parsed
from logos.cli.shown import line

AGENT = Path(__file__).with_name("agents") / "shell.md"
CLIENT = (sys.executable, "-m", "logos.cli.client")
PROMPT = "logos> "
REMEMBERED = 1000
CHUNK = 1 << 16
TOLD = ("spawned", "received")
"""Events by which it has what was typed."""

HELP = """Say what is to be done.  !COMMAND runs a command of logos: !ps, !journal 2.
Ctrl-C gives up what the agent is at, Ctrl-D leaves.
"""


class Keys:
    """Ctrl-C: it gives up the line that is being typed, else it is `enough` until somebody looks.  It
    comes between two steps, never in the middle of one."""

    def __init__(self) -> None:
        self.enough = False
        self._typing = False
        self._rung, bell = os.pipe()
        for fd in (self._rung, bell):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, self._pressed)

    def _pressed(self, *_: object) -> None:
        self.enough = True
        if self._typing:
            self._typing = False
            raise KeyboardInterrupt

    def line(self, read: Callable[[], str]) -> str:
        """What is typed.  Raise KeyboardInterrupt."""
        self._typing = True
        try:
            return read()
        finally:
            self._typing = False

    def wait(self, fd: int) -> bool:
        """Until there is something to read; False: the person has had enough of waiting."""
        while not self.enough:
            ready, _, _ = select.select([fd, self._rung], [], [])
            if self._rung in ready:
                os.read(self._rung, CHUNK)
            elif ready:
                return True
        self.enough = False
        return False


class Shell:
    """`pid` is the agent's, once something was said; `seen` its last event that was shown."""

    def __init__(self, out: Out, keys: Keys, agent: str, model: str) -> None:
        self._out = out
        self._keys = keys
        self._start = [agent, *(("--model", model) if model else ())]
        self.pid = 0
        self._seen = 0

    def take(self, text: str) -> None:
        """One line."""
        match text.strip():
            case "":
                return
            case "help" | "?":
                self._out.text(HELP)
            case said if said.startswith("!"):
                self._command(said[1:])
            case said:
                self._say(said)

    def _command(self, text: str) -> None:
        try:
            words = shlex.split(text)
        except ValueError as error:
            self._out.error(SysError(Code.INVALID, f"{error}", hint="close what you quoted"))
            return
        subprocess.run([*CLIENT, *words], check=False)  # noqa: S603 - what the person typed

    def _say(self, text: str) -> None:
        self._keys.enough = False
        if self.pid and self._asked("send", str(self.pid), "--", text) is None:
            self.pid = 0  # it has ended: another one takes over
        if not self.pid:
            started = self._asked("run", "--detach", "-w", ".", *self._start, "--", text)
            if started is None:
                return
            self.pid, self._seen = started["pid"], 0
        self._follow()

    def _asked(self, *words: str) -> Any:
        """A command's answer, or None: it has said why.  Ctrl-C waits for it: what has begun must be
        known before it can be given up."""
        own = words.index("--")
        ran = subprocess.run(  # noqa: S603 - a command of ours
            [*CLIENT, *words[:own], "--json", *words[own:]],
            stdout=subprocess.PIPE,
            check=False,
            start_new_session=True,
        )
        return json.loads(ran.stdout)["data"] if ran.returncode == 0 else None

    def _follow(self) -> None:
        """Show what it does until it waits for us again."""
        command = [*CLIENT, "attach", str(self.pid), "--from", str(self._seen), "--json"]
        with subprocess.Popen(  # noqa: S603 - a command of ours
            command, stdout=subprocess.PIPE, start_new_session=True
        ) as watching:
            assert watching.stdout is not None
            try:
                told = False  # before it has what was said it may wait for it
                for data in self._heard(watching.stdout.fileno()):
                    told = told or data["type"] in TOLD
                    if self._shown(data) and told:
                        return
            finally:
                watching.terminate()

    def _heard(self, fd: int) -> Iterator[dict[str, Any]]:
        """Its events.  What came before the person had enough of it is heard first."""
        rest = b""
        while True:
            if not self._keys.wait(fd):
                self._asked("kill", str(self.pid), "--signal", "int", "--")
                continue
            if not (data := os.read(fd, CHUNK)):
                return
            *whole, rest = (rest + data).split(b"\n")
            yield from map(json.loads, whole)

    def _shown(self, data: dict[str, Any]) -> bool:
        """Whether it now does nothing more."""
        if data["type"] == "result":
            self.pid = 0
            return True
        self._seen = data["seq"]
        self._show(data)
        return bool(data["type"] == "idled")

    def _show(self, data: dict[str, Any]) -> None:
        if data["type"] in TOLD:
            return  # it is what was just typed
        if self._out.json:
            self._out.item(data, "")
            return
        told = json.dumps(data | {"event": data["type"]})
        event: Any = msgspec.json.decode(told, type=AnyEvent)
        if text := line(event, self._out):
            self._out.text(text + "\n")

    def close(self) -> None:
        if self.pid:
            self._asked("kill", str(self.pid), "--signal", "term", "--")


def lines(history: Path, keys: Keys) -> Iterator[str]:
    """What is typed: edited, remembered and completed on a terminal."""
    if not sys.stdin.isatty():
        with suppress(KeyboardInterrupt):
            while typed := keys.line(sys.stdin.readline):
                yield typed
        return
    readline = _edited(history)
    try:
        while True:
            try:
                typed = keys.line(lambda: input(PROMPT))
            except KeyboardInterrupt:
                print()
            else:
                yield typed
    except EOFError:
        print()
    finally:
        with suppress(OSError):
            readline.write_history_file(history)


def _edited(history: Path) -> Any:
    import readline  # noqa: PLC0415 - it takes the terminal over

    with suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(REMEMBERED)
    readline.set_completer_delims(" \t\n")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    return readline


def complete(text: str, state: int) -> str | None:
    """Commands after `!`, else files of this folder."""
    if text.startswith("!"):
        heads = sorted({name.split()[0] for name in COMMANDS})
        found = [f"!{head}" for head in heads if head.startswith(text[1:])]
    else:
        found = sorted(name for name in os.listdir() if name.startswith(text))  # noqa: PTH208
    return found[state] + " " if text and state < len(found) else None


def main() -> int:
    terminal = sys.stdout.isatty()
    words = sys.argv[1:]
    colour = terminal and not os.environ.get("NO_COLOR")
    columns = (os.get_terminal_size().columns or COLUMNS) if terminal else 0
    out = Out(show, json=not terminal or "--json" in words, colour=colour, width=columns)
    try:
        arguments = parsed(COMMANDS["sh"], words)
    except SysError as error:
        return out.error(error)
    out.json = arguments.json or (out.json and not arguments.plain)
    folder = Path(home())
    folder.mkdir(parents=True, exist_ok=True)
    keys = Keys()
    shell = Shell(out, keys, arguments.agent or str(AGENT), arguments.model or "")
    if out.json:
        out.item({"type": "session", "agent": arguments.agent or "shell"}, "")
    try:
        for typed in lines(folder / "shell_history", keys):
            shell.take(typed)
    finally:
        shell.close()
    if out.json:
        out.item({"type": "result", "status": 0}, "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
