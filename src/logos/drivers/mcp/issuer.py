"""What a server and its authorisation server say of themselves, and what they give us.

    resource_of(url)              who lets us in, and the scope to ask for
    issuer_of(server, resource)   where that one is asked
    registered(issuer, ...)       who we are there
    token_of(endpoint, ...)       a token for a code, or for another token

Redirects are not followed.

Invariant: nothing is sent without TLS but to this machine, nor to this machine for another's sake.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import anyio
import httpx2
import msgspec

from logos.abi.errors import Code, SysError

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


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - no secret
    refresh_token: str = ""


async def resource_of(url: str) -> tuple[Resource, str]:
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
            raise refused(f"{place} speaks of {found.resource}, and not of {url}")
        return found, challenge.get("scope", " ".join(found.scopes_supported))
    raise refused(f"{url} does not say who lets us in")


def _covers(resource: str, url: str) -> bool:
    a, b = urlsplit(resource), urlsplit(url)
    return a[:2] == b[:2] and (b.path + "/").startswith(a.path.rstrip("/") + "/")


async def issuer_of(server: str, said: Resource) -> Issuer:
    if not said.authorization_servers:
        raise refused(f"{server} names no authorisation server")
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
            raise refused(f"{place} speaks of {found.issuer}, and not of {name}")
        if "S256" not in found.code_challenge_methods_supported:
            raise refused(f"{name} does not do PKCE")
        for one in (
            found.authorization_endpoint,
            found.token_endpoint,
            found.registration_endpoint,
        ):
            if one:
                _safe(one, server)
        return found
    raise refused(f"the authorisation server {name} does not describe itself")


def _safe(url: str, server: str) -> None:
    """On TLS; this machine is for servers of this machine."""
    parts = urlsplit(url)
    here = _here(parts.hostname or "")
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not here):
        raise refused(f"{url} is not on TLS")
    if here and not _here(urlsplit(server).hostname or ""):
        raise refused(f"{url} is on this machine, and {server} is not")


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def registered(issuer: Issuer, redirect: str, scope: str) -> Registered:
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
        raise refused(
            f"{issuer.issuer} does not register us: {data[:200].decode('utf-8', 'replace')}"
        )
    return _read(data, Registered)


async def token_of(
    endpoint: str, client: Registered, asked: Mapping[str, str], resource: str
) -> Answered:
    form = {**asked, "client_id": client.client_id, "resource": resource}
    if client.client_secret:
        form["client_secret"] = client.client_secret
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    status, _, data = await _sent("POST", endpoint, headers, urlencode(form).encode())
    if status != 200:  # noqa: PLR2004
        raise refused(f"the authorisation server answers {status}: {_why(data)}")
    got = _read(data, Answered)
    if got.token_type.lower() != "bearer":
        raise refused(f"a token of type {got.token_type!r} is no use here")
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
        raise refused(f"the authorisation server says something else: {error}") from error


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
                        raise refused(f"{url} says too much")
                return response.status_code, response.headers, bytes(data)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise SysError(Code.UNAVAILABLE, f"{url} does not answer: {why}") from error


def refused(why: str) -> SysError:
    return SysError(Code.UNAUTHENTICATED, why)
