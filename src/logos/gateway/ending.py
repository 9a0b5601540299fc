"""Ending conversations that nobody returns to.

    ending(kernel, idle_s)     until cancelled

Nothing is lost: a client that does return notices nothing, and continues in a process that knows
what was said in the earlier one.
"""

import logging

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.abi.process import Signal
from logos.gateway.access import agent_name
from logos.kernel import Kernel

log = logging.getLogger("logos.gateway")

LOOKS = 10
"""In the time a conversation may wait, at least."""

LONGEST_S = 3600.0

MICRO = 1_000_000


async def ending(kernel: Kernel, idle_s: float) -> None:
    while True:
        before = kernel.now() - int(idle_s * MICRO)
        try:
            for pid in await kernel.records.quiet(agent_name(""), before):
                await _end(kernel, pid, idle_s)
        except SysError as error:
            log.warning("conversations that are over stay for now: %s", error)
        await anyio.sleep(min(idle_s / LOOKS, LONGEST_S))


async def _end(kernel: Kernel, pid: Pid, idle_s: float) -> None:
    try:
        await kernel.signal(pid, Signal.TERM, f"nothing was said for {idle_s:.0f} s")
    except SysError as error:
        if error.code not in (Code.STATE, Code.NOT_FOUND):
            raise
