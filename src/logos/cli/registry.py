"""What a command is, and which one a line of arguments means.

Command, Argument     a declaration: parser, help and JSON Schema all come from it
Asked                 what a command is run with
parsed(command, words)   what the words after it mean, or SysError with a hint
pair(text)            what NAME=VALUE means
describe(...)         the JSON Schema of one command, or of all
"""

import argparse
import difflib
import math
import re
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import anyio

from logos.abi.errors import MEANING, Code, SysError
from logos.boot import Machine, home
from logos.cli.contract import contract
from logos.cli.out import Out
from logos.config import Loaded

LARGEST = 2**63
"""No number that a database keeps is as large."""


@dataclass(frozen=True, slots=True)
class Argument:
    """`name` with dashes is an option, without a position.  `kind` is str, int, float or bool;
    `value` says what stands behind an option: NAME=VALUE, DOLLARS."""

    name: str
    help: str
    kind: type = str
    default: Any = None
    choices: tuple[str, ...] = ()
    many: bool = False
    short: str = ""
    least: int | None = None
    value: str = ""

    @property
    def shown(self) -> str:
        """What a page of help writes behind an option."""
        return self.value or {int: "N", float: "X"}.get(self.kind, self.key.upper())

    @property
    def explained(self) -> str:
        """With what may be chosen."""
        return f"{self.help} ({', '.join(self.choices)})" if self.choices else self.help

    @property
    def key(self) -> str:
        return self.name.lstrip("-").replace("-", "_")

    @property
    def optional(self) -> bool:
        return self.name.startswith("-") or self.default is not None

    def add(self, parser: argparse.ArgumentParser) -> None:
        names = [self.short, self.name] if self.short else [self.name]
        if self.kind is bool:
            parser.add_argument(*names, action="store_true", help=self.help)
            return
        extra: dict[str, Any] = {"choices": self.choices or None, "default": self.default}
        if not self.name.startswith("-"):
            extra |= {"nargs": self._number(), "metavar": self.name}
        elif self.many:
            extra |= {"action": "append", "default": [], "metavar": self.shown}
        else:
            extra["metavar"] = self.shown
        parser.add_argument(*names, type=self._read, help=self.explained, **extra)

    def _read(self, text: str) -> Any:
        """Raise what argparse shows."""
        value = _READ[self.kind](text)
        if self.least is not None and value < self.least:
            raise argparse.ArgumentTypeError(f"{text} is less than {self.least}")
        return value

    def _number(self) -> str | None:
        if self.many:
            return "*" if self.default is not None else "+"
        return "?" if self.default is not None else None

    def schema(self) -> dict[str, Any]:
        names = {str: "string", int: "integer", float: "number", bool: "boolean"}
        one: dict[str, Any] = {"type": names[self.kind]}
        if self.choices:
            one["enum"] = list(self.choices)
        if self.least is not None:
            one["minimum"] = self.least
        whole = {"type": "array", "items": one} if self.many else one
        spelt = {"x-option": self.name} if self.name.startswith("-") else {}
        return whole | {"description": self.help} | spelt


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if abs(number) >= LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is too large")
    return number


