"""One thought: fit the window, reserve, ask, settle.

    Thinker.think(resident)   journal Asked, then Thought or Interrupted

The most a thought can cost is reserved before it starts and settled when it ends, so a budget is
never overdrawn, however many processes share it.  A signal cancels the scope in `resident.thought`
after the reason has been journaled.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import anyio
import msgspec

from logos.abi.driver import Model, Price
from logos.abi.errors import Code, SysError
from logos.abi.events import Asked, Exited, Interrupted, Paced, Thought
from logos.abi.ids import Pid, Seq
from logos.abi.messages import (
    AnyDelta,
    CallDelta,
    Finished,
    Options,
    Request,
    ToolSpec,
    Usage,
    gather,
)
from logos.abi.process import Process
from logos.kernel.journal import Batch, Pending
from logos.kernel.memory import estimate
from logos.kernel.node.accounts import Accounts, Wish
from logos.kernel.node.asked import Models
from logos.kernel.node.fit import Fitted, Fitter
from logos.kernel.node.hearing import Cleaned
from logos.kernel.node.meter import Meter
from logos.kernel.node.request import kept, keyed, prompt_digest, tools_of
from logos.kernel.node.resident import Resident
from logos.kernel.process import SECOND, affordable, exit_for, left
from logos.kernel.sched import Slots
from logos.kernel.syscall import Gate
from logos.vault import Vault

log = logging.getLogger("logos.kernel")

Listener: TypeAlias = Callable[[Pid, Seq, AnyDelta], None]
"""Called with each delta of a process, and the event that began the thought."""

UNBELIEVABLE = 20
"""More tokens than this by our count for each token the provider reports are not believed: no
tokens are that long."""

MOST_FAILURES = 6
"""Consecutive thoughts that failed, each after its driver's own retries."""

FATAL = frozenset({Code.INVALID, Code.NOT_FOUND, Code.UNAUTHENTICATED, Code.CONTEXT, Code.DENIED})
"""Errors after which asking again would not help."""


class Shared(NamedTuple):
    """What all thoughts share."""

    slots: Slots
    accounts: Accounts
    meter: Meter


