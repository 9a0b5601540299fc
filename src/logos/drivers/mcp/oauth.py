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
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import anyio
import httpx2
import msgspec

from logos.abi.errors import Code, SysError
from logos.drivers.mcp.callback import Callback
from logos.drivers.mcp.issuer import (
    UNAUTHORIZED,
    Issuer,
    Registered,
    issuer_of,
    refused,
    registered,
    resource_of,
    token_of,
)


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
                said = await token_of(old.token_endpoint, old.client, asked, old.resource)
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
    said, scope = await resource_of(url)
    issuer = await issuer_of(url, said)
    client = client or await registered(issuer, redirect, scope)
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
        raise refused("the answer is to another question")
    promised = login.issuer.authorization_response_iss_parameter_supported
    if (promised or "iss" in said) and said.get("iss") != login.issuer.issuer:
        raise refused("the answer is another authorisation server's")
    if "code" not in said:
        why = said.get("error_description") or said.get("error") or "it gives no code"
        raise refused(f"the authorisation server refuses: {why[:200]}")
    asked = {
        "grant_type": "authorization_code",
        "code": said["code"],
        "redirect_uri": login.redirect,
        "code_verifier": login.verifier,
    }
    got = await token_of(login.issuer.token_endpoint, login.client, asked, login.resource)
    return Grant(
        url=login.server,
        resource=login.resource,
        token_endpoint=login.issuer.token_endpoint,
        client=login.client,
        access=got.access_token,
        refresh=got.refresh_token,
    )
