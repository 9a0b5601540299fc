"""Who we are to a server over HTTP that asks: OAuth 2.1, as MCP wants it.

    Tokens(file)                what a person's login gave, on disk, for nobody else to read
    Bearer(tokens, keep)        sends the token, and has it renewed when it is refused
    login(url, tell, ...)       with a person at a browser of this machine -> Grant
    begun(url, redirect)        find the authorisation server, register, and make the URL for a person
    finished(begun, answer)     what the person's browser brought back -> Grant

The server names its authorisation server itself, so it is believed only as far as the standard goes:
its description is on its own host, the authorisation server's names itself, both are on TLS unless all
is on this machine, and an answer carries our state and, where it is promised, the issuer's name (RFC 9207).

Invariant: a token goes to the server it was issued for, and to nobody else.
"""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import anyio
import httpx2
import msgspec

from logos.abi.errors import Code, SysError
from logos.drivers.mcp.callback import Callback

S = TypeVar("S", bound=msgspec.Struct)
LONGEST = 1 << 20
WITHIN_S = 20.0
UNAUTHORIZED = 401

_QUOTED = re.compile(r'(\w+)="([^"]*)"')


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """Of the server (RFC 9728)."""

    resource: str = ""
    authorization_servers: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Of the authorisation server (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str = ""
    code_challenge_methods_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    client_id: str
    client_secret: str = ""


class _Answered(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - no secret
    refresh_token: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is the server the tokens are for."""

    url: str
    resource: str
    token_endpoint: str
    client: Registered
    access: str
    refresh: str = ""


class Tokens:
    def __init__(self, file: Path) -> None:
        self._file = file
        self.grant: Grant | None = None
        if file.exists():
            self.grant = msgspec.json.decode(file.read_bytes(), type=Grant)

    def keep(self, grant: Grant) -> None:
        """All of it or nothing, and never readable in between."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_suffix(".tmp")
        beside.unlink(missing_ok=True)
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(msgspec.json.encode(grant))
            out.flush()
            os.fsync(out.fileno())
        beside.replace(self._file)
        self.grant = grant


class Bearer(httpx2.Auth):
    """`keep` hears of each token before it is used, so that it is shown nowhere."""

    def __init__(self, tokens: Tokens, keep: Callable[[str], object]) -> None:
        self._tokens = tokens
        self._keep = keep
        self._turn = anyio.Lock()
        if tokens.grant is not None:
            self._known(tokens.grant)

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        grant = self._tokens.grant
        if grant is None or not request_is_for(grant.url, str(request.url)):
            yield request
            return
        request.headers["authorization"] = f"Bearer {grant.access}"
        response = yield request
        if response.status_code == UNAUTHORIZED and (new := await self._renewed(grant)) is not None:
            # what was refused was not taken, so it may be sent again
            request.headers["authorization"] = f"Bearer {new.access}"
            yield request

    async def _renewed(self, old: Grant) -> Grant | None:
        async with self._turn:  # guards the refresh token, which may be good only once
            now = self._tokens.grant
            if now is not None and now.access != old.access:
                return now
            if not old.refresh:
                return None
            asked = {"grant_type": "refresh_token", "refresh_token": old.refresh}
            try:
                said = await _token(old.token_endpoint, old.client, asked, old.resource)
            except SysError:
                return None  # it was taken back: the server's refusal stands, and a person logs in
            new = msgspec.structs.replace(
                old, access=said.access_token, refresh=said.refresh_token or old.refresh
            )
            self._known(new)
            self._tokens.keep(new)
            return new

    def _known(self, grant: Grant) -> None:
        for value in (grant.access, grant.refresh, grant.client.client_secret):
            if value:
                self._keep(value)


async def login(
    url: str, tell: Callable[[str], object], client: Registered | None, within_s: float
) -> Grant:
    """`tell` hears the address that a person opens.  Raise `unauthenticated`, `timeout`."""
    async with Callback.open() as callback:
        asked = await begun(url, callback.url, client)
        tell(asked.url)
        answer = ""
        with anyio.move_on_after(within_s):
            answer = await callback.answer()
    if not answer:
        raise SysError(Code.TIMEOUT, f"nobody has logged in within {within_s:.0f} s")
    return await finished(asked, answer)


def request_is_for(url: str, asked: str) -> bool:
    a, b = urlsplit(url), urlsplit(asked)
    return (a.scheme, a.netloc, a.path) == (b.scheme, b.netloc, b.path)


# -- a login -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """`url` is for the person; the rest is ours until the answer comes."""

    url: str
    server: str
    resource: str
    issuer: Issuer
    client: Registered
    redirect: str
    state: str
    verifier: str


async def begun(url: str, redirect: str, client: Registered | None = None) -> Begun:
    """`client` is who a person has registered us as, where the server does not let us do it.  Raise
    `unauthenticated` when it is not OAuth that the server wants."""
    said, scope = await _resource(url)
    issuer = await _issuer(url, said)
    client = client or await _registered(issuer, redirect, scope)
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "resource": said.resource,
    } | ({"scope": scope} if scope else {})
    joint = "&" if urlsplit(issuer.authorization_endpoint).query else "?"
    page = f"{issuer.authorization_endpoint}{joint}{urlencode(asked)}"
    return Begun(page, url, said.resource, issuer, client, redirect, state, verifier)


async def finished(login: Begun, answer: str) -> Grant:
    """`answer` is the path with the query that the browser came back to.  Raise `unauthenticated`."""
    said = {name: values[0] for name, values in parse_qs(urlsplit(answer).query).items()}
    if not secrets.compare_digest(said.get("state", ""), login.state):
        raise _refused("the answer is to another question")
    promised = login.issuer.authorization_response_iss_parameter_supported
    if (promised or "iss" in said) and said.get("iss") != login.issuer.issuer:
        raise _refused("the answer is another authorisation server's")
    if "code" not in said:
        why = said.get("error_description") or said.get("error") or "it gives no code"
        raise _refused(f"the authorisation server refuses: {why[:200]}")
    asked = {
        "grant_type": "authorization_code",
        "code": said["code"],
        "redirect_uri": login.redirect,
        "code_verifier": login.verifier,
    }
    got = await _token(login.issuer.token_endpoint, login.client, asked, login.resource)
    return Grant(
        url=login.server,
        resource=login.resource,
        token_endpoint=login.issuer.token_endpoint,
        client=login.client,
        access=got.access_token,
        refresh=got.refresh_token,
    )


async def _resource(url: str) -> tuple[Resource, str]:
    """What the server says of itself, and the scope it asks for."""
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "server/discover"})
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    status, told, _ = await _sent("POST", url, headers, body)
    if status != UNAUTHORIZED:
        raise SysError(Code.STATE, f"{url} answers {status}: it does not ask who we are")
    challenge = dict(_QUOTED.findall(told.get("www-authenticate", "")))
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    known = "/.well-known/oauth-protected-resource"
    places = [
        challenge.get("resource_metadata", ""),
        f"{origin}{known}{parts.path}",
        f"{origin}{known}",
    ]
    for place in filter(None, places):
        if urlsplit(place)[:2] != parts[:2]:
            continue  # what another host says of this one is nobody's word
        if (found := await _json(place, Resource)) is None:
            continue
        if not _covers(found.resource, url):
            raise _refused(f"{place} speaks of {found.resource}, and not of {url}")
        return found, challenge.get("scope", " ".join(found.scopes_supported))
    raise _refused(f"{url} does not say who lets us in")


