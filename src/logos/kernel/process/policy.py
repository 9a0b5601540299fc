"""What a process may still use, what it may give away, and when it is going in circles.  Pure.

    tighter(own, asked)        the smaller of each limit
    left(process)              what remains of its limits, less what its live children hold
    overdrawn(process, now)    why it may not continue, or None
    grant(process, asked, now) the limits of a child, taken out of the parent's
    affordable(rest, ...)      how long an answer the rest of the budget allows
    counted(pid, process)      the shared totals that its children count toward
    bequeathed(process)        what its end leaves the parent to count as used
    wake_at(process)           when something is due next
    watch(process, now)        the watchdog's warning, if any

Budgets are hard because nothing is counted twice and nothing is promised twice: a child's
limits are set aside in its parent when it starts and what it did not use comes back when it
ends, so the sum over a tree never exceeds what its root was given.
"""

import math
from typing import Any

from logos.abi.agent import Account, Limits
from logos.abi.driver import Price
from logos.abi.errors import MEANING, Code, SysError
from logos.abi.events import Exited, Signalled, Warned
from logos.abi.ids import MailId, Pid
from logos.abi.limits import (
    CALL_CYCLE,
    CYCLE_REPEATS,
    LEAST_OUTPUT,
    LONGEST_WAIT_S,
    REPEATED_FAILURES,
    THROTTLE_S,
)
from logos.abi.messages import Usage
from logos.abi.process import Process, Signal

HOSTED = "hosted"
"""The program name of processes that run an unmodified program."""

SECOND = 1_000_000
"""Microseconds."""


_NONE = Limits()


def tighter(own: Limits, asked: Limits) -> Limits:
    """The smaller of each."""
    if asked == _NONE:
        return own

    def least(a: Any, b: Any) -> Any:
        return min((n for n in (a, b) if n is not None), default=None)

    fields = Limits.__struct_fields__
    return Limits(**{name: least(getattr(own, name), getattr(asked, name)) for name in fields})


def left(process: Process) -> Limits:
    """What remains of its limits.  None: no limit."""
    limits, held = process.limits, process.reserved

    def rest(limit: int | None, used: int, set_aside: list[int | None]) -> int | None:
        return None if limit is None else limit - used - sum(n or 0 for n in set_aside)

    return Limits(
        tokens=rest(
            limits.tokens,
            process.spent.tokens + (held.tokens if held else 0),
            [c.limits.tokens for c in process.children],
        ),
        cost=rest(
            limits.cost,
            process.spent.cost + (held.cost if held else 0),
            [c.limits.cost for c in process.children],
        ),
        calls=rest(limits.calls, process.calls, [c.limits.calls for c in process.children]),
        children=rest(limits.children, len(process.children), []),
        depth=limits.depth,
    )


