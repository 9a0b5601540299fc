"""An API of this machine, mounted by its document."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mounted import called, opened

from logos.abi.driver import Mode
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.drivers.openapi import request
from logos.drivers.openapi.document import FORM, parsed
from logos.drivers.sandbox import open_sandbox

pytestmark = pytest.mark.anyio

PET: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}}
PATHS: dict[str, Any] = {
    "/pets/{id}": {
        "get": {
            "operationId": "getPet",
            "summary": "One pet.\u200b",
            "parameters": [
                {"name": "id", "in": "path", "schema": {"type": "string"}},
                {"name": "tags", "in": "query", "schema": {"type": "array"}},
                {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
            ],
        },
        "delete": {"operationId": "searchPets", "summary": "Not what it is called."},
    },
    "/pets": {
        "post": {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
            }
        }
    },
    "/away": {"get": {"operationId": "away"}},
    "/wrong": {"get": {"operationId": "wrong"}},
}


class Answering(BaseHTTPRequestHandler):
    seen: list[tuple[str, str, str, str]]

    def log_message(self, *words: Any) -> None:
        del words

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        token = self.headers.get("x-token", "")
        self.seen.append((self.command, self.path, token, body))
        status = {"/v1/away": 302, "/v1/wrong": 418}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("location", "http://elsewhere.example/")
        data = json.dumps({"path": self.path}).encode()
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_DELETE = do_GET  # noqa: N815 - as the library calls them


@pytest.fixture
def api() -> Iterator[tuple[str, list[Any]]]:
    seen: list[Any] = []
    handler = type("Handler", (Answering,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", seen
    server.shutdown()
    server.server_close()


def document(url: str) -> str:
    kin = {"kin": {"$ref": "#/components/schemas/Pet"}, **PET["properties"]}
    pets = {"schemas": {"Pet": {"type": "object", "properties": kin}}}
    return json.dumps(
        {"openapi": "3.1.0", "servers": [{"url": url}], "paths": PATHS, "components": pets}
    )


async def test_operations_are_tools(tmp_path: Path, api: tuple[str, list[Any]]) -> None:
    url, seen = api
    file = tmp_path / "api.json"
    file.write_text(document(url))
    place = Place(
        openapi=str(file),
        hosts=("127.0.0.1",),
        headers={"X-Token": "file:" + str(secret(tmp_path))},
    )
    closed = Place(openapi=str(file), hosts=("api.example",))
    sandbox = open_sandbox(Mode.NONE, state=tmp_path / "state")
    async with opened(tmp_path, sandbox, {"pets": place, "closed": closed}) as places:
        offers = {offer.name: offer for offer in await places.tools.places["pets"].offers()}
        assert set(offers) == {"getPet", "searchPets", "post_pets", "away", "wrong"}
        assert offers["getPet"].description == "One pet.\\u{200b}"
        assert await called(places, tmp_path, "pets/getPet", id="a/../b?c", tags=["x", "y"]) == {
            "path": "/v1/pets/a%2F..%2Fb%3Fc?tags=x&tags=y"
        }
        await called(places, tmp_path, "pets/post_pets", body={"name": "Rex"})
        assert seen[-1] == ("POST", "/v1/pets", "hush", '{"name":"Rex"}')
        before = len(seen)
        for tool, given, code in (
            ("pets/getPet", {"id": ".."}, Code.INVALID),
            ("pets/getPet", {}, Code.INVALID),
            ("pets/getPet", {"id": "1", "Authorization": "mine"}, Code.INVALID),
            ("closed/getPet", {"id": "1"}, Code.DENIED),
        ):
            with pytest.raises(SysError) as caught:
                await called(places, tmp_path, tool, **given)
            assert caught.value.code is code, tool
        assert len(seen) == before
        for tool in ("pets/away", "pets/wrong"):
            with pytest.raises(SysError) as caught:
                await called(places, tmp_path, tool)
            assert caught.value.code is Code.TOOL
    await sandbox.aclose()


def secret(folder: Path) -> Path:
    file = folder / "token"
    file.write_text("hush")
    return file


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", "swagger: '2.0'", "a: [", "openapi: 2"])
def test_no_document(text: str) -> None:
    with pytest.raises(SysError) as caught:
        parsed(text)
    assert caught.value.code is Code.INVALID


def test_a_body_that_goes_round_ends() -> None:
    schema = bytes(parsed(document("http://a.example")).operations["post_pets"].offer.schema)
    assert b'"kin"' in schema
    assert b"$ref" not in schema
    assert len(schema) < 4000


def test_a_server_with_variables_is_the_one_they_have_by_default() -> None:
    text = """
