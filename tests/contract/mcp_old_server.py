"""An MCP server by the official SDK of before, for the first eras: a call that asks, and one that
must be a task.  It runs in an environment of its own, on standard streams."""

# ruff: noqa: PTH123
# mypy: ignore-errors
import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

server = Server("old")
server.experimental.enable_tasks()
MANY = {"type": "object", "properties": {"many": {"type": "integer"}}, "required": ["many"]}
THING = {"type": "object", "properties": {"thing": {"type": "string"}}, "required": ["thing"]}


@server.list_tools()
async def tools() -> list[types.Tool]:
    must = types.ToolExecution(taskSupport=types.TASK_REQUIRED)
    return [
        types.Tool(name="book", inputSchema=THING),
        types.Tool(name="work", inputSchema=THING, execution=must),
    ]


def said(text: str) -> list[types.TextContent]:
    return [types.TextContent(type="text", text=text)]


def noted(what: str) -> None:
    with open("noted", "a") as file:
        file.write(f"{what}\n")


@server.call_tool()
async def call(name: str, arguments: dict[str, str]) -> object:
    context, thing = server.request_context, arguments["thing"]
    noted("begun")
    if name == "book":
        found = await context.session.elicit_form(f"How many of {thing}?", MANY)
        return said(f"booked {found.content['many']}" if found.content else found.action)

    async def work(task: object) -> types.CallToolResult:
        try:
            if thing == "asks":
                found = await task.elicit(f"How many of {thing}?", MANY)
                return types.CallToolResult(content=said(f"{found.action} {found.content}"))
            await anyio.sleep(60 if thing == "long" else 0.1)
        except anyio.get_cancelled_exc_class():
            noted("stopped")
            raise
        return types.CallToolResult(content=said(f"worked on {thing}"))

    return await context.experimental.run_task(work)


async def main() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
