"""Conversations in memory, by what was said in them.

    Talk                    one conversation: its process and position
    Talks.find(...)         the one that a request continues, and from which message
    Talks.stands(...)       record its present position
    Talks.of, named         the one of a process; the latest that began with a seed
    Talks.drop(talk)

Only an index: what is here can be found again in the journals.  A conversation is found by the
hash of everything said so far, so a client need not name it, and one that says something else
than before finds nothing and begins another.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from logos.abi.events import Thought
from logos.abi.ids import Pid, Seq

MOST = 20_000
"""Conversations remembered; the one used longest ago is forgotten first."""


@dataclass(slots=True)
class Talk:
    """`head` is the hash of all that was said, `answer` how the last thought ended if nothing was
    said since, with the event that began it; `asked` the hash before that answer; `seen` the last
    event heard of.  `once`: nobody will come back to it."""

    pid: Pid
    head: bytes = b""
    asked: bytes = b""
    options: bytes = b""
    answer: tuple[Seq, Thought] | None = None
    owner: str = ""
    seed: bytes = b""
    busy: bool = False
    once: bool = False
    seen: Seq = Seq(0)  # noqa: RUF009 - a number

    def stands_at(self, began: Seq) -> bool:
        """Whether the answer that began there was the last word."""
        return not self.busy and self.answer is not None and self.answer[0] == began


class Talks:
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._heads: OrderedDict[bytes, Talk] = OrderedDict()
        self._asked: dict[bytes, Talk] = {}
        self._pids: dict[Pid, Talk] = {}
        self._seeds: dict[bytes, Talk] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def find(self, chain: Sequence[bytes]) -> tuple[Talk | None, int]:
        """The one that has heard the most of it, and how many messages that is."""
        for length in range(len(chain) - 1, -1, -1):
            talk = self._heads.get(chain[length])
            if talk is None or talk.busy:
                continue
            if length < len(chain) - 1 or talk.answer is None:
                return talk, length
        return None, 0

    def answered(self, asked: bytes) -> Talk | None:
        """The one that was asked exactly this, last."""
        return self._asked.get(asked)

    def of(self, pid: Pid) -> Talk | None:
        return self._pids.get(pid)

    def named(self, seed: bytes) -> Talk | None:
        return self._seeds.get(seed)

    def stands(self, talk: Talk, head: bytes) -> None:
        self.drop(talk)
        talk.head = head
        self._heads[head] = self._pids[talk.pid] = self._seeds[talk.seed] = talk
        if talk.asked:
            self._asked[talk.asked] = talk
        while len(self._heads) > self._most:
            self.drop(next(iter(self._heads.values())))

    def drop(self, talk: Talk) -> None:
        if self._heads.get(talk.head) is talk:
            del self._heads[talk.head]
        for index, key in ((self._asked, talk.asked), (self._seeds, talk.seed)):
            if index.get(key) is talk:
                del index[key]
        self._pids.pop(talk.pid, None)
