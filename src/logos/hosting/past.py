"""What the program of one process has asked and been answered, over all of its runs.

    Past.learn(seq, event)    from its journal
    Past.begin()              a new run, which has repeated nothing yet
    Past.take(digest)         this run asks it once more: which of the equal ones it is
    Past.give_back(taken)     whoever asked did not wait for the answer, and will ask again
    Past.answer(taken)        the answer to this request, if it was asked before
    Past.call(taken)          the same for a call of a tool
    Past.resumed              a node died meanwhile: an answer may be in a conversation's journal only
    Past.left                 how much was asked before and has not been repeated
    digest_of(...)            what makes two requests the same

The n-th time a run asks the same it gets the n-th answer, in whatever order it asks.
"""

import hashlib
from itertools import count
from typing import Any, NamedTuple

import anyio
import msgspec

from logos.abi.calls import Exec, tool_name
from logos.abi.events import Answered, AnyEvent, Failed, Proposed, Returned
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.hosting.flight import Flight

VOLATILE = frozenset(
    {"client_metadata", "metadata", "prompt_cache_key", "safety_identifier", "user"}
)
"""Fields of a request that name the run and not what is asked."""

EXEC = tool_name(Exec)


def digest_of(path: str, body: bytes) -> bytes:
    """Raise msgspec.DecodeError for what is no JSON."""
    said: Any = msgspec.json.decode(body)
    if isinstance(said, dict):
        said = {name: value for name, value in said.items() if name not in VOLATILE}
    canonical = msgspec.json.encode(said, order="sorted")
    return hashlib.sha256(path.encode() + b"\0" + canonical).digest()


def digest_of_call(name: str, arguments: str) -> bytes:
    return digest_of(name, arguments.encode() or b"{}")


class Taken(NamedTuple):
    """`number`: how many equal ones come before it.  `turn` is nobody else's."""

    digest: bytes
    number: int
    turn: int


class Past:
    def __init__(self) -> None:
        self.answers: dict[bytes, list[Flight]] = {}
        self.calls: dict[bytes, list[CallId]] = {}
        self.outcomes: dict[CallId, Returned | Failed] = {}
        self.proposed = 0
        self.diverged = False
        self.resumed = False
        self._taken: dict[bytes, dict[int, int]] = {}  # numbers by turn, of this run
        self._turns = count(1)
        self._changed = anyio.Event()

    def learn(self, event: AnyEvent) -> None:
        match event:
            case Answered():
                self.answers.setdefault(event.request, []).append(Flight.known(event))
            case Proposed(calls=calls):
                for call in calls:
                    self.learn_call(call)
            case Returned() | Failed():
                self.settle(event)
            case _:
                pass

    def learn_call(self, call: ToolCall) -> None:
        if call.name == EXEC:
            return
        digest = digest_of_call(call.name, call.arguments)
        known = self.calls.setdefault(digest, [])
        if call.id not in known:
            known.append(call.id)
            self.proposed += 1

    def begin(self) -> None:
        self._taken.clear()
        self.diverged = False
        self._change()

    def diverge(self) -> bool:
        """Whether this is the first time in this run."""
        first, self.diverged = not self.diverged, True
        return first

    @property
    def left(self) -> int:
        asked = {digest: len(known) for digest, known in self.answers.items()}
        asked |= {digest: len(known) for digest, known in self.calls.items()}
        return sum(
            times - sum(number < times for number in self._taken.get(digest, {}).values())
            for digest, times in asked.items()
        )

    def take(self, digest: bytes) -> Taken:
        """The first of the equal ones that this run has not taken."""
        mine = self._taken.setdefault(digest, {})
        number = next(n for n in range(len(mine) + 1) if n not in mine.values())
        taken = Taken(digest, number, next(self._turns))
        mine[taken.turn] = number
        self._change()
        return taken

    def give_back(self, taken: Taken) -> None:
        """Given back again, or after its run, it is somebody else's."""
        self._taken.get(taken.digest, {}).pop(taken.turn, None)

    def answer(self, taken: Taken) -> Flight | None:
        known = self.answers.get(taken.digest, ())
        return known[taken.number] if taken.number < len(known) else None

    def call(self, taken: Taken) -> CallId | None:
        known = self.calls.get(taken.digest, ())
        return known[taken.number] if taken.number < len(known) else None

    def forget(self, digest: bytes, flight: Flight) -> None:
        """It was no answer."""
        self._drop(digest, self.answers[digest].index(flight))
        self.answers[digest].remove(flight)

    def forget_call(self, digest: bytes, id_: CallId) -> None:
        """It was never made."""
        self._drop(digest, self.calls[digest].index(id_))
        self.calls[digest].remove(id_)

    def _drop(self, digest: bytes, gone: int) -> None:
        """Those after it move up."""
        mine = self._taken.get(digest, {})
        self._taken[digest] = {turn: n - (n > gone) for turn, n in mine.items() if n != gone}

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def repeated(self) -> None:
        """Return when nothing is left."""
        while self.left:
            await self._changed.wait()

    def settle(self, outcome: Returned | Failed) -> None:
        self.outcomes[outcome.id] = outcome
        self._change()

    async def outcome(self, id_: CallId) -> Returned | Failed:
        while id_ not in self.outcomes:
            await self._changed.wait()
        return self.outcomes[id_]
