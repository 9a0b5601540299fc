"""What results of calls ask memory, where an agent wants that.  Pure.

    Asked            a question, and the names that an answer has to have in it
    asked_by(turns)  of what has come since the last thought, with the thought; None: nothing

A result answers what the model asked, and whoever searches with the whole of it finds what merely looks
like it.  So only what it *names* is asked about: proper names and identifiers that the call had not in
its arguments; of a call that failed, those of its arguments and of the error.

Invariant: what comes back for a result has one of its names in it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from logos.abi.messages import Message, Role, ToolCall, ToolResult
from logos.kernel.memory.text import proper
from logos.kernel.memory.words import STOP

MOST = 16
"""Names in a question."""

READ = 4000
"""Characters of a result that are looked at."""

LEAST = 3
"""Letters of a name."""

ERROR = 200
"""Characters of an error."""

_IDENTIFIER = re.compile(
    r"(?<![\w./-])[A-Za-z][A-Za-z0-9]*(?:[_./-][A-Za-z0-9]+)*[0-9_./-][A-Za-z0-9]+(?![\w])"
)
"""A word with a digit, or several joined: kestrel-2, ORD7712, config.yaml, max_size."""


class Asked(NamedTuple):
    text: str
    names: tuple[str, ...]

    def about(self, text: str) -> bool:
        low = text.lower()
        return any(name.lower() in low for name in self.names)


def asked_by(messages: Sequence[Message]) -> Asked | None:
    """`messages` in order; the first may be the thought whose calls were answered."""
    calls = {call.id: call for message in messages for call in message.calls}
    names: dict[str, None] = {}
    errors: list[str] = []
    for result in _results(messages):
        call = calls.get(result.id)
        names |= dict.fromkeys(_of(result, call))
        if result.error:
            errors.append(result.content[:ERROR])
    if not names:
        return None
    kept = tuple(names)[:MOST]
    text = "\n".join([*errors, ", ".join(kept)])
    return Asked(
        text.replace("?", " "), kept
    )  # with a question mark somebody would be told of nothing


def _of(result: ToolResult, call: ToolCall | None) -> Iterator[str]:
    arguments = call.arguments if call is not None else ""
    if result.error:
        yield from named(arguments)
        yield from named(result.content[:READ])
        return
    known = arguments.lower()
    yield from (name for name in named(result.content[:READ]) if name.lower() not in known)


def named(text: str) -> Iterator[str]:
    for name in (*proper(text), *_IDENTIFIER.findall(text)):
        if len(name) >= LEAST and name.lower() not in STOP:
            yield name


def _results(messages: Iterable[Message]) -> Iterator[ToolResult]:
    for message in messages:
        if message.role is Role.TOOL:
            yield from (part for part in message.content if isinstance(part, ToolResult))
