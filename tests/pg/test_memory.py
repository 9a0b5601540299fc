"""memory.search and memory.read: what a process has seen can be found and read again."""

import json
from typing import Any

import msgspec
import pytest

from logos.abi.agent import Agent, Recalls
from logos.abi.calls import Read
from logos.abi.driver import Job, Profile
from logos.abi.events import PagedIn, Returned
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.abi.rights import parse
from logos.drivers.model import Say, Scripted
from logos.kernel.memory import Recall

pytestmark = pytest.mark.anyio

FACTS = {
    "venue": "The venue is the old boat house; Mira pays for it.",
    "cake": "The cake comes from the bakery in Elm Street and costs forty euros.",
    "band": "The band is called The Lanterns and plays from nine.",
}


class Notes:
    """fs.read of notes that are each longer than the window has room for."""

    async def run(self, job: Job) -> str:
        return f"{FACTS[job.call.path]}\n\n" + "Nothing of interest happened then. " * 300


def called(name: str, **arguments: object) -> Say:
    return Say(calls=(ToolCall(id=CallId("x"), name=name, arguments=json.dumps(arguments)),))


def agent() -> Agent:
    return Agent(
        name="a",
        model="m",
        tools=("fs.read", "memory.search", "memory.read"),
        allow=(parse("read:/home/**"),),
        max_output=256,
    )


async def test_what_has_left_the_window_is_found(node: Any, world: Any) -> None:
    world.drivers[Read] = Notes()
    world.models["m"] = model = Scripted(
        [
            *(called("fs_read", path=name) for name in FACTS),
            called("memory_search", question="Who pays for the venue?", tokens=256),
            "done",
        ],
        profile=Profile(name="small", window=6000),
    )
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "Read the notes.")
        assert (await kernel.records.wait(pid)).status == 0
        found = [
            msgspec.json.decode(told.event.value)
            async for told in kernel.records.events(pid)
            if isinstance(told.event, Returned)
        ][-1]
    assert "Mira pays for it" in found
    assert "Lanterns" not in found
    shown = found.partition(",")[0]
    assert shown.startswith("[page ")
    assert b"digest of what has left" in msgspec.json.encode(model.requests[-1].messages)


async def test_nothing_is_found_where_nothing_is(node: Any, world: Any) -> None:
    world.models["m"] = Scripted(
        [called("memory_search", question="xylophone"), "no"], profile=Profile(name="small")
    )
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "Hello there.")
        await kernel.records.wait(pid)
        [found] = [
            msgspec.json.decode(told.event.value)
            async for told in kernel.records.events(pid)
            if isinstance(told.event, Returned)
        ]
    assert found == "[nothing in memory fits the question]"


async def test_an_index_catches_up_and_does_not_find_itself(node: Any, world: Any) -> None:
    """The same question twice: the second answer has the sources, not the first answer."""
    world.drivers[Read] = Notes()
    ask = called("memory_search", question="Where does the cake come from?", tokens=400)
    world.models["m"] = Scripted([called("fs_read", path="cake"), ask, ask, "done"])
    async with node() as kernel:
        pid = await kernel.spawn(agent(), "Read the note.")
        await kernel.records.wait(pid)
        events = [told async for told in kernel.records.events(pid)]
        answers = [msgspec.json.decode(e.value) for _, e in events if isinstance(e, Returned)]
        assert "Elm Street" in answers[1]
        assert answers[1] == answers[2]
        again = await kernel.records.search(pid, "Where does the cake come from?", 400)
        assert again == answers[1]
        recall = Recall()
        for row, event in events:
            recall.add(row.seq, row.at, event)
        assert await kernel.records.spaces.pages(pid) == len(recall)


@pytest.mark.parametrize("recalls", list(Recalls))
async def test_what_a_result_names_is_brought_back_where_an_agent_wants_it(
    node: Any, world: Any, recalls: Recalls
) -> None:
    class Log:
        async def run(self, job: Job) -> str:
            return "copied 14 files, the last of them to kestrel-2 at noon"

    world.drivers[Read] = Log()
    crews = ("heron-1", "kestrel-2", "gannet-3", "plover-4", "dunlin-5")
    keeps = [
        called("memory_remember", text=f"The pump of {name} is off at night.") for name in crews
    ]
    world.models["m"] = model = Scripted(
        [*keeps, called("memory_compress"), called("fs_read", path="log"), "done"]
    )
    tools = ("fs.read", "memory.remember", "memory.compress")
    async with node() as kernel:
        one = msgspec.structs.replace(agent(), recalls=recalls, tools=tools)
        pid = await kernel.spawn(one, "Read the log.")
        assert (await kernel.records.wait(pid)).status == 0
        brought = [
            told.event
            async for told in kernel.records.events(pid)
            if isinstance(told.event, PagedIn) and told.event.pages
        ]
    if recalls is Recalls.SAID:
        assert not brought
        return
    [event] = brought
    assert event.question == "kestrel-2"
    assert {"kestrel-2" in one.text for one in event.pages} == {True}
    assert "pump of kestrel-2" in str(model.requests[-1].messages[-1])
