"""How answers look: JSON for programs, tables and colour for people.

    Out.data(value, text)    one answer: a JSON document, or text
    Out.table(columns, rows) rows for people, or the same as JSON
    Out.item(value, text)    one line of a stream: NDJSON, or text
    Out.note(text)           to standard error, for people
    Out.error(error)         code, message, hint; returns the exit status
    Out.last()               what is shown from now on belongs to the exit status
    sayable(text)            without what no encoding has

JSON is what a pipe gets unless it asks for `--plain`; colour only a terminal gets.  With `fields` an answer
is JSON of no more than these; of a stream each line keeps its `type`.

Invariant: a text of a model, a tool or a file colours a terminal at the most: whatever else would move its
cursor, set its title or hide what stands there is shown, not obeyed.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from logos.abi.errors import SysError

VERSION = 1

COLUMNS = 100
"""Of a terminal that does not say, and of no terminal."""

STYLES = {
    "dim": "2",
    "bold": "1",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}

STATUS_STYLE = {
    "ready": "green",
    "thinking": "cyan",
    "calling": "blue",
    "waiting": "dim",
    "stopped": "yellow",
    "exited": "dim",
}


_ORDERS = re.compile(
    r"\x1b(?!\[[\d;]*m)|\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""What a terminal obeys: control characters, save ends of lines and colours, and turns of direction."""


def harmless(text: str) -> str:
    return _ORDERS.sub(lambda found: ascii(found[0])[1:-1], text)


class Out:
    """`write` takes a file descriptor (1 or 2) and bytes.  `width` is 0 when it is no terminal.
    `last`: what is shown from now on reaches the client with the exit status, or not at all."""

    def __init__(
        self,
        write: Callable[[int, bytes], None],
        *,
        json: bool,
        colour: bool,
        width: int = 0,
        last: Callable[[], None] = lambda: None,
    ) -> None:
        self._write = write
        self.last = last
        self.json = json
        self.fields: Sequence[str] = ()
        self.colour = colour
        self.width = width or COLUMNS
        self._terminal = width > 0

    def shape(self, *, json: bool, plain: bool, fields: str | None) -> None:
        """As the common options of a command ask."""
        self.fields = tuple(filter(None, (fields or "").split(",")))
        self.json = bool(json or self.fields or (self.json and not plain))

    def style(self, text: str, name: str) -> str:
        return f"\x1b[{STYLES[name]}m{text}\x1b[0m" if self.colour and name in STYLES else text

    def data(self, value: Any, text: str) -> None:
        self.last()
        if self.json:
            self._line({"v": VERSION, "ok": True, "data": self._picked(value)})
        else:
            self.text(text if text.endswith("\n") or not text else text + "\n")

    def item(self, value: Any, text: str | None) -> None:
        if self.json:
            self._line(self._picked(value, "type"))
        elif text is not None:
            self.text(text + "\n")

    def text(self, text: str) -> None:
        shown = harmless(text) if self._terminal else text
        self._write(1, shown.encode("utf-8", "replace"))

    def raw(self, stream: int, data: bytes) -> None:
        """What a program wrote to 1 or 2, as it did."""
        self._write(stream, data)

    def note(self, text: str) -> None:
        if not self.json:
            self._say(text)

    def progress(self, done: int, total: int, name: str) -> None:
        """A line that is written over, where there is a terminal."""
        if self.json or not self.colour or not total:
            return
        full = 24 * done // total
        bar = f"[{'█' * full}{'░' * (24 - full)}] {done}/{total}"
        line = f"{bar} {harmless(name)}"[: self.width - 1]
        end = "\r\x1b[K" if done == total else ""
        self._write(2, f"\r{line}\x1b[K{end}".encode())

    def error(self, error: SysError) -> int:
        self.last()
        status = error.meaning.exit_status
        if self.json:
            self._line({"v": VERSION, "ok": False, "error": error_data(error)})
        self._say(f"logos: {error.code}: {error.message}".replace("\x1b", "\\x1b"))
        if error.hint:
            self._say(f"hint: {error.hint}".replace("\x1b", "\\x1b"))
        return status

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], data: Any) -> None:
        """The last column takes what room is left; a column of numbers is set to the right."""
        if self.json:
            self.data(data, "")
            return
        self.last()
        if not rows and self._terminal:
            self.note("nothing there")
            return
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [
            max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)
        ]
        used = sum(widths[:-1]) + 2 * (len(widths) - 1)
        widths[-1] = max(min(widths[-1], self.width - used), 8)
        self.text(self.style(_joined(columns, widths, [False] * len(widths)), "bold") + "\n")
        for row, values in zip(cells, rows, strict=True):
            right = [isinstance(value, int) for value in values]
            line = _joined(row, widths, right)
            for word in row:
                if word in STATUS_STYLE:
                    line = line.replace(word, self.style(word, STATUS_STYLE[word]), 1)
            self.text(line + "\n")

    def _picked(self, value: Any, *kept: str) -> Any:
        return picked(value, (*kept, *self.fields)) if self.fields else value

    def _say(self, line: str) -> None:
        self._write(2, f"{harmless(line)}\n".encode("utf-8", "replace"))

    def _line(self, value: Any) -> None:
        self._write(1, msgspec.json.encode(value) + b"\n")


def picked(value: Any, fields: Sequence[str]) -> Any:
    """Of an object, or of each of a list: `a,b.c` -> {"a": …, "b.c": …}; what is not there is null."""
    plain = msgspec.json.decode(msgspec.json.encode(value))
    if isinstance(plain, list):
        return [picked(one, fields) for one in plain]
    return {field: _at(plain, field) for field in fields} if isinstance(plain, dict) else plain


def _at(value: Any, field: str) -> Any:
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def error_data(error: SysError) -> dict[str, Any]:
    meaning = error.meaning
    return {
        "code": error.code,
        "exit": meaning.exit_status,
        "message": sayable(error.message),
        "hint": sayable(error.hint),
        "retryable": meaning.retryable,
        "retry_after_ms": None if error.retry_after_s is None else int(error.retry_after_s * 1000),
    }


def sayable(text: str) -> str:
    """A message may quote what is no text, such as the name of a file."""
    return text.encode("utf-8", "replace").decode()


def _cell(value: Any) -> str:
    return "-" if value is None else " ".join(str(value).split())


def _joined(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        short = cell if len(cell) <= width else cell[: width - 1] + "…"
        parts.append(short.rjust(width) if to_right else short.ljust(width))
    return "  ".join(parts).rstrip()