def _real(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return number


_READ: dict[type, Callable[[str], Any]] = {str: str, int: _whole, float: _real}


async def _none() -> AsyncIterator[int]:
    """Nobody sends signals."""
    nobody: tuple[int, ...] = ()
    for number in nobody:
        yield number


@dataclass(slots=True)
class Asked:
    """One run of a command.  `machine` is None where a command works without a node;
    `interrupted` is set when the person pressed Ctrl-C; `signals` are those the client got; `read_input` fetches standard input.
    `model` is LOGOS_MODEL of who asks; `resume` says how a next daemon goes on from here; what is shown within `together` comes all or not at all."""

    arguments: argparse.Namespace
    out: Out
    cwd: Path
    machine: Machine | None = None
    loaded: Loaded | None = None
    interrupted: anyio.Event = field(default_factory=anyio.Event)
    stop: Callable[[], None] = lambda: None
    resume: Callable[[Sequence[str]], None] = lambda _: None
    together: Callable[[], AbstractContextManager[None]] = nullcontext
    read_input: Callable[[], Awaitable[bytes]] | None = None
    by: str = ""
    model: str = ""
    gateway: str = ""
    signals: AsyncIterator[int] = field(default_factory=_none)

    def here(self, path: str) -> Path:
        """A path as the person wrote it."""
        return self.cwd / Path(path).expanduser()

    def workspace(self, given: str | None) -> Path | None:
        """A folder that a process may change; none was given for one of its own.  Raise `not_found`,
        and `invalid` for one with the kernel's own files, which it would take away from it."""
        if not given:
            return None
        folder = self.here(given).resolve()
        if not folder.is_dir():
            raise SysError(Code.NOT_FOUND, f"{folder} is not a folder", hint="make it first")
        kept = home(self.node.loaded.config).resolve()
        if folder.is_relative_to(kept) or kept.is_relative_to(folder):
            raise SysError(
                Code.INVALID,
                f"{folder} cannot be a workspace: what LogOS keeps is in {kept}",
                hint="take a folder beside it, or set LOGOS_HOME to one outside",
            )
        return folder

    @property
    def same(self) -> list[str]:
        """The options of this command that a continued one must have as well."""
        if self.out.fields:
            return ["--fields", ",".join(self.out.fields)]
        return ["--json"] if self.out.json else ["--plain"] if self.arguments.plain else []

    @property
    def node(self) -> Machine:
        if self.machine is None:
            raise SysError(Code.UNAVAILABLE, "this needs a running node", hint="logos up")
        return self.machine


@dataclass(frozen=True, slots=True)
class Command:
    """`effect` is read or write; an `idempotent` one may be repeated; a `stream` answers line by
    line.  One that `leaves` ends by itself when the person presses Ctrl-C; any other is stopped."""

    name: str
    summary: str
    run: Callable[[Asked], Awaitable[int]]
    arguments: tuple[Argument, ...] = ()
    effect: str = "read"
    idempotent: bool = True
    stream: bool = False
    leaves: bool = False
    details: str = ""

    @property
    def options(self) -> tuple[Argument, ...]:
        """With those that commands like it have in common."""
        dry = (DRY_RUN,) if self.effect == "write" and not self.plans else ()
        return (*self.arguments, *dry, *COMMON)

    @property
    def plans(self) -> bool:
        """It looks at the world for what a dry run says; of others the arguments alone are looked at."""
        return DRY_RUN in self.arguments

    def schema(self) -> dict[str, Any]:
        known = contract(self.name, self.effect, idempotent=self.idempotent)
        return {
            "name": self.name,
            "summary": self.summary,
            "effect": self.effect,
            "idempotent": self.idempotent,
            "risk": known.risk,
            "cost": known.cost,
            "calls": list(known.calls),
            "dry_run": self.effect == "write",
            "stream": self.stream,
            "arguments": {
                "type": "object",
                "properties": {a.key: a.schema() for a in self.arguments},
                "required": [a.key for a in self.arguments if not a.optional],
                "additionalProperties": False,
            },
            "exit_statuses": {"0": "ok"}
            | {str(m.exit_status): str(code) for code, m in MEANING.items()},
        }


DRY_RUN = Argument("--dry-run", "say what would be done, and do nothing", bool)
"""Of every command that changes something."""

COMMON = (
    Argument("--json", "print one JSON document (the default when not on a terminal)", bool),
    Argument("--fields", "only these, as JSON: pid,status or usage.tokens", value="A,B.C"),
    Argument("--plain", "print text, without colour, also when not on a terminal", bool),
    Argument("--describe", "print the JSON Schema of this command", bool),
)


class _Parser(argparse.ArgumentParser):
    """Errors are ours to show."""

    def error(self, message: str) -> NoReturn:
        raise SysError(
            Code.INVALID,
            message.replace("arguments: -- ", "arguments: "),
            hint=f"{self.prog} --help",
        )

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise SysError(Code.INVALID, message or str(status))


def parser(command: Command, width: int = 80) -> argparse.ArgumentParser:
    """`width` is that of the page of help."""
    made = _Parser(
        prog=f"logos {command.name}",
        description=_filled(f"{command.summary}\n\n{command.details}".strip(), width),
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=width),
        add_help=False,
    )
    made.add_argument("-h", "--help", action="store_true", help="show this")
    for argument in command.options:
        argument.add(made)
    return made


def _filled(text: str, width: int) -> str:
    """Each line of it is a paragraph."""
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


def parsed(command: Command, words: Sequence[str]) -> argparse.Namespace:
    """Options and what has a place may stand in any order; after `--` nothing is an option, and
    what stands there is passed on as it is."""
    own, tail = list(words), list[str]()
    if "--" in own:
        cut = own.index("--")
        own, tail = own[:cut], own[cut + 1 :]
    # argparse takes every `--` for its own, also one that is a value
    own = [word.removesuffix("--") + _DASHES if word.endswith("=--") else word for word in own]
    options, places = _Parser(prog=f"logos {command.name}", add_help=False), parser(command)
    for argument in command.options:
        if argument.name.startswith("-"):
            argument.add(options)
    found, rest = options.parse_known_args(own)
    if unknown := [word for word in rest if _OPTION.match(word)]:
        places.error(f"unrecognized arguments: {' '.join(unknown)}")
    kept = [_DASHES if word == "--" else word for word in tail]
    words = [*rest, *kept]
    given = places.parse_args(["--", *words] if words else [])
    for argument in command.arguments:
        value = getattr(found if argument.name.startswith("-") else given, argument.key)
        setattr(found, argument.key, _dashes(value))
    return found


def _dashes(value: Any) -> Any:
    """With `--` where it was hidden from argparse."""
    if isinstance(value, list):
        return [_dashes(one) for one in value]
    return "--" if value == _DASHES else value


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE.  Raise `invalid`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SysError(Code.INVALID, f"{text!r} is not NAME=VALUE", hint="write NAME=VALUE")
    return name, value


_OPTION = re.compile(r"--?[A-Za-z]")
_DASHES = "\0--"


def find(commands: Mapping[str, Command], words: Sequence[str]) -> tuple[Command, list[str]]:
    """The command the first one or two words name, and the rest."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if len(words) >= length and name in commands:
            return commands[name], list(words[length:])
    said = words[0] if words else ""
    subs = [name for name in commands if name.startswith(f"{said} ")]
    among = f"there are: {', '.join(subs)}" if subs else "logos --help"
    if subs and not words[1:]:
        raise SysError(Code.INVALID, f"{said!r} is half a command", hint=among)
    said = " ".join(words[:2]) if subs else said
    heads = subs or sorted({name.split()[0] for name in commands})
    near = " or ".join(difflib.get_close_matches(said, heads, n=2))
    hint = f"did you mean {near}?" if near else among
    raise SysError(Code.INVALID, f"there is no command {said!r}", hint=hint)


def describe(commands: Mapping[str, Command]) -> dict[str, Any]:
    common = {one.key: one.schema() for one in (*COMMON, DRY_RUN)}
    return {
        "v": 1,
        "common": {"type": "object", "properties": common},
        "commands": [commands[name].schema() for name in sorted(commands)],
    }
