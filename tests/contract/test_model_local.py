"""What only a model inside this process does.  The rest is in the shared suite."""

import http.client
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from model_gguf import write_gguf
from model_rigs import asking

from logos.abi.errors import Code, SysError
from logos.abi.messages import Finish, Request, Role, ToolSpec, gather, said
from logos.drivers.model import Endpoint, open_model
from logos.drivers.model.local import Local

pytestmark = pytest.mark.anyio

NEEDED = "xllamacpp is not installed: pip install 'logos[local]'"
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{}}')


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path)
    return path


@pytest.fixture
async def model(path: Path) -> AsyncIterator[Local]:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    model = open_model(f"local/{path}", Endpoint(window=512, concurrency=2))
    assert isinstance(model, Local)
    yield model
    await model.aclose()


def short(text: str = "hello", tokens: int = 6) -> Request:
    return msgspec.structs.replace(asking(text), max_output=tokens, temperature=0.0)


async def test_the_same_request_is_the_same_answer_from_the_cache(model: Local) -> None:
    one, first = gather([delta async for delta in model.think(short())])
    two, second = gather([delta async for delta in model.think(short())])
    assert one == two
    assert first
    assert second
    assert first.usage.cached < second.usage.cached < second.usage.input


async def test_the_limit_of_tokens_is_kept(model: Local) -> None:
    _, finished = gather([delta async for delta in model.think(short(tokens=3))])
    assert finished
    assert (finished.reason, finished.usage.output) == (Finish.LENGTH, 3)


async def test_a_request_longer_than_the_window_is_told_so(model: Local) -> None:
    assert model.profile.window == 512
    request = short("x" * 600)
    assert model.count(request) > 600
    with pytest.raises(SysError) as caught:
        [delta async for delta in model.think(request)]
    assert caught.value.code is Code.CONTEXT


async def test_each_slot_has_the_whole_window(model: Local) -> None:
    """The engine divides the context it is given: two thoughts of nearly a window fit."""
    done = 0

    async def ask(letter: str) -> None:
        nonlocal done
        request = short(letter * 400)
        assert gather([delta async for delta in model.think(request)])[1]
        done += 1

    async with anyio.create_task_group() as tasks:
        for letter in "abc":
            tasks.start_soon(ask, letter)
    assert done == 3


async def test_tools_and_their_results_can_be_sent_and_counted(model: Local) -> None:
    tool = ToolSpec(name="now", description="The time.", schema=SCHEMA)
    request = msgspec.structs.replace(short(), tools=(tool,))
    _, finished = gather([delta async for delta in model.think(request)])
    assert finished
    assert finished.usage.input == model.count(request)


async def test_what_the_engine_cannot_read_is_invalid(model: Local) -> None:
    request = msgspec.structs.replace(short(), extra={"messages": msgspec.Raw(b"3")})
    with pytest.raises(SysError) as caught:
        [delta async for delta in model.think(request)]
    assert caught.value.code in {Code.INVALID, Code.MODEL}


class Watched:
    """The engine, with a record of what it was told after each chunk."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.stops: list[bool] = []

    def handle_chat_completions(self, body: Any, heard: Callable[[Any], bool]) -> None:
        def told(chunk: Any) -> bool:
            self.stops.append(heard(chunk))
            return self.stops[-1]

        self.engine.handle_chat_completions(body, told)


async def test_a_closed_thought_stops_the_engine(model: Local) -> None:
    watched = Watched(model._server)
    model._server = watched
    long = msgspec.structs.replace(short(tokens=400), extra={"ignore_eos": msgspec.Raw(b"true")})
    async with aclosing(model.think(long)) as deltas:
        await anext(deltas)
    assert watched.stops[-1] is True
    assert len(watched.stops) < 400
    model._server = watched.engine


async def test_the_engines_port_is_closed_to_others(model: Local) -> None:
    address = model._server.listening_address.removeprefix("http://")
    line = http.client.HTTPConnection(address, timeout=5)
    headers = {"content-type": "application/json"}
    line.request("POST", "/v1/chat/completions", b'{"messages":[]}', headers)
    assert line.getresponse().status == 401
    line.close()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF but not really")
    with pytest.raises(SysError) as caught:
        open_model(f"local/{file}")
    assert caught.value.code is Code.INVALID


def test_without_the_engine_it_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(SysError) as caught:
        open_model(f"local/{path}")
    assert caught.value.code is Code.UNAVAILABLE
    assert "logos[local]" in caught.value.hint


def test_roles_of_the_template_are_counted_exactly(path: Path) -> None:
    pytest.importorskip("xllamacpp", reason=NEEDED)
    model = open_model(f"local/{path}", Endpoint(window=512, concurrency=1))
    request = Request(model="m", messages=(said(Role.USER, "hi é"),))
    # One token a byte, a space being three, and one for the beginning.
    rendered = "[user] hi é\n[assistant] ".replace(" ", "\N{LOWER ONE EIGHTH BLOCK}")
    assert model.count(request) == 1 + len(rendered.encode())
    anyio.run(model.aclose)