class Thinker:
    def __init__(
        self, models: Models, shared: Shared, gate: Gate, fitter: Fitter, listener: Listener
    ) -> None:
        self._models = models
        self._fitter = fitter
        self._slots, self._accounts, self._meter = shared
        self._gate = gate
        self._listener = listener
        self._recorded: dict[bytes, Batch] = {}  # by digest: the batch that stores these tools

    async def obey(self, resident: Resident, letter: Pending) -> None:
        """A letter may ask for its window to be compacted."""
        await self._fitter.compactor.obey(resident, letter)

    async def think(self, resident: Resident) -> None:
        process = resident.process
        if await self._refused(resident):
            return
        try:
            options = process.options
            model = await self._models(options.model if options else process.agent.model)
            if resident.process is not process:
                return  # something arrived meanwhile: its program decides again
            prepared = await self._prepare(resident, model)
        except SysError as error:
            if not resident.process.stopped and resident.process.exit_status is None:
                resident.append(_refusal(process, error))
            return
        if prepared is None:
            return
        await self._ask(resident, model, *prepared)
        await self._accounts.settle(resident.pid, resident.process)

    async def _ask(self, resident: Resident, model: Model, request: Request, asked: Asked) -> None:
        process = resident.process
        self._record(asked, request, resident)
        request = keyed(request, asked.prompt, resident.pid, process)
        began = resident.head.seq
        heard: list[AnyDelta] = []
        numbers = _Numbers(resident.pid, process)
        tell = Cleaned(resident.writer.vault, partial(self._listener, resident.pid, began))
        with anyio.CancelScope() as scope:
            resident.thought = scope
            try:
                pause = int(_pause_s(process.failures) * SECOND)
                await resident.clock.sleep_until(resident.clock.now() + pause)
                async with self._slots.slot(model):
                    async for delta in model.think(request):
                        numbered = numbers(delta)
                        heard.append(numbered)
                        tell(numbered)
                thought = _at_least(_thought(heard), asked, model.profile.price)
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
                await _settle(resident, thought)

    async def _refused(self, resident: Resident) -> bool:
        """Too much was spent recently: a client gets an error, an agent waits."""
        process = resident.process
        refusal = await self._meter.refusal(resident.pid, resident.clock.now())
        if resident.process is not process:
            return True  # something arrived meanwhile: its program decides again
        if refusal is None:
            return False
        if process.options is not None:
            wait = (refusal.until - resident.clock.now()) / SECOND
            resident.append(
                Interrupted(code=Code.LIMIT, message=refusal.text, again_s=round(wait, 3))
            )
        else:
            resident.append(Paced(why=refusal.text, paused_until=refusal.until))
        return True

    async def _prepare(self, resident: Resident, model: Model) -> tuple[Request, Asked] | None:
        """None: something arrived meanwhile."""
        process, profile = resident.process, model.profile
        options = process.options
        offered = options.tools if options else self._gate.tools(process.agent)
        tools = _without_secrets(resident.writer.vault, offered)
        wanted = process.agent.max_output if options is None else options.max_output
        most = min(profile.max_output, profile.window // 4)
        output = min(wanted or most, most)
        if options is not None:
            _overhead(model, options, output)
        fitted: Fitted | None
        if options is not None and options.bare:
            fitted = self._fitter.whole(resident, model, tools, output)
        else:
            fitted = await self._fitter.fit(resident, model, tools, output)
        if fitted is None:
            return None
        prompt = fitted.prompt
        output = affordable(left(process), profile.price, prompt, output)
        if process.accounts:
            wish = Wish(profile.price, prompt, output)
            while (paid := await self._accounts.hold(resident.pid, process, wish)) is None:
                await self._accounts.wait()
                if resident.process is not process:
                    return None
            if resident.process is not process:
                await self._accounts.settle(resident.pid, process)
                return None
            output = paid
        request = msgspec.structs.replace(fitted.request, max_output=output)
        asked = Asked(
            model=profile.name,
            tokens=prompt + output,
            cost=prompt * profile.price.input + output * profile.price.output,
            room=fitted.room,
            estimated=fitted.estimated,
            tail=fitted.tail,
            prompt=prompt_digest(request),
            tools=hashlib.sha256(kept(tools)).digest(),
            output=output,
        )
        return request, asked

    def _record(self, asked: Asked, request: Request, resident: Resident) -> None:
        """Store the tools of this thought too, unless this node has certainly stored them
        before."""
        batch = self._recorded.get(asked.tools)
        if batch is not None and batch.done.is_set() and batch.error is None:
            resident.append(asked)
        else:
            self._recorded[asked.tools] = resident.append(asked, blobs=[kept(request.tools)])


def _without_secrets(vault: Vault, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
    """A tool's own description may reveal what its server was given."""
    if not vault.knows:
        return tools
    data = kept(tools)
    cleaned = vault.clean(data)
    return tools if cleaned is data else tools_of(cleaned)


def _overhead(model: Model, options: Options, output: int) -> None:
    """A client's instructions and tools may be of any size.  Raise `context` when they are too
    large."""
    fixed = Request(model=options.model, messages=options.system, tools=options.tools)
    taken = model.count(fixed)
    if int(model.profile.window * model.profile.effective) - output - taken < output:
        raise SysError(
            Code.CONTEXT,
            f"the instructions and tools take {taken} tokens and leave no room",
            hint=f"the model's window has {model.profile.window}: send fewer tools",
        )


class _Numbers:
    """Providers' call ids repeat; ours are unique in the process: thought and place.  A client may
    show what one process proposed to another, so its ids also name the process."""

    def __init__(self, pid: Pid, process: Process) -> None:
        whose = "c" if process.options is None else f"call_{pid}_"
        self._thought = f"{whose}{process.thoughts + 1}"
        self._places: dict[int, int] = {}

    def __call__(self, delta: AnyDelta) -> AnyDelta:
        if not isinstance(delta, CallDelta):
            return delta
        fresh = delta.index not in self._places
        place = self._places.setdefault(delta.index, len(self._places))
        id_ = f"{self._thought}_{place}" if fresh else ""
        return msgspec.structs.replace(delta, index=place, id=id_)


def _refusal(process: Process, error: SysError) -> Exited | Interrupted:
    """The refusal of a thought that was not begun.  A client gets the error and may ask for
    something else."""
    if process.options is None or error.code is Code.BUDGET:
        return exit_for(error)
    message = f"{error.message} {error.hint}".strip()
    return Interrupted(code=error.code, message=message, again_s=error.retry_after_s)


def _thought(heard: list[AnyDelta]) -> Thought:
    message, finished = gather(heard)
    if finished is None:
        raise SysError(Code.MODEL, "the answer ended in the middle", hint="it is asked again")
    thought = Thought(
        message=message, usage=finished.usage, finish=finished.reason, stop=finished.stop
    )
    msgspec.json.encode(thought)  # raises for text that is not Unicode: better here than later
    return thought


def _at_least(thought: Thought, asked: Asked, price: Price) -> Thought:
    """A provider that reports a small part of the tokens that went to and fro is not believed:
    limits would be meaningless."""
    usage, message = thought.usage, thought.message
    text = message.text + "".join(call.name + call.arguments for call in message.calls)
    sent, came = asked.tokens - asked.output, estimate(text)
    more_in = sent - usage.input if usage.input * UNBELIEVABLE < sent else 0
    more_out = came - usage.output if usage.output * UNBELIEVABLE < came else 0
    if not (more_in or more_out):
        return thought
    more = Usage(
        input=more_in, output=more_out, cost=more_in * price.input + more_out * price.output
    )
    return msgspec.structs.replace(thought, usage=usage + more)


async def _settle(resident: Resident, thought: Thought) -> None:
    """No call is made before the thought that proposed it is on disk; anything else rides in the
    same commit.  A shared total is released once this thought's usage is known."""
    batch = resident.append(thought)
    if thought.message.calls or resident.process.accounts:
        await batch.durable(resident.pid)


def _settle_failure(resident: Resident, error: SysError, heard: list[AnyDelta]) -> None:
    """The driver failed.  If nothing came back, nothing is charged; what half an answer costs is
    unknown."""
    if (held := resident.process.reserved) is None:
        return  # a signal has just settled it
    finished = [d.usage for d in heard if isinstance(d, Finished)]
    charged = Usage(input=held.tokens, cost=held.cost) if heard else Usage()
    interrupted = Interrupted(
        code=error.code,
        message=f"{error.message} {error.hint}".strip(),
        charged=finished[-1] if finished else charged,
        again_s=error.retry_after_s,
    )
    hopeless = error.code in FATAL or resident.process.failures + 1 >= MOST_FAILURES
    if hopeless and resident.process.options is None:  # else the client decides what happens next
        resident.append(interrupted, exit_for(error))
    else:
        resident.append(interrupted)


def _pause_s(failures: int) -> float:
    return 0.0 if not failures else min(2.0 ** (failures - 1) * 0.5, 30.0)
