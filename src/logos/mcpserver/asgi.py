"""MCP over HTTP: one message a request, answered with JSON.

    App(machine, who)   an ASGI application; `who` says who asks, or raises SysError

2026-07-28 needs nothing else; for clients of before it no session is kept, because nothing is
remembered between two requests.

Invariant: nobody is answered before `who` has said who it is.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from ipaddress import ip_address
from typing import Any, TypeAlias

import msgspec

from logos.abi.errors import Code, SysError
from logos.boot import Machine
from logos.mcpserver.desk import OWNER, Desk, Principal
from logos.mcpserver.protocol import Protocol

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Who: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[Principal]]

LONGEST = 16 << 20
REMEMBERED = 256
"""Principals at hand: one is another when what is left of his limits is."""


async def local_only(peer: str, headers: Mapping[str, str]) -> Principal:
    """The owner, from this machine; a web page is not, because any page could make a browser ask."""
    if not _loopback(peer):
        raise SysError(Code.UNAUTHENTICATED, "this answers on its own machine only")
    origin = headers.get("origin", "")
    host = origin.partition("://")[2] if origin else headers.get("host", "")
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    if name not in ("", "localhost") and not _loopback(name.strip("[]")):
        raise SysError(Code.DENIED, "a web page may not ask")
    return OWNER


def _loopback(host: str) -> bool:
    try:
        return not host or ip_address(host).is_loopback
    except ValueError:
        return False


class App:
    def __init__(self, machine: Machine, who: Who = local_only) -> None:
        """`who` is given the peer's address and the headers."""
        self._machine = machine
        self._who = who
        self._protocols: dict[Principal, Protocol] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        try:
            principal = await self._who((scope.get("client") or ("", 0))[0], headers)
        except SysError as error:
            await _reply(send, error.meaning.http_status, {"error": str(error)})
            return
        if scope["method"] != "POST":
            await _reply(send, 405, {"error": "POST a message"})
            return
        body = await _body(receive)
        if body is None:
            await _reply(send, 413, {"error": "the message is too long"})
            return
        answer = await self._protocol(principal).answer(body, headers)
        if answer is None:
            await _send(send, 202, b"")
            return
        await _send(send, _status(answer), answer)

    def _protocol(self, principal: Principal) -> Protocol:
        if principal not in self._protocols:
            if len(self._protocols) >= REMEMBERED:
                self._protocols.clear()
            self._protocols[principal] = Protocol(Desk(self._machine, principal))
        return self._protocols[principal]


def _status(answer: bytes) -> int:
    """As 2026-07-28 wants it: a method that is not there is 404, a request that is wrong 400."""
    error = msgspec.json.decode(answer).get("error")
    if error is None:
        return 200
    return 404 if error["code"] == -32601 else 400  # noqa: PLR2004 - method not found


async def _body(receive: Receive) -> bytes | None:
    data = b""
    while True:
        message: MutableMapping[str, Any] = await receive()
        data += bytes(message.get("body", b""))
        if len(data) > LONGEST:
            return None
        if not message.get("more_body", False):
            return data


async def _reply(send: Send, status: int, content: dict[str, Any]) -> None:
    await _send(send, status, msgspec.json.encode(content))


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
