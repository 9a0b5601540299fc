"""What a person types into `logos sh`: edited, remembered and completed on a terminal.

    lines(history, keys)         what is typed, until its end
    completions(before, text)    what may stand in place of `text`, after what stands before it
    Keys                         Ctrl-C: what it gives up

Invariant: what shells at the same time remember is added to what was there.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from logos.cli.commands import COMMANDS

PROMPT = "logos> "
REMEMBERED = 1000
CHUNK = 1 << 16

NOTICED_S = 0.25
"""The longest until a signal is noticed."""


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
        signal.signal(signal.SIGALRM, lambda *_: None)

    def _pressed(self, *_: object) -> None:
        self.enough = True
        if self._typing:
            self._typing = False
            raise KeyboardInterrupt

    def line(self, read: Callable[[], str]) -> str:
        """What is typed.  Raise KeyboardInterrupt.

        A signal that comes between the prompt and the wait for a key is noticed with the next signal only:
        that is the timer's.
        """
        self._typing = True
        signal.setitimer(signal.ITIMER_REAL, NOTICED_S, NOTICED_S)
        try:
            return read()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._typing = False

    def wait(self, fd: int, within_s: float) -> bool | None:
        """Until there is something to read; None: nothing came; False: the person has had enough."""
        while not self.enough:
            ready, _, _ = select.select([fd, self._rung], [], [], within_s)
            if self._rung in ready:
                os.read(self._rung, CHUNK)
            else:
                return True if ready else None
        self.enough = False
        return False


def lines(history: Path, keys: Keys) -> Generator[str, None, None]:
    if not sys.stdin.isatty():
        with suppress(KeyboardInterrupt):
            while typed := keys.line(sys.stdin.readline):
                yield typed
        return
    readline = _edited(history)
    before = readline.get_current_history_length()
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
            new = readline.get_current_history_length() - before
            readline.append_history_file(max(new, 0), history)


def _edited(history: Path) -> Any:
    import readline  # noqa: PLC0415 - it takes the terminal over

    with suppress(OSError):
        history.touch(mode=0o600)
        readline.read_history_file(history)
    readline.set_history_length(REMEMBERED)
    readline.set_completer_delims(" \t\n")
    readline.parse_and_bind("tab: complete")

    def complete(text: str, state: int) -> str | None:
        found = completions(readline.get_line_buffer()[: readline.get_begidx()], text)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    return readline


def completions(before: str, text: str) -> Sequence[str]:
    """Commands after `!`, with what they take, and files."""
    if not before and text.startswith("!"):
        heads = sorted({name.split()[0] for name in COMMANDS})
        return [f"!{head} " for head in heads if head.startswith(text[1:])]
    words = before.removeprefix("!").split() if before.startswith("!") else []
    parts = {name.split()[1] for name in COMMANDS if words and name.split()[:-1] == words}
    if found := [f"{part} " for part in sorted(parts) if part.startswith(text)]:
        return found
    if words and text.startswith("-"):
        command = COMMANDS.get(" ".join(words[:2])) or COMMANDS.get(words[0])
        names = sorted(one.name for one in command.options) if command else []
        return [f"{name} " for name in names if name.startswith(text)]
    return _files(text)


def _files(text: str) -> list[str]:
    folder, slash, stem = text.rpartition("/")
    try:
        entries = sorted(os.scandir(f"{folder}{slash}" or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    return [
        f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ' '}"
        for entry in entries
        if text and entry.name.startswith(stem) and (stem or not entry.name.startswith("."))
    ]
