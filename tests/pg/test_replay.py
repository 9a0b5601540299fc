"""Replay: a journal folded again gives every prompt byte for byte; what was changed is named."""

import json
from typing import Any

import anyio
import asyncpg
import msgspec
import pytest
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.agent import Agent
from logos.abi.calls import Read
from logos.abi.errors import Code, SysError
from logos.abi.events import Asked
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import ToolCall
from logos.abi.rights import EVERYTHING
from logos.drivers.model import Say, Scripted
from logos.kernel.node.replay import steps
from logos.kernel.node.request import prompt_digest
from logos.store import open_store

pytestmark = pytest.mark.anyio

AGENT = Agent(name="a", model="m", tools=("fs.read",), allow=tuple(EVERYTHING))


class Files:
    async def run(self, job: Any) -> str:
        return f"text of {job.call.path}"


def reads(path: str) -> Say:
    arguments = json.dumps({"path": path})
    return Say("", (ToolCall(id=CallId("x"), name="fs_read", arguments=arguments),))


async def worked(node: Any, world: Any) -> tuple[Pid, Scripted]:
    """A process that read two files and is gone."""
    world.drivers[Read] = Files()
    world.models["m"] = model = Scripted([reads("x"), reads("y"), "done"])
    async with node() as kernel:
        pid = await kernel.spawn(AGENT, "what do they say?")
        with anyio.fail_after(PATIENCE_S):
            await kernel.records.wait(pid)
        replayed = await kernel.records.replay(pid)
        assert replayed.equal
        assert (replayed.prompts, replayed.unrecorded) == (3, 0)
    return pid, model


async def test_what_is_replayed_is_what_the_model_was_sent(node: Any, world: Any, url: str) -> None:
    pid, model = await worked(node, world)
    async with open_store(url, config.Store()) as store:
        again = [step async for step in steps(store, pid) if isinstance(step.event, Asked)]
    bare = [msgspec.structs.replace(sent, headers={}) for sent in model.requests]  # no sender's key
    assert [step.request for step in again] == bare
    for step, sent in zip(again, bare, strict=True):
        assert isinstance(step.event, Asked)
        assert step.event.prompt == prompt_digest(sent)


async def test_a_part_is_replayed(node: Any, world: Any) -> None:
    pid, _ = await worked(node, world)
    async with node() as kernel:
        part = await kernel.records.replay(pid, Seq(5))
        assert (part.events, part.prompts, part.equal) == (5, 1, True)
        with pytest.raises(SysError) as caught:
            await kernel.records.replay(Pid(99))
        assert caught.value.code is Code.NOT_FOUND


EDIT = "UPDATE {0} SET body = convert_to(replace(convert_from(body, 'UTF8'), '{1}', '{2}'), 'UTF8')"
CHANGES = (
    (EDIT.format("journal", "text of x", "text of z") + " WHERE pid = $1", 6),
    (EDIT.format("blob", "fs_read", "fs_grab") + " WHERE $1::bigint > 0", 2),
    ("DELETE FROM blob WHERE $1::bigint > 0", 2),
    ("UPDATE process SET tokens = 7 WHERE pid = $1", 12),
)


@pytest.mark.unreplayable
@pytest.mark.parametrize(("statement", "seq"), CHANGES)
async def test_what_somebody_changed_does_not_replay(
    node: Any, world: Any, url: str, statement: str, seq: int
) -> None:
    pid, _ = await worked(node, world)
    db = await asyncpg.connect(url)
    try:
        await db.execute("SET session_replication_role = replica")  # no triggers
        await db.execute(statement, pid)
    finally:
        await db.close()
    async with node() as kernel:
        replayed = await kernel.records.replay(pid)
        assert not replayed.equal
        assert replayed.differ[0].seq == seq