def affordable(rest: Limits, price: Price, prompt: int, output: int) -> int:
    """How many tokens of answer the budget still pays for.  Raise `budget` when too few."""
    least = min(LEAST_OUTPUT, output)
    if rest.tokens is not None:
        output = min(output, rest.tokens - prompt)
    if rest.cost is not None and price.output:
        output = min(output, (rest.cost - prompt * price.input) // price.output)
    if output < least:
        raise SysError(
            Code.BUDGET,
            f"what is left does not pay for another thought (its prompt has {prompt} tokens)",
            hint="start it with more",
        )
    return output


def counted(pid: Pid, process: Process) -> tuple[Account, ...]:
    """A hosted program asks models in conversations of its own; together they stay within its
    limits."""
    if process.agent.program != HOSTED:
        return process.accounts
    limits = process.limits
    own = Account(name=f"process/{pid}", tokens=limits.tokens, cost=limits.cost)
    return (*process.accounts, own)


def overdrawn(process: Process, now: int) -> SysError | None:
    """Why this process may neither think nor call any more, if so."""
    rest = left(process)
    for name, amount in (("tokens", rest.tokens), ("cost", rest.cost), ("calls", rest.calls)):
        if amount is not None and amount <= 0:
            return SysError(
                Code.BUDGET,
                f"its limit of {name} is used up",
                hint="start it with more, or let a child's share come back first",
            )
    if process.deadline is not None and now >= process.deadline:
        return SysError(Code.BUDGET, "its time is up", hint="start it with a longer wall time")
    return None


def grant(parent: Process, asked: Limits, now: int) -> tuple[Limits, int | None]:
    """The child's limits and deadline (microseconds).

    Where the parent has a limit and the child asks for none, the child gets half of the rest.  The
    call that starts it is charged to the parent.  Raise `budget` when the child asks for more than
    is left, `limit` for too many children or generations, `invalid` for negative limits.
    """
    _check(asked)
    rest = left(parent)
    if rest.children is not None and rest.children <= 0:
        raise SysError(
            Code.LIMIT,
            f"{parent.limits.children} children live already",
            hint="wait until one of them ends",
        )
    if rest.depth is not None and rest.depth <= 0:
        raise SysError(Code.LIMIT, "no further generation is allowed", hint="do it yourself")
    deadlines = [] if parent.deadline is None else [parent.deadline]
    if asked.wall_s is not None:
        deadlines.append(now + int(asked.wall_s * SECOND))
    depth = None if rest.depth is None else rest.depth - 1
    limits = Limits(
        tokens=_share("tokens", rest.tokens, asked.tokens),
        cost=_share("cost", rest.cost, asked.cost),
        calls=_share("calls", None if rest.calls is None else rest.calls - 1, asked.calls),
        children=_least(parent.limits.children, asked.children),
        depth=_least(depth, asked.depth),
        wall_s=asked.wall_s,
    )
    return limits, min(deadlines, default=None)


def bequeathed(process: Process) -> tuple[Usage, int]:
    """What the parent of a process that ends must count as used: tokens and money, and calls.

    Live children keep what was set aside for them, so that part does not come back.
    """
    shares = [child.limits for child in process.children]
    held = Usage(input=sum(s.tokens or 0 for s in shares), cost=sum(s.cost or 0 for s in shares))
    return process.spent + held, process.calls + sum(s.calls or 0 for s in shares)


def _check(asked: Limits) -> None:
    """A negative limit would take from the child and give to the parent."""
    for name in asked.__struct_fields__:
        amount = getattr(asked, name)
        if amount is not None and not 0 <= amount <= (
            LONGEST_WAIT_S if name == "wall_s" else math.inf
        ):
            raise SysError(Code.INVALID, f"a limit of {amount} {name} makes no sense")


def _least(a: int | None, b: int | None) -> int | None:
    return min((n for n in (a, b) if n is not None), default=None)


def _share(name: str, rest: int | None, asked: int | None) -> int | None:
    if rest is None:
        return asked
    if asked is None:
        return max(rest, 0) // 2
    if asked > rest:
        raise SysError(
            Code.BUDGET,
            f"{asked} {name} asked for, {max(rest, 0)} left to give",
            hint="ask for less",
        )
    return asked


def wake_at(process: Process, now: int = 0) -> int | None:
    """When something is next due, in microseconds.  A pause that is over stays in the state until
    the process continues; `now` leaves it out."""
    if process.exit_status is not None:
        return None
    times = [call.until for call in process.open if call.until is not None]
    times += [timer.next for timer in process.timers]
    if process.deadline is not None:
        times.append(process.deadline)
    if process.paused_until is not None and process.paused_until > now:
        times.append(process.paused_until)
    return min(times, default=None)


def watch(process: Process, now: int) -> Warned | Signalled | None:
    """Escalate: warn the process, then pause it, then stop it until a person lets it continue."""
    why = _circling(process)
    if not why:
        return None
    match process.watch.warnings:
        case 0:
            return Warned(text=f"{why} Do something else, or end with what you know.")
        case 1:
            return Warned(
                text=f"{why} You were told before, and are made to wait now.",
                paused_until=now + int(THROTTLE_S * SECOND),
            )
        case _:
            return Signalled(mail=MailId(0), signal=Signal.STOP, reason=f"watchdog: {why}")


def _circling(process: Process) -> str:
    memory = process.watch
    if memory.failures >= REPEATED_FAILURES:
        return f"The same call failed {memory.failures} times in a row."
    recent = memory.recent
    for length in range(1, CALL_CYCLE + 1):
        span = length * CYCLE_REPEATS
        if len(recent) >= span and recent[-span:] == recent[-length:] * CYCLE_REPEATS:
            return f"The same {length} calls gave the same results {CYCLE_REPEATS} times over."
    return ""


def exit_for(error: SysError, answer: str = "") -> Exited:
    """The exit of a process that cannot continue because of this error."""
    text = answer or f"{error}"
    return Exited(status=MEANING[error.code].exit_status, answer=text, code=error.code)
