"""Agent frameworks, unchanged: only the vendors' variables for the base URL and the key are set.

Each holds a conversation with tools over two turns, leaves a stream in the middle, meets an error, and gets
its answer after the retry that its own client makes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, TypedDict

import anyio
import pydantic_ai
import pytest
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel as AgentsResponses
from anthropic import AsyncAnthropic
from gateway_rig import Rig, looks, rig
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from tests.conftest import PATIENCE_S

import agents
from agents import Runner, function_tool, set_tracing_disabled
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.abi.messages import Request, ToolResult
from logos.drivers.model import After, Fail, Say, Step

pytestmark = [
    pytest.mark.anyio,
    # the frameworks keep clients of their own open, and nobody can close them
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WEATHER, FAIL, FLAKY, NEVER = "weather", "FAIL", "FLAKY", "NEVER"


class Player:
    """Answers by what was said last."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self._flaky = 1

    def __call__(self, request: Request) -> Step:
        last = request.messages[-1]
        results = [part for part in last.content if isinstance(part, ToolResult)]
        if results:
            return Say(f"It is {results[-1].content}.")
        if WEATHER in last.text and request.tools:
            return looks((request.tools[0].name, {"city": "Rome"}), text="Let me see.")
        if FAIL in last.text:
            return Fail(SysError(Code.INVALID, "not like this"))
        if FLAKY in last.text and self._flaky:
            self._flaky -= 1
            return Fail(SysError(Code.UNAVAILABLE, "away"))
        if NEVER in last.text:
            self.asked.set()
            return After(anyio.sleep_forever, Say("too late"))
        return Say(f"You said {last.text!r}, after {len(request.messages)} messages.")


class Agent:
    """A framework's agent with one tool: what it says to a text, given what was said before."""

    def __init__(
        self,
        ask: Callable[[str, Any], Awaitable[tuple[str, Any]]],
        stream: Callable[[str], AsyncIterator[str]],
    ) -> None:
        self.ask = ask
        self.stream = stream


def sdk(model: Any) -> Agent:
    """OpenAI's Agents SDK."""

    @function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    agent = agents.Agent(name="helper", instructions="be brief", tools=[weather], model=model)

    async def ask(text: str, before: Any) -> tuple[str, Any]:
        result = await Runner.run(agent, [*(before or []), {"role": "user", "content": text}])
        return str(result.final_output), result.to_input_list()

    async def stream(text: str) -> AsyncIterator[str]:
        result = Runner.run_streamed(agent, text)
        async for event in result.stream_events():
            if event.type == "raw_response_event" and hasattr(event.data, "delta"):
                yield str(event.data.delta)

    return Agent(ask, stream)


def typed(model: Any) -> Agent:
    """Pydantic AI."""
    agent: Any = pydantic_ai.Agent(model, instructions="be brief")

    @agent.tool_plain  # type: ignore[untyped-decorator]
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    async def ask(text: str, before: Any) -> tuple[str, Any]:
        result = await agent.run(text, message_history=before)
        return str(result.output), result.all_messages()

    async def stream(text: str) -> AsyncIterator[str]:
        async with agent.run_stream(text) as result:
            async for piece in result.stream_text(delta=True):
                yield piece

    return Agent(ask, stream)


class _State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def graph(model: ChatOpenAI) -> Agent:
    """LangGraph."""

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    bound = model.bind_tools([weather])

    async def think(state: _State) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    def after(state: _State) -> str:
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else END

    made = StateGraph(_State)
    made.add_node("think", think)
    made.add_node("tools", ToolNode([weather]))
    made.add_edge(START, "think")
    made.add_conditional_edges("think", after)
    made.add_edge("tools", "think")
    compiled = made.compile()

    async def ask(text: str, before: Any) -> tuple[str, Any]:
        found = await compiled.ainvoke({"messages": [*(before or []), HumanMessage(text)]})
        return str(found["messages"][-1].text), found["messages"]

    async def stream(text: str) -> AsyncIterator[str]:
        async for piece in bound.astream([HumanMessage(text)]):
            yield str(piece.text)

    return Agent(ask, stream)


