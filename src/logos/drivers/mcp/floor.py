"""Whose a server's question is, on a connection that carries the calls of many.

    Floor.speaking(asked)    held by each call that may be asked something
    Floor.put(question)      the server asks: it goes to the call it must be of

A program's streams do not say in which call a question came up.  It is of the only call that is
under way without a question of its own; while there are several it waits for the others to end.
After its first question a server gets one such call at a time.

Invariant: a question that could be of two calls is put to neither.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio

from logos.abi.errors import SysError
from logos.drivers.mcp.wire import Asked, Question

CANCEL = {"action": "cancel"}


@dataclass(slots=True, eq=False)
class _Speaker:
    """`waits`: for answers to so many questions.  `turn`: it holds the only turn."""

    asked: Asked
    waits: int = 0
    turn: bool = False


class Floor:
    def __init__(self) -> None:
        self._speakers: list[_Speaker] = []
        self._unplaced: list[Question] = []
        self._asks = False
        self._turn = anyio.Semaphore(1)

    @asynccontextmanager
    async def speaking(self, asked: Asked | None) -> AsyncGenerator[None]:
        if asked is None:
            yield
            return
        speaker = _Speaker(asked)
        await self._take(speaker)
        self._speakers.append(speaker)
        try:
            yield
        finally:
            self._speakers.remove(speaker)
            self._give(speaker)
            with suppress(SysError), anyio.move_on_after(1, shield=True):
                await self._place()

    async def put(self, question: Question) -> None:
        self._asks = True
        self._unplaced.append(question)
        await self._place()

    async def _place(self) -> None:
        free = [speaker for speaker in self._speakers if not speaker.waits]
        known = free if len(free) == 1 else self._speakers
        if len(known) == 1:
            for question in self._unplaced:
                self._hand(known[0], question)
        elif len(self._unplaced) < len(free):
            return  # some of them end, and who is left has asked
        else:
            for question in self._unplaced:
                await question.answer(CANCEL)
        self._unplaced = []

    def _hand(self, speaker: _Speaker, question: Question) -> None:
        speaker.waits += 1
        self._give(speaker)

        async def answer(said: Mapping[str, Any]) -> None:
            if speaker in self._speakers:
                await self._take(speaker)
            speaker.waits -= 1
            await question.answer(said)

        speaker.asked(Question(question.params, answer))

    async def _take(self, speaker: _Speaker) -> None:
        if self._asks and not speaker.turn:
            await self._turn.acquire()
            speaker.turn = True

    def _give(self, speaker: _Speaker) -> None:
        if speaker.turn:
            speaker.turn = False
            self._turn.release()
