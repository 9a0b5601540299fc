"""What a prefix cache sees of a row of prompts.

    Cached(prompts)      how many tokens of each were the beginning of the one before
    sliding, middle      the prompts others make of the same conversation in the same room

Tokens are the kernel's estimate, the same for everybody.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from logos.abi.messages import Message, Role
from logos.kernel.memory import estimate, number

CACHED = 0.1
"""What a cached token costs beside another."""

Prompt = Sequence[Message]


@dataclass(frozen=True, slots=True)
class Cached:
    total: int
    kept: int
    requests: int

    @property
    def share(self) -> float:
        return self.kept / self.total

    @property
    def cost(self) -> float:
        """In full tokens."""
        return self.total - self.kept + CACHED * self.kept

    @property
    def uncached(self) -> float:
        """Tokens of a request."""
        return (self.total - self.kept) / self.requests


def measured(prompts: Iterable[Prompt], fixed: int = 0) -> Cached:
    """`fixed` tokens (of tools) stand in front of each."""
    before: Prompt = ()
    total = kept = requests = 0
    for prompt in prompts:
        total += fixed + sum(map(number, prompt))
        kept += common(before, prompt) + (fixed if before else 0)
        before, requests = prompt, requests + 1
    return Cached(total, kept, requests)


def common(a: Prompt, b: Prompt) -> int:
    """Tokens at the beginning of both: whole messages, and of the first that differs its equal part."""
    kept = 0
    for one, other in zip(a, b, strict=False):
        if one == other:
            kept += number(one)
            continue
        if one.role is other.role:
            kept += estimate(_beginning(_text(one), _text(other)))
        break
    return kept


def _beginning(a: str, b: str) -> str:
    equal = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))
    return a[: sum(1 for _ in equal)]


def _text(message: Message) -> str:
    return msgspec.json.encode(message.content).decode()


def sliding(whole: Sequence[Prompt], room: int) -> list[list[Message]]:
    """The system text, and the newest turns that fit."""
    return [[whole_[0], *_newest(_turns(whole_[1:]), room - number(whole_[0]))] for whole_ in whole]


def middle(whole: Sequence[Prompt], room: int) -> list[list[Message]]:
    """The oldest turns in one half of the room, the newest in the other."""
    out = []
    for prompt in whole:
        left = room - number(prompt[0])
        turns = _turns(prompt[1:])
        if sum(map(number, prompt[1:])) <= left:
            out.append(list(prompt))
            continue
        first = _oldest(turns, left // 2)
        out.append([prompt[0], *first, *_newest(_turns(prompt[1 + len(first) :]), left // 2)])
    return out


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    """A call and its answers are one."""
    turns: list[list[Message]] = []
    for message in messages:
        if message.role is Role.TOOL and turns:
            turns[-1].append(message)
        else:
            turns.append([message])
    return turns


def _newest(turns: Sequence[Sequence[Message]], room: int) -> list[Message]:
    return [message for turn in _fit(turns[::-1], room)[::-1] for message in turn]


def _oldest(turns: Sequence[Sequence[Message]], room: int) -> list[Message]:
    return [message for turn in _fit(turns, room) for message in turn]


def _fit(turns: Sequence[Sequence[Message]], room: int) -> list[Sequence[Message]]:
    out: list[Sequence[Message]] = []
    for turn in turns:
        room -= sum(map(number, turn))
        if room < 0:
            break
        out.append(turn)
    return out