class Vendors:
    """The vendors' clients as they are made without a word; closed at the end."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    def openai(self) -> AsyncOpenAI:
        client = AsyncOpenAI()
        self._stack.push_async_callback(client.close)
        return client

    def anthropic(self) -> AsyncAnthropic:
        client = AsyncAnthropic()
        self._stack.push_async_callback(client.close)
        return client

    def langchain(self, **given: Any) -> ChatOpenAI:
        http = DefaultAsyncHttpxClient()
        self._stack.push_async_callback(http.aclose)
        return ChatOpenAI(model="m", http_async_client=http, **given)


MAKE: dict[str, Callable[[Vendors], Agent]] = {
    "agents-chat": lambda v: sdk(OpenAIChatCompletionsModel("m", v.openai())),
    "agents-responses": lambda v: sdk(AgentsResponses("m", v.openai())),
    "pydantic-chat": lambda v: typed(
        OpenAIChatModel("m", provider=OpenAIProvider(openai_client=v.openai()))
    ),
    "pydantic-responses": lambda v: typed(
        OpenAIResponsesModel("m", provider=OpenAIProvider(openai_client=v.openai()))
    ),
    "pydantic-messages": lambda v: typed(
        AnthropicModel("m", provider=AnthropicProvider(anthropic_client=v.anthropic()))
    ),
    "langgraph-chat": lambda v: graph(v.langchain()),
    "langgraph-responses": lambda v: graph(v.langchain(use_responses_api=True)),
}


@pytest.fixture(params=sorted(MAKE))
async def opened(
    url: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Agent, Rig, Player]]:
    player = Player()
    async with rig(url, tmp_path, player) as one, AsyncExitStack() as stack:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{one.base}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", one.base)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
        set_tracing_disabled(disabled=True)
        yield MAKE[request.param](Vendors(stack)), one, player


Opened = tuple[Agent, Rig, Player]


@pytest.mark.slow
async def test_a_conversation_with_tools(opened: Opened) -> None:
    agent, one, _ = opened
    answer, before = await agent.ask("the weather in Rome?", None)
    assert answer == "It is sunny in Rome."
    answer, before = await agent.ask("thank you", before)
    assert answer.startswith("You said 'thank you'")
    answer, _ = await agent.ask("the weather again?", before)
    assert answer == "It is sunny in Rome."
    (pid,) = await one.conversations()
    assert (await one.kinds(pid)).count("thought") == 5
    assert not (await one.machine.kernel.records.audit()).broken


@pytest.mark.slow
async def test_a_stream_and_one_that_is_left(opened: Opened) -> None:
    agent, one, player = opened
    said = "".join([piece async for piece in agent.stream("hello")])
    assert "You said 'hello'" in said
    before = await one.conversations()
    async with anyio.create_task_group() as tasks:

        async def listen() -> None:
            async for _ in agent.stream(NEVER):
                pass

        tasks.start_soon(listen)
        with anyio.fail_after(PATIENCE_S):
            await player.asked.wait()
        tasks.cancel_scope.cancel()
    await interrupted(one, await one.begun(before))


async def interrupted(one: Rig, pid: Pid) -> None:
    with anyio.fail_after(PATIENCE_S):
        async for told in one.machine.kernel.records.follow(pid):
            if told.row.kind == "interrupted":
                return


@pytest.mark.slow
async def test_an_error_and_a_retry(opened: Opened) -> None:
    agent, one, _ = opened
    with pytest.raises(Exception, match="not like this"):
        await agent.ask(FAIL, None)
    answer, _ = await agent.ask(FLAKY, None)
    assert answer.startswith("You said 'FLAKY'")
    for pid in await one.conversations():
        assert (await one.kinds(pid)).count("told") <= 3