def _covers(resource: str, url: str) -> bool:
    a, b = urlsplit(resource), urlsplit(url)
    return a[:2] == b[:2] and (b.path + "/").startswith(a.path.rstrip("/") + "/")


async def _issuer(server: str, said: Resource) -> Issuer:
    if not said.authorization_servers:
        raise _refused(f"{server} names no authorisation server")
    name = said.authorization_servers[0]
    parts = urlsplit(name)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    _safe(name, server)
    for place in (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    ):
        if (found := await _json(place, Issuer)) is None:
            continue
        if found.issuer.rstrip("/") != name.rstrip("/"):
            raise _refused(f"{place} speaks of {found.issuer}, and not of {name}")
        if "S256" not in found.code_challenge_methods_supported:
            raise _refused(f"{name} does not do PKCE")
        for one in (
            found.authorization_endpoint,
            found.token_endpoint,
            found.registration_endpoint,
        ):
            if one:
                _safe(one, server)
        return found
    raise _refused(f"the authorisation server {name} does not describe itself")


def _safe(url: str, server: str) -> None:
    """On TLS; this machine is for servers of this machine."""
    parts = urlsplit(url)
    here = _here(parts.hostname or "")
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not here):
        raise _refused(f"{url} is not on TLS")
    if here and not _here(urlsplit(server).hostname or ""):
        raise _refused(f"{url} is on this machine, and {server} is not")


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def _registered(issuer: Issuer, redirect: str, scope: str) -> Registered:
    if not issuer.registration_endpoint:
        raise SysError(
            Code.UNAUTHENTICATED,
            f"{issuer.issuer} does not register programs by itself",
            hint="register one there, and give --client-id (and --client-secret env:NAME)",
        )
    about = {
        "client_name": "LogOS",
        "redirect_uris": [redirect],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    } | ({"scope": scope} if scope else {})
    headers = {"content-type": "application/json", "accept": "application/json"}
    body = msgspec.json.encode(about)
    status, _, data = await _sent("POST", issuer.registration_endpoint, headers, body)
    if status not in (200, 201):
        raise _refused(
            f"{issuer.issuer} does not register us: {data[:200].decode('utf-8', 'replace')}"
        )
    return _read(data, Registered)


async def _token(
    endpoint: str, client: Registered, asked: Mapping[str, str], resource: str
) -> _Answered:
    form = {**asked, "client_id": client.client_id, "resource": resource}
    if client.client_secret:
        form["client_secret"] = client.client_secret
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    status, _, data = await _sent("POST", endpoint, headers, urlencode(form).encode())
    if status != 200:  # noqa: PLR2004
        raise _refused(f"the authorisation server answers {status}: {_why(data)}")
    got = _read(data, _Answered)
    if got.token_type.lower() != "bearer":
        raise _refused(f"a token of type {got.token_type!r} is no use here")
    return got


def _why(data: bytes) -> str:
    try:
        said = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError:
        return "and does not say why"
    return str(said.get("error_description") or said.get("error"))[:200]


async def _json(url: str, kind: type[S]) -> S | None:
    """None: there is none."""
    status, _, data = await _sent("GET", url, {"accept": "application/json"})
    return _read(data, kind) if status == 200 else None  # noqa: PLR2004


def _read(data: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise _refused(f"the authorisation server says something else: {error}") from error


async def _sent(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """No redirect is followed."""
    try:
        with anyio.fail_after(WITHIN_S):
            async with (
                httpx2.AsyncClient(trust_env=False) as client,
                client.stream(method, url, headers=dict(headers), content=body) as response,
            ):
                data = bytearray()
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > LONGEST:
                        raise _refused(f"{url} says too much")
                return response.status_code, response.headers, bytes(data)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise SysError(Code.UNAVAILABLE, f"{url} does not answer: {why}") from error


def _refused(why: str, also: Sequence[str] = ()) -> SysError:
    return SysError(Code.UNAUTHENTICATED, "; ".join((why, *also)))
