"""Handlers of process.*."""

from logos.abi.calls import Exit, Kill, Spawn, Wait
from logos.abi.errors import Code, SysError
from logos.abi.events import Started
from logos.abi.ids import Pid
from logos.kernel.handlers.table import TABLE
from logos.kernel.journal import Letter
from logos.kernel.process import SECOND
from logos.kernel.process.bodies import Order, encode
from logos.kernel.syscall import Context, Effects, Known, Parent


@TABLE.handles(Spawn)
async def spawn(ctx: Context, call: Spawn) -> Effects:
    agent = await ctx.kernel.agent(call.agent)
    child, limits = await ctx.kernel.born(
        agent, call.task, call.limits, parent=Parent(ctx.pid, ctx.process, ctx.carries)
    )
    pid = child.head.pid
    return Effects(value=pid, children=(child,), events=(Started(pid=pid, limits=limits),))


@TABLE.handles(Wait)
async def wait(ctx: Context, call: Wait) -> Effects:
    until = None if call.timeout_s is None else ctx.now + int(call.timeout_s * SECOND)
    if any(child.pid == call.pid for child in ctx.process.children):
        return Effects(blocks=True, until=until)  # the news of its end answers, now or later
    known = await _child(ctx, call.pid)
    if known.exit_status is None:
        return Effects(blocks=True, until=until)
    answer = await ctx.kernel.answer(call.pid)
    return Effects(value=Exit(pid=call.pid, status=known.exit_status, answer=answer))


@TABLE.handles(Kill)
async def kill(ctx: Context, call: Kill) -> Effects:
    known = await _child(ctx, call.pid)
    if known.exit_status is not None:
        raise SysError(Code.STATE, f"process {call.pid} has exited", hint="there is nothing to do")
    return Effects(letters=(Letter(call.pid, ctx.pid, encode(Order(call.signal))),))


async def _child(ctx: Context, pid: Pid) -> Known:
    known = await ctx.kernel.known(pid)
    if known is None or known.parent != ctx.pid:
        raise SysError(
            Code.NOT_FOUND, f"you have no child {pid}", hint="use a pid that process_spawn gave you"
        )
    return known
