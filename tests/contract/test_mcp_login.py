"""Servers that ask who we are: OAuth against the official server, and against liars."""

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mounted import called, serving

from logos.abi.driver import Mode
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.drivers.function import Functions
from logos.drivers.mcp import Registered
from logos.drivers.mcp.oauth import begun, finished, request_is_for
from logos.drivers.sandbox import open_sandbox
from logos.drivers.tools import Tools
from logos.places import open_places
from logos.vault import Vault

pytestmark = pytest.mark.anyio

SERVER = Path(__file__).with_name("mcp_oauth_server.py")


def browse(url: str) -> None:
    """A person who says yes."""

    def visit() -> None:
        with httpx2.Client(follow_redirects=True) as client:
            assert client.get(url).status_code == 200

    threading.Thread(target=visit, daemon=True).start()


@pytest.mark.slow
async def test_a_login_and_what_becomes_of_it(tmp_path: Path) -> None:
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    vault = Vault({})
    home = tmp_path / "mounts"
    with serving(tmp_path, server=SERVER, words=()) as url:
        async with open_places(home, Tools(Functions()), box, {}, vault) as places:
            with pytest.raises(SysError) as caught:
                await places.add("closed", Place(url=url))
            assert caught.value.code is Code.UNAUTHENTICATED
            assert "logos mount login closed" in caught.value.hint
            offers = await places.login("closed", browse)
            assert {offer.name for offer in offers} == {"renewed", "expire"}
            assert await called(places, tmp_path, "closed/renewed") == 0
            file = home / "closed" / "token.json"
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            grant = json.loads(file.read_bytes())
            said = vault.clean(json.dumps([grant["access"], grant["refresh"]]).encode())
            assert grant["access"].encode() not in said
            assert grant["refresh"].encode() not in said
            await called(places, tmp_path, "closed/expire")
            assert await called(places, tmp_path, "closed/renewed") == 1
        async with open_places(home, Tools(Functions()), box, {}, vault) as places:
            assert await called(places, tmp_path, "closed/renewed") == 1
            await called(places, tmp_path, "closed/expire", whole=True)
            with pytest.raises(SysError) as caught:
                await called(places, tmp_path, "closed/renewed")
            assert caught.value.code is Code.UNAUTHENTICATED
            await places.login("closed", browse)
            assert await called(places, tmp_path, "closed/renewed") == 1
            await places.remove("closed")
            assert not file.exists()


class Liar(BaseHTTPRequestHandler):
    """Says what the test wants; what it does not is what an honest one says."""

    says: dict[str, Any]
    seen: list[str]

    def log_message(self, *words: Any) -> None:
        del words

    def do_GET(self) -> None:
        self.seen.append(self.path)
        own = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        honest: dict[str, Any] = {
            "/.well-known/oauth-protected-resource/mcp": {
                "resource": f"{own}/mcp",
                "authorization_servers": [own],
            },
            "/.well-known/oauth-authorization-server": {
                "issuer": own,
                "authorization_endpoint": f"{own}/authorize",
                "token_endpoint": f"{own}/token",
                "registration_endpoint": f"{own}/register",
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            },
            "/register": {"client_id": "c"},
            "/token": {"access_token": "a" * 20},
        }
        path = self.path.partition("?")[0]
        said = honest.get(path)
        changed = self.says.get(path, {})
        body = b"" if said is None else json.dumps(said | changed).encode()
        self.send_response(self.says.get("status", 401) if path == "/mcp" else 200 if body else 404)
        if where := self.says.get("metadata"):
            self.send_header("www-authenticate", f'Bearer resource_metadata="{where}"')
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as the library calls it


@contextmanager
def lying(says: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []
    handler = type("Handler", (Liar,), {"says": says, "seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/mcp", seen
    server.shutdown()
    server.server_close()


BACK = "http://127.0.0.1:1/callback"
RESOURCE = "/.well-known/oauth-protected-resource/mcp"
ISSUER = "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize(
    "says",
    [
        {RESOURCE: {"resource": "https://elsewhere.example/mcp"}},
        {RESOURCE: {"authorization_servers": []}},
        {RESOURCE: {"authorization_servers": ["http://elsewhere.example"]}},
        {RESOURCE: {"authorization_servers": ["file:///etc"]}},
        {RESOURCE: {"authorization_servers": 3}},
        {ISSUER: {"issuer": "https://elsewhere.example"}},
        {ISSUER: {"code_challenge_methods_supported": ["plain"]}},
        {ISSUER: {"code_challenge_methods_supported": []}},
        {ISSUER: {"token_endpoint": "http://elsewhere.example/token"}},
        {ISSUER: {"authorization_endpoint": "javascript:alert(1)"}},
        {ISSUER: {"registration_endpoint": ""}},
        {"/register": {"client_id": 3}},
    ],
)
async def test_what_is_not_believed(says: dict[str, Any]) -> None:
    with lying(says) as (url, seen), pytest.raises(SysError) as caught:
        await begun(url, BACK)
    assert caught.value.code is Code.UNAUTHENTICATED
    assert not any("token" in path for path in seen)


async def test_another_host_does_not_speak_for_this_one() -> None:
    with lying({}) as (other, heard), lying({"metadata": other}) as (url, _):
        await begun(url, BACK)
        assert heard == []


async def test_who_does_not_ask_needs_no_login() -> None:
    with lying({"status": 200}) as (url, _), pytest.raises(SysError) as caught:
        await begun(url, BACK)
    assert caught.value.code is Code.STATE


async def test_only_the_answer_to_our_question_counts() -> None:
    with lying({}) as (url, seen):
        own = url.removesuffix("/mcp")
        login = await begun(url, BACK, Registered(client_id="mine"))
        assert "client_id=mine" in login.url
        assert "/register" not in seen
        good = f"state={login.state}&iss={own}&code=c"
        for answer in (
            "",
            "state=x&code=c",
            f"state={login.state}&code=c",
            f"state={login.state}&code=c&iss=https://elsewhere.example",
            f"state={login.state}&iss={own}&error=access_denied",
        ):
            with pytest.raises(SysError) as caught:
                await finished(login, f"/callback?{answer}")
            assert caught.value.code is Code.UNAUTHENTICATED
            assert "/token" not in seen
        assert (await finished(login, f"/callback?{good}")).access == "a" * 20


def test_a_token_is_for_one_server() -> None:
    url = "https://a.example/mcp"
    assert request_is_for(url, "https://a.example/mcp?x=1")
    for other in ("http://a.example/mcp", "https://a.example:1/mcp", "https://b.example/mcp"):
        assert not request_is_for(url, other)
