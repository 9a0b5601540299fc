"""What was decided about a call, as it stands in the journal.  Data.

    Judged        the call, or one of its values: verdict, rule, where the value came from
    Decision      the whole
    leaves(args)  the values of a call, in the order in which a decision judges them
    explain(d)    the lines `logos why` prints

Invariant: nothing that was read stands in it but known values, on one line and cut short.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from logos.abi.errors import Code
from logos.kernel.flow.label import Label
from logos.kernel.flow.rules import Verdict
from logos.kernel.flow.source import Source
from logos.kernel.flow.value import Kind


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value of the call: where it came from and what was made of it.  `argument` "" is the
    call."""

    argument: str
    verdict: Verdict
    rule: str
    value: str = ""
    kind: Kind | None = None
    source: Source = Source.FIXED
    pages: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the gate does, and why.  `question` is for a person; `message` and `hint` for the agent:
    they hold nothing that was read but known names, cut short.  `label` is that of what the call
    carries.  `after` is the last event that was known when it was taken; 0: it is not said."""

    verdict: Verdict
    rule: str
    tool: str
    values: tuple[Judged, ...] = ()
    code: Code | None = None
    message: str = ""
    hint: str = ""
    question: str = ""
    label: Label = Label()
    pins: tuple[tuple[str, str], ...] = ()
    after: int = 0


def leaves(arguments: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The values of a call by argument: a list is each of its values, an object each of its
    leaves, under a dotted name."""
    return [leaf for name, value in arguments.items() for leaf in _leaves(name, value)]


def _leaves(name: str, value: object) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [leaf for key, part in value.items() for leaf in _leaves(f"{name}.{key}", part)]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in _leaves(name, part)]
    return [(name, value)]


def short(text: str, most: int = 60) -> str:
    """One line, cut short: what was read must not speak through a message."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def explain(decision: Decision) -> tuple[str, ...]:
    """The lines `logos why` prints."""
    lines = [f"{decision.tool}: {decision.verdict} by rule {decision.rule}"]
    lines += [
        f"  {v.argument or 'the call'}: {v.verdict} by {v.rule}"
        + (f"; {v.value!r} is {v.source}" if v.argument else "")
        + (f", seen in {', '.join(v.pages)}" if v.pages else "")
        for v in decision.values
    ]
    return tuple(lines)
