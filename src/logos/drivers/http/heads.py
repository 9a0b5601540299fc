"""The heads of requests and responses, as a proxy reads them and passes them on.  Pure.

    Destination              the host, port and target of a request
    destination(request)     where it is to go; raise Shut for what is no request to a proxy
    onward(to, request)      the request, as it goes to the host
    homeward(response)       the response, as it goes back to the program

Invariant: a head is parsed and written anew, so nothing can hide behind it; headers of a single
connection are not passed on, and `Host` is the host that was checked.
"""

from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import h11

from logos.drivers.http.passage import Shut

_HTTP, _HTTPS = 80, 443
_OWN = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer "
    b"transfer-encoding upgrade expect host".split()
)
"""Headers that belong to one connection, or are the proxy's to write."""


class Destination(NamedTuple):
    """`host` is in lower case, an IPv6 address in brackets; `target` is the path and query."""

    host: str
    port: int
    target: bytes = b""

    @property
    def authority(self) -> bytes:
        return (self.host if self.port == _HTTP else f"{self.host}:{self.port}").encode()


def destination(request: h11.Request) -> Destination:
    """Where the request is to go.  Raise Shut for what is no request to a proxy."""
    target = request.target.decode("ascii", "replace")
    connect = request.method == b"CONNECT"
    try:
        parts = urlsplit(f"//{target}" if connect else target)
        port = parts.port or (_HTTPS if connect else _HTTP)
        host = (parts.hostname or "").lower().rstrip(".")
    except ValueError as error:
        raise Shut(400, f"{target!r} is not an address: {error}") from error
    _of_its_kind(parts, connect=connect)
    if parts.username is not None or not host or not host.isascii() or not host.isprintable():
        raise Shut(400, f"{target!r} names no host")
    if ":" in host:
        host = f"[{host}]"
    path = parts.path or "/"
    rest = f"{path}?{parts.query}" if parts.query else path
    return Destination(host, port, rest.encode())


def _of_its_kind(parts: SplitResult, *, connect: bool) -> None:
    if connect and (parts.path or parts.query or parts.port is None):
        raise Shut(400, "CONNECT takes HOST:PORT")
    if not connect and parts.scheme != "http":
        raise Shut(400, "this is a proxy: ask for http://HOST/, or CONNECT to HOST:PORT")


def onward(to: Destination, request: h11.Request) -> h11.Request:
    """The request, as it goes to the host."""
    headers = [(b"host", to.authority), *_kept(request), (b"connection", b"close")]
    chunked = any(k == b"transfer-encoding" for k, _ in request.headers)
    if chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    return h11.Request(method=request.method, target=to.target, headers=headers)


def homeward(response: h11.Response) -> h11.Response:
    """The response, as it goes back to the program."""
    headers = [*_kept(response), (b"connection", b"close")]
    return h11.Response(status_code=response.status_code, headers=headers, reason=response.reason)


def _kept(message: h11.Request | h11.Response) -> list[tuple[bytes, bytes]]:
    named = {
        word.strip().lower()
        for key, value in message.headers
        if key == b"connection"
        for word in value.split(b",")
    }
    return [(k, v) for k, v in message.headers if k not in _OWN and k not in named]
