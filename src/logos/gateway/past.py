"""What was said before: conversations from their journals.

    Past.said(client, pid)            every message that was not deleted, with its event
    Past.upto(client, pid, seq)       the messages up to the answer that began there
    Past.thought(client, pid, seq)    that answer, and what was asked for
    Past.answer(client, pid, seq)     the same, or that it does not exist
    Past.filed(client, pid)           what a conversation is filed under, and since when
    Past.talks(client)                where the client's latest conversations stand
    Past.talk(client, pid)            where this one stands

Only a client's own conversations are found, and nothing that it has deleted.
"""

from typing import NamedTuple

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Asked, Exited, Forgot, Interrupted, Spawned, Thought, Told
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Message, Options
from logos.gateway.access import agent_name
from logos.gateway.faults import absent
from logos.gateway.prefix import extend
from logos.gateway.talks import Talk
from logos.kernel import Kernel

LATEST = 200
"""Conversations of one client that are looked for after a restart."""

DELETED = "a client deleted the conversation"
"""Why all that was said in one is forgotten."""


class Answered(NamedTuple):
    """`page` is the event that has the answer, `at` its time in microseconds."""

    page: Seq
    thought: Thought
    options: Options
    at: int


class Open(NamedTuple):
    """An answer that is not there: `broken` says why it never will be, None that it may come."""

    options: Options
    at: int
    broken: Interrupted | Exited | None = None


class Filed(NamedTuple):
    """`at` in microseconds."""

    metadata: dict[str, str]
    at: int


class _Line(NamedTuple):
    seq: Seq
    at: int
    event: AnyEvent


def _left(lines: list[_Line], gone: set[Seq]) -> list[_Line]:
    """Without what was forgotten.  Where that is an answer, nobody was asked for it, either."""
    left: list[_Line] = []
    asked = 0
    for line in lines:
        if isinstance(line.event, Asked):
            asked = len(left)
        if line.seq not in gone:
            left.append(line)
        elif isinstance(line.event, Thought):
            del left[asked : asked + 1]
    return left


class Past:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def _journal(self, client: str, pid: Pid) -> list[_Line]:
        """Raise `not_found`."""
        lines: list[_Line] = []
        gone: set[Seq] = set()
        async for told in self._kernel.records.events(pid):
            match told.event:
                case Spawned(agent=agent) if agent.name != agent_name(client):
                    break
                case Forgot(reason=reason) if reason == DELETED:
                    lines.clear()
                    break
                case Forgot(pages=pages):
                    gone.update(pages)
                case event:
                    lines.append(_Line(told.row.seq, told.row.at, event))
        if not lines:
            raise absent("conversation", pid)
        return _left(lines, gone)

    async def said(self, client: str, pid: Pid) -> list[tuple[Seq, Message]]:
        """An answer by the event that began it.  Raise `not_found`."""
        began, found = Seq(0), []
        for line in await self._journal(client, pid):
            match line.event:
                case Told(messages=messages):
                    found += [(line.seq, message) for message in messages]
                case Asked():
                    began = line.seq
                case Thought(message=message):
                    found.append((began, message))
                case _:
                    pass
        return found

    async def upto(self, client: str, pid: Pid, seq: Seq) -> list[Message]:
        said = await self.said(client, pid)
        places = [n for n, (began, _) in enumerate(said) if began == seq]
        if not places:
            raise absent("response", f"resp_{pid}_{seq}")
        return [message for _, message in said[: places[-1] + 1]]

    async def thought(self, client: str, pid: Pid, seq: Seq) -> Answered:
        """Raise `not_found` for one that is not there yet, too."""
        found = await self.answer(client, pid, seq)
        if isinstance(found, Answered):
            return found
        raise absent("response", f"resp_{pid}_{seq}")

    async def answer(self, client: str, pid: Pid, seq: Seq) -> Answered | Open:
        """A thought that was lost with its node is had again, and is the same answer."""
        began, options, lost = Seq(0), Options(), False
        found: Open | None = None
        for line in await self._journal(client, pid):
            match line.event:
                case Told(options=Options() as given):
                    options = given
                case Asked():
                    began = seq if lost and found else line.seq
                    if began == seq:
                        found, lost = Open(options, line.at), False
                case Thought() as thought if began == seq:
                    return Answered(line.seq, thought, options, line.at)
                case Interrupted() as broken if began == seq and found:
                    lost = broken.lost
                    if not lost:
                        return found._replace(broken=broken)
                case Exited() as exited if began == seq and found:
                    return found._replace(broken=exited)
                case _:
                    pass
        if found is None:
            raise absent("response", f"resp_{pid}_{seq}")
        return found

    async def filed(self, client: str, pid: Pid) -> Filed:
        lines = await self._journal(client, pid)
        given = [one.event.metadata for one in lines if isinstance(one.event, Told)]
        metadata = [one for one in given if one is not None]
        return Filed(metadata[-1] if metadata else {}, lines[0].at)

    async def talks(self, client: str) -> list[Talk]:
        """The oldest first, so that the latest wins; also those that have ended."""
        listed = await self._kernel.records.list(everyone=True)
        mine = [one.pid for one in listed if one.agent == agent_name(client)]
        found = [await self.talk(client, pid) for pid in mine[-LATEST:]]
        return [talk for talk in found if talk is not None and not talk.once]

    async def talk(self, client: str, pid: Pid) -> Talk | None:
        """None: it is not the client's, or deleted."""
        talk, began = Talk(pid), Seq(0)
        try:
            lines = await self._journal(client, pid)
        except SysError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return None
        for line in lines:
            talk.seen = line.seq
            match line.event:
                case Spawned(agent=agent):
                    talk.seed = talk.head = bytes.fromhex(agent.description)
                    talk.once = not agent.resident
                case Told(messages=messages, metadata=None):
                    talk.answer = None
                    for message in messages:
                        talk.head = extend(talk.head, message)
                    talk.asked = talk.head
                case Asked():
                    began = line.seq
                case Thought() as thought:
                    talk.answer = (began, thought)
                    talk.head = extend(talk.asked, thought.message)
                case _:
                    pass
        return talk
