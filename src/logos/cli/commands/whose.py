"""Whose memory a command is about.

    whose(asked)         the process that `--of` names
    command(...)         a command of memory, with `--of`

A number is a process, anything else a space.  Without it, the space `home`, which begins when something
is first put there.
"""

from collections.abc import Sequence
from typing import Any

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.cli.registry import Argument, Asked, Command

HOME = "home"

OF = Argument(
    "--of",
    "whose memory: the number of a process, or the name of a space",
    default=HOME,
    value="WHOSE",
)
AS_OF = Argument("--as-of", "as it was at this date and time", default="", value="TIME")

LABEL = Argument(
    "--label",
    "only trusted, untrusted, principal, agent, tool, public or confidential; several with commas",
    default="",
)


async def whose(asked: Asked, given: str | None = None, *, begin: bool = False) -> Pid:
    """Raise `not_found` for a space that there is not; `begin` says to start it instead."""
    of = asked.arguments.of if given is None else given
    if not of:
        raise SysError(
            Code.INVALID, "whose memory?", hint="the number of a process, or the name of a space"
        )
    if of.isdecimal():
        await asked.node.kernel.records.process(Pid(int(of)))  # says so when there is none
        return Pid(int(of))
    kernel, space = asked.node.kernel, of.removeprefix("/mem/")
    if begin or space == HOME:
        return await kernel.space(space)
    if (found := await kernel.stores.find(space)) is None:
        raise SysError(Code.NOT_FOUND, f"there is no space {space!r}", hint="see `logos mem space`")
    return found


def command(
    name: str, summary: str, run: Any, arguments: Sequence[Argument], **more: Any
) -> Command:
    return Command(name, summary, run, tuple(arguments), **more)
