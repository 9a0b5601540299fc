"""Preparing a thought: what memory pages in, what leaves the window, and the resulting request.

    Fitter.fit(resident, model)   journal PagedIn and Compacted as needed -> Fitted

Policies decide and the journal records their decisions; the window only folds them.  Nothing here
depends on the length of a history: a search reads its index, a compaction the window.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import anyio.to_thread
import msgspec

from logos.abi.agent import Recalls
from logos.abi.driver import Model, Price, Profile
from logos.abi.errors import Code, SysError
from logos.abi.events import Compacted
from logos.abi.ids import Pid
from logos.abi.messages import Request, ToolSpec
from logos.abi.process import Process
from logos.kernel.memory import (
    Window,
    ask_for,
    estimate,
    marks,
    number,
    paged_in,
    plan,
    tail,
)
from logos.kernel.node.compact import Compactor, Faults
from logos.kernel.node.request import assemble
from logos.kernel.node.resident import Resident

TRIES = 4
"""Compactions for one thought: the estimate may be further off after one than before."""

USUAL = Price(input=10, cached=1)
"""The usual price ratio of cached tokens to others, where none is known."""

LEAST_GROWTH = 50
"""Tokens that a request is assumed to add, at least."""


Expect: TypeAlias = Callable[[Pid], object]
"""Announces that memory of this process will be asked soon."""


class Fitted(NamedTuple):
    """`prompt` is the counted size of the request, `estimated` its estimated size, `room` the most
    it may have."""

    request: Request
    prompt: int
    estimated: int
    room: int
    tail: str


class Fitter:
    def __init__(self, faults: Faults, compactor: Compactor, expect: Expect) -> None:
        self._faults = faults
        self._expect = expect
        self.compactor = compactor
        self._tools: tuple[Sequence[ToolSpec], int] = ((), 0)

    async def fit(
        self, resident: Resident, model: Model, tools: Sequence[ToolSpec], output: int
    ) -> Fitted | None:
        """None: something arrived meanwhile.  Raise `context` when what must stay does not fit."""
        room = int(model.profile.window * model.profile.effective) - output
        if not await self._page_in(resident, room):
            return None
        fitted = self._count(resident, model, tools, output, room)
        for attempt in range(TRIES):
            if fitted.prompt <= room:
                break
            if not await self._compact(resident, model.profile, fitted, attempt):
                return None
            fitted = self._count(resident, model, tools, output, room)
        if fitted.prompt <= room:
            return fitted
        raise _too_long(fitted, "unpin pages, or take a model with a larger window")

    def whole(
        self, resident: Resident, model: Model, tools: Sequence[ToolSpec], output: int
    ) -> Fitted:
        """The whole window, for a client that wants no paging.  Raise `context` when it does not
        fit."""
        fitted = self._count(resident, model, tools, output, model.profile.window - output)
        if fitted.prompt > fitted.room:
            raise _too_long(fitted, "send less, or leave out the header that switches memory off")
        return fitted

    async def _page_in(self, resident: Resident, room: int) -> bool:
        process = resident.process
        results = process.agent.recalls is Recalls.RESULTS
        question = ask_for(resident.window, room, results=results)
        if question is None:
            return True
        fault = await self._faults(resident.pid, question.text, question.ask)
        if resident.process is not process:
            return False
        event = paged_in(resident.window, question.text, question.fitting(fault))
        if event is not None:
            resident.append(event)
        return True

    def _count(
        self, resident: Resident, model: Model, tools: Sequence[ToolSpec], output: int, room: int
    ) -> Fitted:
        """Counted by the model; if that is an estimate, at least what its past answers taught
        us."""
        window = resident.window
        options = resident.process.options
        # a client's prompt is not extended
        last = "" if options else tail(window, resident.process)
        request = assemble(resident.process, window, tools, output, last)
        system = sum(map(number, options.system)) if options else 0
        estimated = window.total + system + self._tool_tokens(tools) + estimate(last)
        prompt = model.count(request)
        if not model.profile.exact_count:
            prompt = max(prompt, math.ceil(estimated * window.ratio))
        return Fitted(request, prompt, estimated, room, last)

    def _tool_tokens(self, tools: Sequence[ToolSpec]) -> int:
        if self._tools[0] != tools:
            size = sum(estimate(msgspec.json.encode(tool).decode()) for tool in tools)
            self._tools = (tools, size)
        return self._tools[1]

    async def _compact(
        self, resident: Resident, profile: Profile, fitted: Fitted, attempt: int
    ) -> bool:
        """False: something arrived meanwhile."""
        window, process = resident.window, resident.process
        price = profile.price if profile.price.input else USUAL
        factor = fitted.prompt / max(fitted.estimated, 1) * (1 + attempt / 10)
        found = marks(
            fitted.room,
            uncached=price.input,
            cached=price.cached or price.input / 10,
            growth=max(int(window.growth * factor), LEAST_GROWTH),
        )
        beside = fitted.estimated - window.total
        goal, most = (int(size / factor) - beside for size in (found.low, found.high))
        event = await _planned(window, goal, most)
        if resident.process is process:
            event = await self.compactor.told(resident, window, event, most)
        if resident.process is not process:
            return False
        resident.append(event)
        if _asks(process):
            self._expect(resident.pid)  # what has left is indexed while the model thinks
        if event.usage.tokens:
            await self.compactor.settle(resident)
        return True


def _asks(process: Process) -> bool:
    """Will it be told more, or do its results search memory?  If not, nobody needs an index of what
    left."""
    agent = process.agent
    talks = process.options is not None or agent.resident or len(process.said) > 1
    return talks or agent.recalls is Recalls.RESULTS


def _too_long(fitted: Fitted, hint: str) -> SysError:
    said = f"the prompt has {fitted.prompt} tokens and its room is {fitted.room}"
    return SysError(Code.CONTEXT, said, hint=hint)


async def _planned(window: Window, goal: int, most: int) -> Compacted:
    return await anyio.to_thread.run_sync(lambda: plan(window, goal=goal, room=most))
