"""Agents of somebody else's, written with the official SDK, mounted and given tasks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from a2a.helpers import new_data_part, new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import (
    create_agent_card_routes,
    create_jsonrpc_routes,
    create_rest_routes,
)
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface
from mounted import called, opened
from starlette.applications import Starlette
from test_a2a import listening

from logos.abi.driver import Mode
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.drivers.remote.card import way
from logos.drivers.sandbox import open_sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class Counting(AgentExecutor):
    """Counts words: short tasks at once, by a message; others as a task of its own."""

    async def execute(self, context: Any, event_queue: Any) -> None:
        words = context.get_user_input().split()
        if len(words) < 3:
            await event_queue.enqueue_event(new_text_message(f"{len(words)} at once"))
            return
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        parts = [new_text_part("counted"), new_data_part({"words": len(words)})]
        await updater.add_artifact(parts)
        await (updater.failed() if "fail" in words else updater.complete())

    async def cancel(self, context: Any, event_queue: Any) -> None:
        raise NotImplementedError


def app(binding: str, url: Callable[[], str]) -> Any:
    """`url` is known when it is asked for."""

    def card() -> AgentCard:
        return AgentCard(
            name="Counter",
            description="counts words\u200b",
            version="1",
            supported_interfaces=[AgentInterface(url=url(), protocol_binding=binding)],
            capabilities=AgentCapabilities(),
        )

    async def shown(_: Any) -> AgentCard:
        return card()

    handler = DefaultRequestHandler(Counting(), InMemoryTaskStore(), card())
    cards = create_agent_card_routes(card(), card_modifier=shown)
    spoken = create_jsonrpc_routes(handler, "/spoken/here")
    rest = create_rest_routes(handler, path_prefix="/spoken/here")
    return Starlette(routes=[*cards, *spoken, *rest])


@asynccontextmanager
async def counter(binding: str, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Its URL."""
    bound: list[int] = [0]
    made = app(binding, lambda: f"http://{host}:{bound[0]}/spoken/here")
    async with listening(made) as port:
        bound[0] = port
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
async def test_an_agent_is_spoken_to_as_its_card_says(tmp_path: Path, binding: str) -> None:
    sandbox = open_sandbox(Mode.NONE, state=tmp_path / "state")
    async with counter(binding) as url, opened(tmp_path, sandbox) as places:
        [offer] = await places.add("far", Place(a2a=f"{url}/.well-known/agent-card.json"))
        assert offer.name == "delegate"
        assert "counts words\\u{200b}" in offer.description
        assert await called(places, tmp_path, "far/delegate", task="one two") == "2 at once"
        told = await called(places, tmp_path, "far/delegate", task="one two three")
        assert told in {'counted\n{"words":3}', 'counted\n{"words":3.0}'}
        with pytest.raises(SysError, match="did not do it") as caught:
            await called(places, tmp_path, "far/delegate", task="fail at this")
        assert caught.value.code is Code.TOOL
        [shown] = await places.shown()
        assert (shown.kind, shown.state, shown.tools) == ("a2a", "ready", 1)
    await sandbox.aclose()


async def test_what_is_no_agent_of_ours_is_said_at_the_mount(tmp_path: Path) -> None:
    sandbox = open_sandbox(Mode.NONE, state=tmp_path / "state")
    async with (
        counter("GRPC") as strange,
        counter("JSONRPC", "elsewhere.example") as leading,
        opened(tmp_path, sandbox) as places,
    ):
        for url, code, said, hint in (
            (strange, Code.UNAVAILABLE, "speaks GRPC", ""),
            (leading, Code.DENIED, "elsewhere.example", "a2a http://elsewhere.example"),
            (f"{strange}/deeper", Code.NOT_FOUND, "404", "agent-card.json"),
            ("http://127.0.0.1:9", Code.UNAVAILABLE, "cannot be reached", "is it up?"),
        ):
            with pytest.raises(SysError, match=said) as caught:
                await places.add("far", Place(a2a=url))
            assert caught.value.code is code
            assert hint in caught.value.hint
        assert await places.shown() == []
    await sandbox.aclose()


def test_a_card_without_interfaces_is_of_an_older_protocol() -> None:
    with pytest.raises(SysError, match="older A2A"):
        way({"url": "http://a.example/", "preferredTransport": "JSONRPC"}, "http://a.example")
