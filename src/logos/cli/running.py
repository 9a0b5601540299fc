"""Run one command: parse, carry out, and turn every way to fail into an exit status.

carry_out(words, asked)    the exit status
first_of(group)            the error in a group of errors
as_json(words, ...)        is the answer a document?
usage(width)               the page `logos --help` shows
"""

import logging
import textwrap
from argparse import Namespace
from collections.abc import Iterable, Sequence
from importlib.metadata import version

import anyio

from logos.abi.errors import Code, SysError
from logos.cli.commands import COMMANDS, GROUPS
from logos.cli.contract import plan
from logos.cli.registry import Asked, Command, describe, find, parsed, parser

log = logging.getLogger("logos.cli")

BEGIN = (
    "To begin: logos agents lists the agents there are, logos run AGENT TASK starts one, "
    "logos doctor says what this machine can do."
)
FURTHER = (
    "logos COMMAND --help explains one; --json answers in JSON; --describe gives its schema; "
    "logos --version says which this is."
)


async def carry_out(words: Sequence[str], asked: Asked) -> int:
    """This is where a command's exception becomes an exit status."""
    try:
        return await _dispatch(list(words), asked)
    except Exception as error:  # why: a bug in one command must not take the daemon down
        if (told := _known(error)) is None:
            log.exception("bug in a command: %s", words)
            told = SysError(
                Code.INTERNAL,
                f"a bug: {type(error).__name__}: {error}",
                hint="daemon.log in the home has the trace; please report it",
            )
        return asked.out.error(_with_hint(told, words))


def _known(error: Exception) -> SysError | None:
    """What went wrong, of all that did, as a person is told it; None: we do not know."""
    while isinstance(error, ExceptionGroup):
        known, others = error.split(SysError)
        error = first_of(known) if known else (others or error).exceptions[0]
    if isinstance(error, SysError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return _of_a_file(error)
    return None


def _with_hint(error: SysError, words: Sequence[str]) -> SysError:
    """Nobody is left without something to try."""
    if not error.hint:
        named = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else " ".join(words[:1])
        error.hint = f"logos {named} --help" if named in COMMANDS else "logos --help"
    return error


def _of_a_file(error: OSError) -> SysError:
    """What the system says of a file that was named."""
    name, why = error.filename, error.strerror
    match error:
        case FileNotFoundError():
            return SysError(Code.NOT_FOUND, f"there is no {name}", hint="look at how it is spelt")
        case PermissionError():
            return SysError(Code.DENIED, f"{name}: {why}", hint="take one this user may use")
        case _:
            return SysError(Code.INVALID, f"{name}: {why}", hint="take another file")


def first_of(group: BaseExceptionGroup[SysError]) -> SysError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, SysError)
    return error


async def _dispatch(words: list[str], asked: Asked) -> int:
    out = asked.out
    _all_text(words)
    if words[:1] in (["help"], ["--help"], ["-h"]):
        words = [*words[1:], "--help"]
    own = own_words(words)
    out.json = "--json" in own or (out.json and "--plain" not in own)
    bare = [word for word in own if word not in ("--json", "--plain")]
    if page := _page(bare, out.width):
        out.text(page)
        return 0
    match bare:
        case ["--version"]:
            out.data({"version": version("logos")}, f"logos {version('logos')}")
            return 0
        case ["--describe"]:
            out.json = True
            out.data(describe(COMMANDS), "")
            return 0
        case _:
            pass
    command, rest = find(COMMANDS, words)
    own = own_words(rest)
    if "--help" in own or "-h" in own:
        out.text(parser(command, out.width).format_help())
        return 0
    if "--describe" in own:
        out.json = True
        out.data(command.schema(), "")
        return 0
    return await _run(command, words, parsed(command, rest), asked)


def _all_text(words: Iterable[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise SysError(
                Code.INVALID, f"{word!r} is not text", hint="names and texts are in UTF-8"
            ) from None


async def _run(command: Command, words: list[str], arguments: Namespace, asked: Asked) -> int:
    out = asked.out
    asked.arguments = arguments
    out.shape(json=arguments.json, plain=arguments.plain, fields=arguments.fields)
    if command.effect == "read" and not command.stream:
        asked.resume([*words, "--json" if out.json else "--plain"])
        out.last()
    if getattr(arguments, "dry_run", False) and not command.plans:
        said = plan(command.schema(), vars(arguments))
        out.data(said, f"would do: {command.summary}; nothing but the arguments was looked at")
        return 0
    return await (command.run(asked) if command.leaves else _until_interrupted(command, asked))


async def _until_interrupted(command: Command, asked: Asked) -> int:
    """Raise `cancelled` when the person presses Ctrl-C: what has been done by then stays."""
    status: int | None = None
    async with anyio.create_task_group() as tasks:

        async def stop() -> None:
            await asked.interrupted.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(stop)
        status = await command.run(asked)
        tasks.cancel_scope.cancel()
    if status is None:
        raise SysError(
            Code.CANCELLED, "stopped", hint="what was done by then stays: see `logos ps -a`"
        )
    return status


def own_words(words: list[str]) -> list[str]:
    """Without what belongs to somebody else's command line."""
    return words[: words.index("--")] if "--" in words else words


def as_json(words: list[str], *, terminal: bool) -> bool:
    """Also where the words mean nothing."""
    own = own_words(words)
    return "--json" in own or not (terminal or "--plain" in own)


def _lines(commands: Iterable[Command], width: int) -> list[str]:
    """A command and what it does; what is longer than a line goes on below itself."""
    widest = max(map(len, COMMANDS))
    said = (f"  {command.name:{widest}}  {command.summary}" for command in commands)
    return [textwrap.fill(line, width, subsequent_indent=" " * (widest + 4)) for line in said]


def _page(words: Sequence[str], width: int) -> str:
    """Of all commands, or of those that begin with a word; nothing if that is not what is asked for."""
    match words:
        case [] | ["--help" | "-h"]:
            return usage(width)
        case [first, "--help" | "-h"] if first not in COMMANDS:
            return _group(first, width)
        case _:
            return ""


def _group(first: str, width: int) -> str:
    """The commands that begin with this word, as a page; nothing if there are none."""
    found = [command for name, command in COMMANDS.items() if name.startswith(f"{first} ")]
    head = f"usage: logos {first} COMMAND"
    return "\n".join([head, "", *_lines(found, width), ""]) if found else ""


def usage(width: int) -> str:
    lines = ["logos: an operating system for LLM agents", "", "usage: logos COMMAND [ARGUMENTS]"]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += _lines(commands, width)
    lines += ["", textwrap.fill(BEGIN, width), "", textwrap.fill(FURTHER, width), ""]
    return "\n".join(lines)
