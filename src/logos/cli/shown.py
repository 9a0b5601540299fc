"""Events, processes and amounts as people read them."""

import datetime as dt
import math
from collections.abc import Callable, Sized
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import (
    Answered,
    AnyEvent,
    Called,
    Decided,
    Diverged,
    Ended,
    Exited,
    Failed,
    Held,
    Interrupted,
    Paced,
    Proposed,
    Rang,
    Reached,
    Received,
    Returned,
    Revoked,
    Signalled,
    Spawned,
    Started,
    Thought,
    Vectored,
    Warned,
)
from logos.abi.events import Told as ToldByClient
from logos.abi.messages import ToolResult
from logos.cli.out import Out
from logos.kernel import Listed, Told

SECOND = 1_000_000
NANO = 1_000_000_000
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
ARGUMENT_CHARS = 60


def plain(value: Any) -> Any:
    """Dicts, lists and scalars; unlike msgspec.to_builtins, raw JSON inside is decoded too."""
    return msgspec.json.decode(msgspec.json.encode(value))


def counted(many: Sized, what: str) -> str:
    return f"{len(many)} {what}{'' if len(many) == 1 else 's'}"


def told_data(told: Told) -> dict[str, Any]:
    """One event as a line of NDJSON."""
    row = told.row
    event = plain(told.event)
    event.pop("event", None)
    return {"type": row.kind, "pid": row.pid, "seq": row.seq, "at": row.at, **event}


def line(event: AnyEvent, out: Out) -> str | None:
    """One line for people, or None for what they need not see."""
    shown = _LINES.get(type(event))
    if shown is None:
        return None
    style, text = shown(event)
    return out.style(text, style) if text else None


def _from(event: Received) -> str:
    return "" if event.sender is None else f" from {event.sender}"


def _why(event: Signalled) -> str:
    return f" ({event.reason})" if event.reason else ""


def _told(event: Exited) -> str:
    """Why it failed.  What a good one answered has been shown as its last thought."""
    return f": {event.answer}" if event.status and event.answer else ""


def _client(event: ToldByClient) -> str:
    said = [
        part.content if isinstance(part, ToolResult) else getattr(part, "text", "")
        for message in event.messages
        for part in message.content
    ]
    return "◂ " + _short("\n".join(said)) if said else ""


def _reached(event: Reached) -> tuple[str, str]:
    where = f"{event.host}:{event.port}"
    if event.refused:
        return "yellow", f"✗ network: {where}: {event.refused}"
    carried = f", {event.sent} bytes sent, {event.received} received" if event.connections else ""
    return "dim", f"⇄ network: {where} ({event.address}){carried}"


#: How an event looks: a style and a text.
_LINES: dict[type, Callable[[Any], tuple[str, str]]] = {
    Spawned: lambda e: ("bold", f"{e.agent.name}: {e.task}"),
    Thought: lambda e: ("", e.message.text.rstrip()),
    Called: lambda e: ("blue", "→ " + call_text(e.name, e.call)),
    Returned: lambda e: ("dim", "← " + summary(e.value)),
    Failed: lambda e: ("yellow", f"✗ {e.code}: {e.message}"),
    Held: lambda e: ("yellow", "? " + held_text(e)),
    Decided: lambda e: ("cyan", f"{e.answer} by {e.by or 'a person'}: {', '.join(e.ids)} {e.word}"),
    Revoked: lambda e: ("yellow", f"! taken back: {', '.join(map(str, e.caps))}"),
    Interrupted: lambda e: ("yellow", f"… interrupted: {e.message}"),
    Vectored: lambda e: ("dim", f"⇢ vectors by {e.model}: {e.usage.tokens} tokens"),
    Received: lambda e: ("cyan", f"✉ message{_from(e)}: {e.text}"),
    ToldByClient: lambda e: ("cyan", _client(e)),
    Proposed: lambda e: ("dim", "? " + ", ".join(call.name for call in e.calls)),
    Answered: lambda e: ("dim", f"◂ {e.path}: {e.status}, {len(e.body)} characters"),
    Diverged: lambda e: (
        "yellow",
        f"! it does not repeat itself: it {e.did}; {e.left} not repeated",
    ),
    Reached: _reached,
    Signalled: lambda e: ("yellow", f"! signal {e.signal}{_why(e)}"),
    Warned: lambda e: ("yellow", f"! {e.text}"),
    Paced: lambda e: ("yellow", f"! {e.why}; it waits until {when(e.paused_until)}"),
    Started: lambda e: ("green", f"+ started process {e.pid}"),
    Ended: lambda e: ("dim", f"- process {e.pid} ended with {e.status}"),
    Rang: lambda e: ("cyan", f"⏰ {e.text}"),
    Exited: lambda e: ("red" if e.status else "green", f"exited with status {e.status}{_told(e)}"),
}


def held_text(event: Held) -> str:
    question = event.decision.get("question", "") or "is in doubt: it may have happened"
    number = event.id.removeprefix("c").partition("_")[0]
    return f"{call_text(event.name, event.call)} waits for you: {question} (question PID.{number})"


def call_text(name: str, call: msgspec.Raw) -> str:
    arguments = msgspec.json.decode(call)
    arguments.pop("call", None)
    shown = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items())
    return f"{name}({shown})"


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= ARGUMENT_CHARS else text[: ARGUMENT_CHARS - 1] + "…"


def summary(value: msgspec.Raw) -> str:
    """The first line of a result and how much more there is."""
    decoded = msgspec.json.decode(value)
    text = decoded if isinstance(decoded, str) else bytes(value).decode()
    lines = text.splitlines()
    first = lines[0] if lines else "(nothing)"
    if len(first) > 2 * ARGUMENT_CHARS:
        first = first[: 2 * ARGUMENT_CHARS - 1] + "…"
    return first + (f"  (+{len(lines) - 1} lines)" if len(lines) > 1 else "")


def age(since: int, now: int) -> str:
    """`3s`, `12m`, `5h`, `2d`."""
    seconds = max(now - since, 0) / SECOND
    for size, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def nano(dollars: float | None) -> int | None:
    if dollars is None:
        return None
    if not math.isfinite(dollars):
        raise SysError(Code.INVALID, f"a cost of {dollars} makes no sense", hint="--cost 0.50")
    return int(dollars * NANO)


def money(nano: int) -> str:
    return f"${nano / 1e9:.4f}" if nano else "-"


def moment(at: int) -> str:
    return dt.datetime.fromtimestamp(at / SECOND, dt.UTC).strftime("%H:%M:%S.%f")[:-3]


def when(at: int) -> str:
    return dt.datetime.fromtimestamp(at / SECOND, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def listed_data(listed: Listed) -> dict[str, Any]:
    return listed._asdict()
