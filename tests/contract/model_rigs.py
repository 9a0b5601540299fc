"""One rig for each driver: the driver, and how to make what is behind it answer."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import anyio
import msgspec
import pytest
from model_dialects import SpelledChat, SpelledMessages, Spelling
from model_gguf import write_gguf

from logos.abi.messages import Request, Role, said
from logos.drivers.model import After, Driver, Endpoint, Say, Scripted, Step, open_model
from model_server import loopback, stream, whole

KEY = "sk-loopback-0123456789"
MARK = "mark"


@dataclass
class Rig:
    """`play` sets the next answer; `hang` makes the next one stop after its first words, and
    `gone` is set when the other side has noticed that nobody listens any more."""

    driver: Driver
    play: Callable[[Say], None]
    hang: Callable[[], None]
    gone: anyio.Event
    request: Request


def asking(text: str = "hello") -> Request:
    return Request(model="m", messages=(said(Role.SYSTEM, "be brief"), said(Role.USER, text)))


@asynccontextmanager
async def scripted(folder: Path) -> AsyncIterator[Rig]:
    del folder
    steps: deque[Step] = deque()
    gone = anyio.Event()

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            gone.set()

    yield Rig(
        driver=Scripted(lambda _: steps.popleft()),
        play=steps.append,
        hang=lambda: steps.append(After(forever, Say(MARK))),
        gone=gone,
        request=asking(),
    )


@asynccontextmanager
async def hosted(
    folder: Path, *, provider: str, path: str, spelling: Spelling, streams: bool
) -> AsyncIterator[Rig]:
    del folder
    async with loopback() as server:
        endpoint = Endpoint(url=server.url + path, key=KEY, stream=streams)
        driver = open_model(f"{provider}/m", endpoint)

        def play(say: Say) -> None:
            answer = stream(spelling.events(say)) if streams else whole(spelling.whole(say))
            server.replies.append(answer)

        def hang() -> None:
            # Up to the mark, and then nothing.
            events = spelling.events(Say(MARK))
            cut = next(i for i, event in enumerate(events) if MARK.encode() in event)
            server.replies.append(server.hang(*events[: cut + 1]))

        yield Rig(driver=driver, play=play, hang=hang, gone=server.gone, request=asking())
        await driver.aclose()


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Rig]:
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install 'logos[local]'")
    path = folder / "tiny.gguf"
    if not path.exists():
        write_gguf(path)
    driver = open_model(f"local/{path}", Endpoint(window=1024, concurrency=1))
    gone = anyio.Event()
    gone.set()  # one slot: that the next thought is answered shows that the last one is over
    request = msgspec.structs.replace(asking(), max_output=12, temperature=0.0)

    def no(say: Say | None = None) -> None:
        del say

    yield Rig(driver=driver, play=no, hang=no, gone=gone, request=request)
    await driver.aclose()


CHAT, MESSAGES = SpelledChat(), SpelledMessages()

PLAYING: dict[str, Callable[[Path], AbstractAsyncContextManager[Rig]]] = {
    "scripted": scripted,
    "openai": partial(hosted, provider="vllm", path="/v1", spelling=CHAT, streams=True),
    "openai-whole": partial(hosted, provider="vllm", path="/v1", spelling=CHAT, streams=False),
    "anthropic": partial(hosted, provider="anthropic", path="", spelling=MESSAGES, streams=True),
    "anthropic-whole": partial(
        hosted, provider="anthropic", path="", spelling=MESSAGES, streams=False
    ),
}
"""Drivers that say what a test wants."""

ALL = PLAYING | {"local": local}
