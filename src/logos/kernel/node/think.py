"""One thought: fit the window, reserve, ask, settle.

    Thinker.think(resident)   journal Asked, then Thought or Interrupted

What a thought can cost at most is set aside before it starts and settled when it ends, so a
budget is never overdrawn, however many processes share it.  A signal cancels the scope in
`resident.thought` after it has journaled why.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import msgspec

from logos.abi.driver import Model, Profile
from logos.abi.errors import Code, SysError
from logos.abi.events import Asked, Interrupted, Thought
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import (
    AnyDelta,
    AnyPart,
    Finished,
    Message,
    Request,
    ToolCall,
    Usage,
    gather,
)
from logos.abi.process import Process
from logos.kernel.journal import Batch
from logos.kernel.node.request import assemble, kept, prompt_digest
from logos.kernel.node.resident import Resident
from logos.kernel.process import SECOND, exit_for, left, overdrawn
from logos.kernel.sched import Slots
from logos.kernel.syscall import Gate

log = logging.getLogger("logos.kernel")

Models: TypeAlias = Callable[[str], Awaitable[Model]]
"""A model by name.  Raise SysError `not_found` or what its driver says."""

Listener: TypeAlias = Callable[[Pid, Seq, AnyDelta], None]
"""Told of each delta of a process, and of the event that began the thought."""

EFFECTIVE_WINDOW = 0.65
"""Of the advertised window: beyond it most models miss what is in front of them (RULER)."""

LEAST_OUTPUT = 64
"""Tokens.  With less left a thought isn't worth its prompt."""

MOST_FAILURES = 6
"""Thoughts that failed in a row, each after its driver's own retries."""

FATAL = frozenset({Code.INVALID, Code.NOT_FOUND, Code.UNAUTHENTICATED, Code.CONTEXT, Code.DENIED})
"""Asking again would not help."""


class Thinker:
    def __init__(self, models: Models, slots: Slots, gate: Gate, listener: Listener) -> None:
        self._models = models
        self._slots = slots
        self._gate = gate
        self._listener = listener
        self._recorded: dict[bytes, Batch] = {}  # by digest: how these tools came to disk

    async def think(self, resident: Resident) -> None:
        process = resident.process
        if (spent := overdrawn(process, resident.clock.now())) is not None:
            resident.append(exit_for(spent, process.answer))
            return
        try:
            model = await self._models(process.agent.model)
            if resident.process is not process:
                return  # something arrived meanwhile: its program decides anew
            request, asked = self._prepare(resident, model)
        except SysError as error:
            if resident.process is process:
                resident.append(exit_for(error))
            return
        self._record(asked, request, resident)
        began = resident.head.seq
        heard: list[AnyDelta] = []
        with anyio.CancelScope() as scope:
            resident.thought = scope
            try:
                pause = int(_pause_s(process.failures) * SECOND)
                await resident.clock.sleep_until(resident.clock.now() + pause)
                async with self._slots.slot(model):
                    await self._ask((resident.pid, began), model, request, heard)
                thought = _thought(heard, process.thoughts + 1)
            except SysError as error:
                _settle_failure(resident, error, heard)
                return
            except Exception as error:  # why: a bug in one driver must not take the node down
                log.exception("bug in the driver of %s", request.model)
                message = f"a bug in its driver: {type(error).__name__}: {error}"
                _settle_failure(resident, SysError(Code.INTERNAL, message), heard)
                return
            finally:
                resident.thought = None
            if resident.process.reserved is not None:  # else a signal has just settled it
                await resident.append(thought).durable(resident.pid)

    def _prepare(self, resident: Resident, model: Model) -> tuple[Request, Asked]:
        process, window, profile = resident.process, resident.window, model.profile
        output = min(process.agent.max_output, profile.max_output, profile.window // 4)
        room = int(profile.window * EFFECTIVE_WINDOW) - output
        window.fit(room)
        tools = self._gate.tools(process.agent)
        request = assemble(process, window, tools, output)
        prompt = model.count(request)
        output = _affordable(process, profile, prompt, output)
        request = msgspec.structs.replace(request, max_output=output)
        asked = Asked(
            model=profile.name,
            tokens=prompt + output,
            cost=prompt * profile.price.input + output * profile.price.output,
            room=room,
            prompt=prompt_digest(request),
            tools=hashlib.sha256(kept(tools)).digest(),
            output=output,
        )
        return request, asked

    def _record(self, asked: Asked, request: Request, resident: Resident) -> None:
        """With the tools of this thought, unless this node is sure to have kept them before."""
        batch = self._recorded.get(asked.tools)
        if batch is not None and batch.done.is_set() and batch.error is None:
            resident.append(asked)
        else:
            self._recorded[asked.tools] = resident.append(asked, blobs=[kept(request.tools)])

    async def _ask(
        self, whose: tuple[Pid, Seq], model: Model, request: Request, heard: list[AnyDelta]
    ) -> None:
        async for delta in model.think(request):
            heard.append(delta)
            self._listener(*whose, delta)


def _thought(heard: list[AnyDelta], number: int) -> Thought:
    message, finished = gather(heard)
    if finished is None:
        raise SysError(Code.MODEL, "the answer ended in the middle", hint="it is asked again")
    thought = Thought(
        message=_numbered(message, number), usage=finished.usage, finish=finished.reason
    )
    msgspec.json.encode(thought)  # raises for text that is no Unicode: better here than later
    return thought


def _affordable(process: Process, profile: Profile, prompt: int, output: int) -> int:
    """How many tokens of answer the budget still pays for.  Raise `budget` for too few."""
    rest, least = left(process), min(LEAST_OUTPUT, output)
    if rest.tokens is not None:
        output = min(output, rest.tokens - prompt)
    if rest.cost is not None and profile.price.output:
        affordable = (rest.cost - prompt * profile.price.input) // profile.price.output
        output = min(output, affordable)
    if output < least:
        raise SysError(
            Code.BUDGET,
            f"what is left does not pay for another thought (its prompt has {prompt} tokens)",
            hint="start it with more",
        )
    return output


def _numbered(message: Message, number: int) -> Message:
    """Providers' call ids repeat; ours are unique in the process: thought and place."""
    parts: list[AnyPart] = []
    for part in message.content:
        if isinstance(part, ToolCall):
            n = sum(isinstance(p, ToolCall) for p in parts)
            parts.append(msgspec.structs.replace(part, id=CallId(f"c{number}_{n}")))
        else:
            parts.append(part)
    return Message(role=message.role, content=tuple(parts))


def _settle_failure(resident: Resident, error: SysError, heard: list[AnyDelta]) -> None:
    """An error of the driver.  If nothing came back nothing is charged; half an answer costs
    nobody knows how much."""
    if (held := resident.process.reserved) is None:
        return  # a signal has just settled it
    finished = [d.usage for d in heard if isinstance(d, Finished)]
    charged = Usage(input=held.tokens, cost=held.cost) if heard else Usage()
    interrupted = Interrupted(
        code=error.code,
        message=f"{error.message} {error.hint}".strip(),
        charged=finished[-1] if finished else charged,
    )
    if error.code in FATAL or resident.process.failures + 1 >= MOST_FAILURES:
        resident.append(interrupted, exit_for(error))
    else:
        resident.append(interrupted)


def _pause_s(failures: int) -> float:
    return 0.0 if not failures else min(2.0 ** (failures - 1) * 0.5, 30.0)
