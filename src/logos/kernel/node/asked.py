"""Asking a model for a text once, outside any process's thought.

answered(model, slots, request)   the text, and the usage
Models                            a model by name
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from logos.abi.driver import Model
from logos.abi.errors import Code, SysError
from logos.abi.messages import Request, Usage, gather
from logos.kernel.sched import Slots

Models: TypeAlias = Callable[[str], Awaitable[Model]]
"""A model by name.  Raise SysError `not_found` or what its driver says."""


async def answered(model: Model, slots: Slots, request: Request) -> tuple[str, Usage]:
    """Raise what a Model raises.  Cancelled, it leaves nothing behind."""
    async with slots.slot(model):
        heard = [delta async for delta in model.think(request)]
    message, finished = gather(heard)
    if finished is None:
        raise SysError(Code.MODEL, "the answer ended in the middle")
    return message.text, finished.usage
