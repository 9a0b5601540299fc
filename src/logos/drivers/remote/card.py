"""An agent's card: what it says of itself, and how it wants to be spoken to.  Pure.

    way(card, url)               -> Way, in one of the two bindings we speak; raise `unavailable`
    Way.asked(operation, given)  -> what is sent: a method, a URL, a body
    Way.answered(said)           -> what came of it; raise what the other side says

Invariant: nothing is sent to another host than the one a person mounted.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from logos.abi.errors import Code, SysError

Json = dict[str, Any]

VERSION = "1.0"
REST, RPC = "HTTP+JSON", "JSONRPC"
_REST = {
    "SendMessage": ("POST", "/message:send"),
    "GetTask": ("GET", "/tasks/{id}"),
    "CancelTask": ("POST", "/tasks/{id}:cancel"),
}
_ABSENT = -32001
"""JSON-RPC's number for a task that nobody knows."""


class Asked(NamedTuple):
    method: str
    url: str
    body: Json | None


class Way(NamedTuple):
    binding: str
    url: str
    tenant: str = ""

    def asked(self, operation: str, given: Json) -> Asked:
        if self.binding == RPC:
            params = given | ({"tenant": self.tenant} if self.tenant else {})
            body = {"jsonrpc": "2.0", "id": 1, "method": operation, "params": params}
            return Asked("POST", self.url, body)
        method, path = _REST[operation]
        base = self.url.rstrip("/") + (f"/{self.tenant}" if self.tenant else "")
        where = base + path.replace("{id}", str(given.get("id", "")))
        return Asked(method, where, None if method == "GET" else given)

    def answered(self, name: str, said: Json) -> Json:
        if self.binding != RPC:
            return said
        error = said.get("error")
        if isinstance(error, Mapping):
            code = Code.NOT_FOUND if error.get("code") == _ABSENT else Code.TOOL
            raise SysError(code, f"{name} answers: {error.get('message') or error.get('code')}")
        found = said.get("result")
        return found if isinstance(found, dict) else {}


def way(card: Json, url: str) -> Way:
    here = urlsplit(url)
    given = card.get("supportedInterfaces")
    ways = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    said = sorted({str(one.get("protocolBinding")) for one in ways})
    for binding in (REST, RPC):
        for one in ways:
            if one.get("protocolBinding") != binding:
                continue
            there = urlsplit(str(one.get("url", "")))
            if there.netloc != here.netloc:
                raise SysError(
                    Code.DENIED,
                    f"the card leads to another host: {there.netloc}",
                    hint=f"mount the agent by its address there, if you mean it: a2a {one['url']}",
                )
            whole = urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))
            return Way(binding, whole, str(one.get("tenant") or ""))
    spoken = ", ".join(said) if said else "an older A2A"
    raise SysError(
        Code.UNAVAILABLE,
        f"the agent speaks {spoken}; we speak A2A {VERSION} as {REST} and {RPC}",
        hint="do without it",
    )
