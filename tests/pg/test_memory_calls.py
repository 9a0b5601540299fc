"""memory.*, kv.* and the tree: a process keeps things for itself and with others."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from logos.abi.agent import Agent
from logos.abi.calls import CALLS, name
from logos.abi.errors import Code, SysError
from logos.abi.events import Failed, Remembered, Returned
from logos.abi.ids import CallId, Pid
from logos.abi.messages import ToolCall
from logos.abi.rights import parse
from logos.drivers.model import Say, Scripted

pytestmark = pytest.mark.anyio

MINE = tuple(name(call) for call in CALLS if name(call).startswith(("memory.", "kv.", "fs.")))
TEAM = ("read:/mem/team/**", "write:/mem/team/**")


def called(tool: str, **arguments: object) -> Say:
    return Say(calls=(ToolCall(id=CallId("x"), name=tool, arguments=json.dumps(arguments)),))


async def lived(node: Any, world: Any, *steps: Say, allow: Sequence[str] = ()) -> list[Any]:
    """What each call came to: its value, or its error as `code: message`."""
    async with node() as kernel:
        return await outcomes(kernel, world, *steps, allow=allow)


async def outcomes(kernel: Any, world: Any, *steps: Say, allow: Sequence[str] = ()) -> list[Any]:
    world.models["m"] = Scripted([*steps, "done"])
    agent = Agent(name="a", model="m", tools=MINE, allow=tuple(map(parse, allow)))
    pid = await kernel.spawn(agent, "Remember.")
    assert (await kernel.records.wait(pid)).status == 0
    found: list[Any] = []
    async for told in kernel.records.events(pid):
        match told.event:
            case Returned(value=value):
                found.append(msgspec.json.decode(value))
            case Failed(code=code, message=message):
                found.append(f"{code}: {message}")
            case _:
                pass
    return found


async def test_core_blocks_have_versions_limits_and_undo(node: Any, world: Any) -> None:
    goal = "/mem/core/goal"
    said = await lived(
        node,
        world,
        called("memory_remember", path=goal, text="find the venue"),
        called("memory_remember", path=goal, text="book the venue"),
        called("fs_read", path=goal),
        called("memory_remember", path=goal, undo=True),
        called("fs_read", path=goal),
        called("memory_remember", path=goal, undo=True),
        called("memory_remember", path=goal, text="x" * 4001),
        called("fs_write", path=goal, text="pay for it"),
        called("fs_list", path="/mem/core"),
        called("fs_append", path=goal, text="!"),
        allow=("read:/mem/**", "write:/mem/core/**"),
    )
    assert said[2] == "1\tbook the venue\n[no newline at the end]"
    assert said[4] == "1\tfind the venue\n[no newline at the end]"
    assert said[5] == "not_found: nothing stood at /mem/core/goal before"
    assert said[6] == "limit: /mem/core/goal takes 4000 characters"
    assert said[7] == goal
    assert said[8] == "goal\t10\tpay for it"
    assert str(said[9]).startswith("denied: ")


async def test_keys_are_set_if_nobody_else_did(node: Any, world: Any) -> None:
    said = await lived(
        node,
        world,
        called("kv_get", key="n"),
        called("kv_set", key="n", value="1", version=0),
        called("kv_set", key="n", value="2", version=0),
        called("kv_set", key="n", value="2", version=1),
        called("fs_read", path="/kv/n"),
        called("kv_set", key="n", value=None),
        called("kv_get", key="n"),
        called("fs_list", path="/kv"),
        allow=("read:/kv/**",),
    )
    assert said[0] == {"value": None, "version": 0}
    assert said[1] == {"value": "1", "version": 1}
    assert said[2] == "conflict: /kv/n has version 1, not 0"
    assert said[3] == {"value": "2", "version": 2}
    assert said[4] == "1\t2\n[no newline at the end]"
    assert said[6] == {"value": None, "version": 3}
    assert said[7] == "[the folder is empty]"


async def test_facts_close_each_other_and_sources_disagree(node: Any, world: Any) -> None:
    venue = {"subject": "The venue", "relation": "city"}
    said = await lived(
        node,
        world,
        called("memory_remember", **venue, text="Lisbon", since="2026-05-01"),
        called("memory_remember", **venue, text="Porto", since="2026-05-09"),
        called("fs_read", path="/mem/facts/the-venue/city"),
        called("memory_remember", **venue, text="Faro", source="Jon"),
        called("fs_read", path="/mem/facts/the-venue/city"),
        called("memory_search", question="Which city is the venue in?"),
        called("memory_remember", **venue, text="x", since="May"),
        allow=("read:/mem/**",),
    )
    assert said[0] == "/mem/facts/the-venue/city"
    assert said[2] == "1\tPorto\n[no newline at the end]"
    assert "Jon says; contradicts page" in said[4]
    assert "Faro" in said[4]
    assert "Porto" in said[4]
    assert "The venue city: Porto" in said[5]
    assert said[6].startswith("invalid: 'May' is not a date")


async def test_notes_links_pins_and_todo(node: Any, world: Any) -> None:
    said = await lived(
        node,
        world,
        called("memory_remember", text="Mira pays for the old boat house."),
        called("memory_search", question="Who pays for the boat house?"),
        called("memory_link", node="/mem/archive/a", relation="cites", to="/mem/archive/b"),
        called("memory_link", node="/mem/archive/b", relation="cites", to="7"),
        called("memory_link", node="/mem/archive/a"),
        called("memory_link", node="/mem/archive/zzz"),
        called("memory_pin", page=1),
        called("memory_pin", page=99),
        called("memory_todo", items=["[x] look", "pay"]),
        called("fs_read", path="/mem/todo"),
        called("fs_list", path="/mem"),
        called("fs_search", pattern="boat", path="/mem/archive"),
        called("fs_read", path="/mem/archive"),
        allow=("read:/mem/**",),
    )
    assert said[0].startswith("/mem/archive/notes/")
    assert "Mira pays" in said[1]
    assert said[4] == "1: /mem/archive/a cites /mem/archive/b\n2: /mem/archive/b cites 7"
    assert said[5] == "[nothing is linked to /mem/archive/zzz]"
    assert said[6] is None
    assert said[7] == "not_found: there is no page 99"
    assert said[9] == "1\t- [x] look\n2\t- [ ] pay\n[no newline at the end]"
    assert said[10] == "archive/\ncore/\nfacts/\ntodo\t20\t- [x] look - [ ] pay"
    assert said[11] == f"{said[0]}:1: Mira pays for the old boat house."
    assert said[12] == "invalid: /mem/archive is a folder"


async def test_a_space_is_shared_by_those_who_may(node: Any, world: Any) -> None:
    async with node() as kernel:
        first = await outcomes(
            kernel,
            world,
            called("memory_remember", path="/mem/team/venue", text="The boat house is booked."),
            called("memory_remember", path="/mem/team/facts/venue/city", text="Lisbon"),
            called("memory_link", node="/mem/team/venue", relation="in", to="/mem/team/city"),
            allow=TEAM,
        )
        assert first[0] == "/mem/team/venue"
        pid = await kernel.space("team")
        kept: list[str] = []
        async for told in kernel.records.follow(pid):  # it comes by mail
            if isinstance(told.event, Remembered):
                kept.append(told.event.path)
            if told.row.kind == "linked":
                break
        assert kept == ["/mem/archive/venue", "/mem/facts/venue/city"]
        second = await outcomes(
            kernel,
            world,
            called("fs_read", path="/mem/team/venue"),
            called("memory_search", question="Is the boat house booked?", space="/mem/team"),
            called("fs_list", path="/mem/team"),
            called("fs_read", path="/mem/team/facts/venue/city"),
            called("memory_link", node="/mem/team/venue"),
            called("fs_search", pattern="b..ked", path="/mem/team"),
            called("fs_read", path="/mem/other/a"),
            allow=(*TEAM, "read:/mem/other/**"),
        )
        assert second[0] == "1\tThe boat house is booked.\n[no newline at the end]"
        assert second[1].startswith("[/mem/team/venue, from character 0]\nThe boat house")
        assert second[2] == "venue\t25\tThe boat house is booked.\nfacts/"
        assert second[3].startswith("1\tLisbon")
        assert second[4] == "1: /mem/team/venue in /mem/team/city"
        assert second[5] == "/mem/team/venue:1: The boat house is booked."
        assert second[6] == "not_found: there is no space 'other'"
        third = await outcomes(
            kernel,
            world,
            called("fs_read", path="/mem/team/venue"),
            called("memory_search", question="booked?", space="/mem/team"),
            called("memory_remember", path="/mem/core/../team/venue", text="no"),
            called("memory_link", node="3", relation="in", to="/mem/team/venue"),
        )
        assert all(str(one).startswith("denied: ") for one in third)


async def test_processes_are_in_the_tree(node: Any, world: Any) -> None:
    said = await lived(
        node,
        world,
        called("fs_list", path="/proc/self"),
        called("fs_read", path="/proc/self/status"),
        called("fs_read", path="/proc/self/journal"),
        called("fs_read", path="/proc/self/window"),
        called("fs_read", path="/proc/1/status"),
        called("fs_read", path="/proc/self/secrets"),
        called("fs_list", path="/"),
        allow=("read:/proc/self/**", "read:/"),
    )
    assert said[0].split() == ["status", "0", "window", "0", "journal", "0", "children", "0"]
    assert '"status": "calling"' in said[1] or '"status"' in said[1]
    assert "1\t{" in said[2]
    assert "Remember." in said[3]
    assert said[4].startswith("denied: ")
    assert said[5].startswith("not_found: no /proc/self/secrets")
    assert said[6] == "home/\nkv/\nmem/\nproc/"


async def test_another_process_is_given_memory_and_reads_it(node: Any, world: Any) -> None:
    world.models["m"] = Scripted([])
    async with node() as kernel:
        pid = await kernel.space("notes")
        await kernel.remember(pid, [Remembered(path="/mem/core/who", text="an archivist")])
        assert await kernel.tree.read(Pid(pid), "/mem/core/who") == "an archivist"


async def test_what_nobody_could_read_is_not_sent(node: Any, world: Any) -> None:
    """A node would end by it, and the next one, too."""
    world.models["m"] = Scripted([])
    wrong: Any = ["a list"]
    async with node() as kernel:
        pid = await kernel.space("notes")
        with pytest.raises(SysError) as caught:
            await kernel.remember(pid, [Remembered(path="/mem/core/who", text="x", subject=wrong)])
        assert caught.value.code is Code.INVALID
        await kernel.remember(pid, [Remembered(path="/mem/core/who", text="an archivist")])
        assert await kernel.tree.read(Pid(pid), "/mem/core/who") == "an archivist"
