"""memory.*"""

from logos.abi.calls import ReadPage, SearchMemory
from logos.abi.ids import Seq
from logos.kernel.handlers.table import TABLE
from logos.kernel.syscall import Context, Effects


@TABLE.handles(ReadPage)
async def read(ctx: Context, call: ReadPage) -> Effects:
    text = await ctx.kernel.page(ctx.pid, Seq(call.page))
    return Effects(value=text[call.offset :])


@TABLE.handles(SearchMemory)
async def search(ctx: Context, call: SearchMemory) -> Effects:
    return Effects(value=await ctx.kernel.search(ctx.pid, call.question, call.tokens))
