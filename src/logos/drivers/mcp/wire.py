"""The words of MCP: messages of JSON-RPC, the two eras, and what a tool looks like.

    Era          2026-07-28 carries its envelope in each request; before it there was a handshake
    Message      whatever comes from the other side
    encoded      a request or notification, as bytes
    Question     what a server asks in the middle of a request; Asked takes it
    Wire         what carries requests: a program's streams, or HTTP

Invariant: nothing here knows how the bytes travel.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import anyio
import msgspec

from logos.abi.errors import Code, SysError

STATELESS = "2026-07-28"
HANDSHAKE = "2025-11-25"
SHAKEN = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Versions that begin with a handshake, and that we speak."""

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

CLIENT: Mapping[str, str] = {"name": "logos", "version": "1"}
TASKS = "io.modelcontextprotocol/tasks"
SKILLS = "io.modelcontextprotocol/skills"
CAPABILITIES: Mapping[str, Any] = {"elicitation": {"form": {}}, "extensions": {TASKS: {}}}
"""A server may ask a person, and a call may become a task.  We do not think for a server."""

ELICIT = "elicitation/create"

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": STATELESS,
    "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
    "io.modelcontextprotocol/clientInfo": CLIENT,
}


class Era(StrEnum):
    STATELESS = "stateless"
    HANDSHAKE = "handshake"


class Fault(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class Message(msgspec.Struct, frozen=True):
    """A request has an id and a method, a notification a method, an answer an id."""

    id: int | str | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Fault | None = None


class Refused(Exception):  # noqa: N818 - an answer; ours are SysErrors
    """The other side answered with an error."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Stale(Exception):  # noqa: N818 - ended where it is caught
    """The connection is of no use any more, and the request was not taken."""


class Question(NamedTuple):
    """Of the first eras: the server waits for its answer."""

    params: msgspec.Raw
    answer: Callable[[Mapping[str, Any]], Awaitable[None]]


Asked = Callable[[Question], None]


class Sent(NamedTuple):
    """How a request goes: `headers` repeat arguments, where requests have headers; `asked` takes what
    the server wants to know before it answers."""

    era: Era
    headers: Mapping[str, str] = {}
    asked: Asked | None = None


class Wire(Protocol):
    """One connection.  `ended`: it is of no use any more.  `changed`: the server says that its
    tools are others now."""

    changed: bool

    @property
    def ended(self) -> bool: ...

    @property
    def left(self) -> anyio.Event:
        """Set when it has ended."""
        ...

    async def request(self, method: str, params: Mapping[str, Any], sent: Sent) -> msgspec.Raw:
        """The result.  Raise Refused, Stale, or SysError `unavailable` when the other side is gone."""
        ...

    async def notify(self, method: str) -> None: ...


def encoded(method: str, params: Mapping[str, Any] | None, id_: int | None = None) -> bytes:
    whole: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if id_ is not None:
        whole["id"] = id_
    if params is not None:
        whole["params"] = params
    return msgspec.json.encode(whole)


def decoded(data: bytes | str) -> Message:
    """Raise `tool` for what is no message."""
    try:
        return msgspec.json.decode(data, type=Message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SysError(
            Code.TOOL, f"the server sent something that is not JSON-RPC: {error}"
        ) from error


def outcome(message: Message) -> msgspec.Raw:
    if message.error is not None:
        raise Refused(message.error)
    return message.result or msgspec.Raw(b"{}")
