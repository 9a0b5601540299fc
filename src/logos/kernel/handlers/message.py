"""Handlers of message.* and time.*."""

from logos.abi.calls import Receive, Schedule, Send, Sleep
from logos.abi.errors import Code, SysError
from logos.abi.events import Scheduled
from logos.kernel.handlers.table import TABLE
from logos.kernel.journal import Letter
from logos.kernel.process import SECOND, next_ring
from logos.kernel.process.bodies import Note, encode
from logos.kernel.syscall import Context, Effects


@TABLE.handles(Send)
async def send(ctx: Context, call: Send) -> Effects:
    known = await ctx.kernel.known(call.to)
    if known is None:
        raise SysError(Code.NOT_FOUND, f"there is no process {call.to}")
    if known.exit_status is not None:
        raise SysError(Code.STATE, f"process {call.to} has exited", hint="nobody will read it")
    return Effects(letters=(Letter(call.to, ctx.pid, encode(Note(call.text, ctx.carries))),))


@TABLE.handles(Receive)
async def receive(ctx: Context, call: Receive) -> Effects:
    until = None if call.timeout_s is None else ctx.now + int(call.timeout_s * SECOND)
    return Effects(blocks=True, until=until)


@TABLE.handles(Sleep)
async def sleep(ctx: Context, call: Sleep) -> Effects:
    return Effects(blocks=True, until=ctx.now + int(call.seconds * SECOND))


@TABLE.handles(Schedule)
async def schedule(ctx: Context, call: Schedule) -> Effects:
    due = next_ring(call.cron, ctx.now) if call.cron else 0
    return Effects(events=(Scheduled(cron=call.cron, text=call.text, next=due),))