openapi: 3.0.3
servers:
  - url: "{scheme}://api.example/{version}"
    variables: {scheme: {default: https}, version: {default: v2, enum: [v1, v2]}}
paths: {/pets: {get: {operationId: pets}}}
"""
    found = parsed(text)
    assert (found.servers, list(found.operations)) == (["https://api.example/v2"], ["pets"])


STYLES = """
openapi: 3.1.0
servers: [{url: http://127.0.0.1:1/v1}]
paths:
  /charges:
    post:
      operationId: charge
      parameters:
        - {name: filter, in: query, style: deepObject, schema: {type: object}}
        - {name: expand, in: query, explode: false, schema: {type: array}}
        - {name: where, in: query, content: {application/json: {}}}
        - {name: X-Trace, in: header, schema: {type: array}}
      requestBody:
        required: true
        content: {application/x-www-form-urlencoded: {schema: {type: object}}}
  /charges/: {$ref: '#/components/pathItems/all%20of'}
  /files: {post: {operationId: send, requestBody: {required: true, content: {image/png: {}}}}}
  /patched:
    patch:
      operationId: charge
      requestBody: {content: {text/plain: {}, application/merge-patch+json: {schema: {}}}}
components: {pathItems: {all of: {get: {}, post: {}}}}
"""


def test_requests_are_made_in_the_styles_of_the_document() -> None:
    found = parsed(STYLES).operations
    assert sorted(found) == ["charge", "charge_2", "get_charges", "post_charges"]
    given = {
        "filter": {"since": 1, "open": True},
        "expand": ["a b", "c"],
        "where": {"x": [1]},
        "X-Trace": [1, 2],
        "body": {"amount": 5, "card": {"no": "4 2", "tags": ["a", "b"]}, "note": None},
    }
    assert request.query(found["charge"], given) == [
        ("filter[since]", "1"),
        ("filter[open]", "true"),
        ("expand", "a b,c"),
        ("where", '{"x":[1]}'),
    ]
    assert request.headers(found["charge"], given) == {"X-Trace": "1,2", "Content-Type": FORM}
    assert request.content(found["charge"], given) == (
        b"amount=5&card%5Bno%5D=4+2&card%5Btags%5D=a&card%5Btags%5D=b"
    )
    with pytest.raises(SysError, match="object"):
        request.content(found["charge"], {"body": "a"})
    patch = {"Content-Type": "application/merge-patch+json"}
    assert request.headers(found["charge_2"], {"body": 1}) == patch
    assert request.content(found["charge_2"], {"body": 1}) == b"1"
    assert request.content(found["charge_2"], {}) is None


def test_an_old_document_is_named_as_what_it_is() -> None:
    with pytest.raises(SysError, match=r"Swagger 2\.0") as caught:
        parsed("swagger: '2.0'\npaths: {}")
    assert "convert" in caught.value.hint


async def test_a_server_that_may_not_be_asked_is_said_when_it_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text(document("https://api.example/v1"))
    (tmp_path / "none.yaml").write_text("openapi: 3.0.0\npaths: {}")
    sandbox = open_sandbox(Mode.NONE, state=tmp_path / "state")
    async with opened(tmp_path, sandbox) as places:
        with pytest.raises(SysError, match=r"may not ask api\.example") as caught:
            await places.add("api", Place(openapi=str(tmp_path / "api.json")))
        assert "--host api.example" in caught.value.hint
        with pytest.raises(SysError, match="no server"):
            await places.add("none", Place(openapi=str(tmp_path / "none.yaml")))
        assert await places.shown() == []
        hosts = ("api.example",)
        await places.add("api", Place(openapi=str(tmp_path / "api.json"), hosts=hosts))
    await sandbox.aclose()
