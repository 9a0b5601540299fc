"""`logos sh`: a shell in plain words.

    python -m logos.cli.shell [OPTIONS]    what the client becomes for `logos sh`

A line goes to a shell agent, a process like any other, whose work is shown until it waits again, or
until it or one it started has a question for a person, who then has the prompt.  `!COMMAND` is a command of
`logos`.  Ctrl-C gives up what the agent is at; Ctrl-D leaves, and the agent ends.  Everything is done by
commands: this has no way in of its own.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent
from logos.cli.client import PYTHON, show
from logos.cli.commands import COMMANDS
from logos.cli.out import COLUMNS, Out
from logos.cli.registry import parsed
from logos.cli.shown import line
from logos.cli.typed import CHUNK, Keys, lines
from logos.cli.where import home

AGENT = Path(__file__).with_name("agents") / "shell.md"
CLIENT = (*PYTHON, "-m", "logos.cli.client")
QUIET_S = 5.0
"""After so long without an event somebody it has started may be waiting for a person."""

LEAVE = ("exit", "quit")
TOLD = ("spawned", "received")
"""Events by which it has what was typed."""

HELP = """Say what is to be done.  !COMMAND runs a command of logos: !ps, !journal 2, !approve 5.3.
Ctrl-C gives up what the agent is at, Ctrl-D or exit leaves.
"""
GREETING = "Say what is to be done; help says more."


class Shell:
    """`pid` is the agent's, once something was said; `seen` its last event that was shown; `held`: it is
    not done, but waits for a person, who was shown these questions."""

    def __init__(self, out: Out, keys: Keys, agent: str, model: str) -> None:
        self._out = out
        self._keys = keys
        self._start = [agent, *(("--model", model) if model else ())]
        self.pid = 0
        self._seen = 0
        self._asked_of: set[str] = set()
        self._held = False

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
        if words[:1] == ["sh"]:
            self._out.error(SysError(Code.INVALID, "a shell within a shell", hint="leave this one"))
            return
        subprocess.run([*CLIENT, *words], check=False)  # noqa: S603 - what the person typed
        if self._held and not self._questions():
            self._keys.enough = False
            self._follow(told=True)

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

    def _follow(self, *, told: bool = False) -> None:
        """Show what it does until it waits for us again, or asks.  Before it was `told` what was said it
        may wait for that."""
        self._held = False
        command = [*CLIENT, "attach", str(self.pid), "--from", str(self._seen), "--json"]
        with subprocess.Popen(  # noqa: S603 - a command of ours
            command, stdout=subprocess.PIPE, start_new_session=True
        ) as watching:
            assert watching.stdout is not None
            try:
                for data in self._heard(watching.stdout.fileno()):
                    told = told or (data is not None and data["type"] in TOLD)
                    if data is not None and self._shown(data) and told:
                        return
                    if (data is None or data["type"] == "held") and self._questions():
                        self._held = True
                        return
            finally:
                watching.terminate()

    def _questions(self) -> bool:
        """Does it, or anybody it has started, wait for the person who is here?  Each question is shown once."""
        pending = self._asked("approvals", "--") or []
        parents = {one["pid"]: one["parent"] for one in self._asked("ps", "--") or [] if pending}
        ours = [one for one in pending if self.pid in _line_of(one["pid"], parents)]
        for one in ours:
            again, id_ = one["id"] in self._asked_of, one["id"]
            said = "still" if again else f"asks: {one['question']}\n"
            text = self._out.style(f"{one['agent']} (process {one['pid']}) {said} ", "yellow")
            if not (again and self._out.json):
                self._out.item(
                    {"type": "question", **one}, f"{text}waits: !approve {id_} or !deny {id_}"
                )
            self._asked_of.add(id_)
        return bool(ours) and sys.stdin.isatty()

    def _heard(self, fd: int) -> Iterator[dict[str, Any] | None]:
        """Its events, and None after a while without.  What came before the person had enough of it is
        heard first."""
        rest = b""
        while True:
            match self._keys.wait(fd, QUIET_S):
                case False:
                    self._asked("kill", str(self.pid), "--signal", "int", "--")
                    continue
                case None:
                    yield None
                    continue
                case True:
                    pass
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
        if data["type"] == "held":
            return  # it is shown as a question
        told = json.dumps(data | {"event": data["type"]})
        event: Any = msgspec.json.decode(told, type=AnyEvent)
        if text := line(event, self._out):
            self._out.text(text + "\n")

    def close(self) -> None:
        if self.pid:
            self._asked("kill", str(self.pid), "--signal", "term", "--")


def _line_of(pid: int | None, parents: dict[int, int | None]) -> Iterator[int]:
    """It, its parent, its parent's parent …"""
    while pid is not None:
        yield pid
        pid = parents.get(pid)


def _ended(number: int, _: object) -> None:
    """Its terminal has gone, or somebody ends it: it leaves as it does otherwise."""
    sys.exit(128 + number)


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
    out.shape(json=arguments.json, plain=arguments.plain, fields=arguments.fields)
    folder = Path(home())
    folder.mkdir(parents=True, exist_ok=True)
    keys = Keys()
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, _ended)
    shell = Shell(out, keys, arguments.agent or str(AGENT), arguments.model or "")
    if out.json:
        out.item({"type": "session", "agent": arguments.agent or "shell"}, "")
    elif sys.stdin.isatty():
        out.note(out.style(GREETING, "dim"))
    try:
        with closing(lines(folder / "shell_history", keys)) as all_lines:
            for typed in all_lines:
                if typed.strip().lower() in LEAVE:
                    break
                shell.take(typed)
    finally:
        shell.close()
    if out.json:
        out.item({"type": "result", "status": 0}, "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
