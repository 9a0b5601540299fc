"""Responses in the background as streams, left and heard again, by OpenAI's own client."""

from pathlib import Path
from typing import Any

import anyio
import httpx2
import openai
import pytest
from gateway_rig import rig
from openai import AsyncOpenAI
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.drivers.model import After, Fail, Say
from logos.gateway import aired

pytestmark = pytest.mark.anyio

WORDS = tuple(f"word{n} " for n in range(20))


def spelled(events: list[Any]) -> str:
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


async def asked(client: AsyncOpenAI, said: str = "go") -> Any:
    return await client.responses.create(model="m", input=said, background=True, stream=True)


async def test_a_stream_that_was_left_is_heard_from_where_it_was(url: str, tmp_path: Path) -> None:
    gate = anyio.Event()
    steps = [Say("".join(WORDS), pieces=WORDS), After(gate.wait, Say("Late.")), "Next."]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        with anyio.fail_after(PATIENCE_S):
            whole = [event async for event in await asked(client)]
            numbers = [event.sequence_number for event in whole]
            assert numbers == list(range(len(whole)))
            assert spelled(whole) == "".join(WORDS)
            id_ = whole[0].response.id
            assert whole[0].response.background
            for after in (0, 7, len(whole) - 2):
                again = await client.responses.retrieve(id_, stream=True, starting_after=after)
                assert [event async for event in again] == whole[after + 1 :]
            early = await asked(client, "later")
            begun = await anext(aiter(early))
            await early.close()
            gate.set()
            rest = await client.responses.retrieve(begun.response.id, stream=True)
            heard = [event async for event in rest]
            assert heard[0] == begun
            assert spelled(heard) == "Late."
            assert heard[-1].type == "response.completed"
            sequel = await client.responses.create(
                model="m", input="and?", previous_response_id=begun.response.id
            )
        assert sequel.output_text == "Next."
        assert len(await one.conversations()) == 2  # it goes on where it was


async def test_what_fails_says_so_to_whoever_listens(url: str, tmp_path: Path) -> None:
    fails = Fail(SysError(Code.INVALID, "not so"))
    async with rig(url, tmp_path, [fails]) as one, AsyncOpenAI(**one.openai) as client:
        events = [event async for event in await asked(client)]
        assert [event.type for event in events][-1] == "response.failed"
        assert "not so" in events[-1].response.error.message
        again = await client.responses.retrieve(events[0].response.id, stream=True)
        assert [event async for event in again] == events


async def test_what_is_forgotten_is_not_told_again(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, ["plover", "plover"]) as one, AsyncOpenAI(**one.openai) as client:
        for gone in ("by its client", "by its owner"):
            (first, *_) = [event async for event in await asked(client, gone)]
            id_ = first.response.id
            if gone == "by its client":
                await client.responses.delete(id_)
            else:
                pid = Pid(int(id_.split("_")[1]))
                events = [told async for told in one.machine.kernel.records.events(pid)]
                await one.machine.kernel.forget(pid, [told.row.seq for told in events[-3:]])
            with pytest.raises(openai.NotFoundError):
                await client.responses.retrieve(id_, stream=True)


async def test_after_a_restart_its_end_is_told(url: str, tmp_path: Path) -> None:
    async with rig(url, tmp_path, [Say("A word.")]) as one, AsyncOpenAI(**one.openai) as client:
        before = [event async for event in await asked(client)]
        id_ = before[0].response.id
    steps = [After(anyio.sleep_forever, Say("never"))]
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        whole = [event async for event in await client.responses.retrieve(id_, stream=True)]
        assert spelled(whole) == "A word."
        rest = await client.responses.retrieve(id_, stream=True, starting_after=3)
        (last,) = [event async for event in rest]
        assert (last.type, last.sequence_number) == ("response.completed", 4)
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.retrieve(id_, stream=True, extra_query={"starting_after": "x"})
        assert refused.value.param == "starting_after"


async def test_a_listener_is_kept_waiting_aloud(url: str, tmp_path: Path) -> None:
    """A comment now and then, so that no proxy hangs up."""
    gate = anyio.Event()
    settings = config.Gateway(keepalive_s=0.01)
    steps = [After(gate.wait, Say("Late."))]
    async with (
        rig(url, tmp_path, steps, settings=settings) as one,
        httpx2.AsyncClient(base_url=one.base, timeout=PATIENCE_S) as http,
    ):
        body = {"model": "m", "input": "go", "background": True, "stream": True}
        async with http.stream("POST", "/v1/responses", json=body) as answer:
            heard = b""
            async for piece in answer.aiter_raw():
                heard += piece
                if b": waiting" in heard:
                    gate.set()
        assert b"response.completed" in heard


async def test_what_is_remembered_of_them_is_bounded(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is forgotten is in the journal, and told from there."""
    monkeypatch.setattr(aired, "MOST_BYTES", 5000)
    steps = [Say("".join(WORDS), pieces=WORDS)] * 2
    async with rig(url, tmp_path, steps) as one, AsyncOpenAI(**one.openai) as client:
        first = [event async for event in await asked(client)]
        assert len(first) > len(WORDS)
        async for _ in await asked(client, "again"):
            pass
        again = await client.responses.retrieve(first[0].response.id, stream=True)
        told = [event async for event in again]
        assert len(told) < len(WORDS)  # in pieces of our own
        assert spelled(told) == "".join(WORDS)
