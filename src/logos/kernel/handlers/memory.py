"""memory.*"""

from logos.abi.calls import ReadPage
from logos.abi.ids import Seq
from logos.kernel.handlers.table import TABLE
from logos.kernel.syscall import Context, Effects


@TABLE.handles(ReadPage)
async def read(ctx: Context, call: ReadPage) -> Effects:
    text = await ctx.kernel.page(ctx.pid, Seq(call.page))
    return Effects(value=text[call.offset :])
