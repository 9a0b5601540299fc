"""What was said before: conversations from their journals.

    Past.upto(client, pid, seq)       the messages up to the answer that began there
    Past.thought(client, pid, seq)    that answer, and what was asked for
    Past.items(client, pid)           every message, with its event
    Past.talks(client)                where the client's latest conversations stand

Only the client's own are found.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

from logos.abi.errors import Code, SysError
from logos.abi.events import Asked, Spawned, Thought, Told
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Message, Options
from logos.gateway.access import agent_name
from logos.gateway.prefix import extend
from logos.gateway.talks import Talk
from logos.kernel import Kernel

LATEST = 200
"""Conversations of one client that are looked for after a restart."""


class Answered(NamedTuple):
    """`at` in microseconds."""

    thought: Thought
    options: Options
    at: int


class Past:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def items(self, client: str, pid: Pid) -> AsyncIterator[tuple[Seq, Message]]:
        """An answer by the event that began it.  Raise `not_found`."""
        began, known = Seq(0), False
        async for told in self._kernel.records.events(pid):
            match told.event:
                case Spawned(agent=agent):
                    known = agent.name == agent_name(client)
                    if not known:
                        break
                case Told(messages=messages):
                    for message in messages:
                        yield told.row.seq, message
                case Asked():
                    began = told.row.seq
                case Thought(message=message):
                    yield began, message
                case _:
                    pass
        if not known:
            raise SysError(Code.NOT_FOUND, f"there is no conversation {pid}")

    async def upto(self, client: str, pid: Pid, seq: Seq) -> list[Message]:
        found: list[Message] = []
        async for began, message in self.items(client, pid):
            found.append(message)
            if began == seq:
                return found
        raise SysError(Code.NOT_FOUND, "there is no such response")

    async def thought(self, client: str, pid: Pid, seq: Seq) -> Answered:
        began, options, mine = Seq(0), Options(), False
        async for told in self._kernel.records.events(pid):
            match told.event:
                case Spawned(agent=agent):
                    mine = agent.name == agent_name(client)
                case Told(options=Options() as given):
                    options = given
                case Asked():
                    began = told.row.seq
                case Thought() as thought if mine and began == seq:
                    return Answered(thought, options, told.row.at)
                case _:
                    pass
        raise SysError(Code.NOT_FOUND, "there is no such response")

    async def talks(self, client: str) -> list[Talk]:
        """The oldest first, so that the latest wins; also those that have ended."""
        listed = await self._kernel.records.list(everyone=True)
        mine = [one.pid for one in listed if one.agent == agent_name(client)]
        found = [await self._talk(pid) for pid in mine[-LATEST:]]
        return [talk for talk in found if not talk.once]

    async def _talk(self, pid: Pid) -> Talk:
        talk, began = Talk(pid), Seq(0)
        async for told in self._kernel.records.events(pid):
            talk.seen = told.row.seq
            match told.event:
                case Spawned(agent=agent):
                    talk.seed = talk.head = bytes.fromhex(agent.description)
                    talk.once = not agent.resident
                case Told(messages=messages):
                    talk.answer = None
                    for message in messages:
                        talk.head = extend(talk.head, message)
                    talk.asked = talk.head
                case Asked():
                    began = told.row.seq
                case Thought() as thought:
                    talk.answer = (began, thought)
                    talk.head = extend(talk.asked, thought.message)
                case _:
                    pass
        return talk
