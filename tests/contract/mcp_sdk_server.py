"""An MCP server by the official SDK: `sdk_server.py [NUMBER OF MORE TOOLS]` on standard streams,
or over HTTP at a port with `--http PORT`."""

import os
import subprocess
import sys

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.types import ToolAnnotations
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from pydantic import BaseModel

server = MCPServer("probe")
LOOKS = ToolAnnotations(read_only_hint=True)


@server.tool(annotations=LOOKS)
def echo(text: str) -> str:
    """Say the text again."""
    return text


@server.tool(annotations=LOOKS)
def add(a: int, b: int) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("it went wrong")


@server.tool(annotations=LOOKS)
def large(kib: int) -> str:
    """A long text."""
    return "0123456789abcdef" * 64 * kib


@server.tool(annotations=LOOKS)
async def slow(seconds: float) -> str:
    """Take long."""
    await anyio.sleep(seconds)
    return "done"


@server.tool()
def die() -> str:
    """End without an answer."""
    os._exit(3)


@server.tool()
def breed() -> int:
    """Start a process that would outlive us; its number."""
    return subprocess.Popen(["sleep", "600"], start_new_session=True).pid


@server.tool(annotations=LOOKS)
def pid() -> int:
    """The number of this process."""
    return os.getpid()


@server.tool()
def write(name: str, text: str) -> str:
    """Write a file."""
    with open(name, "a") as file:  # noqa: PTH123
        file.write(text)
    return "written"


@server.tool()
def connect(host: str, port: int) -> str:
    """Use the network."""
    import socket  # noqa: PLC0415

    socket.create_connection((host, port), timeout=2).close()
    return "connected"


@server.tool()
async def order(thing: str, ctx: Context) -> str | InputRequiredResult:
    """Order something, after a question."""
    if not ctx.input_responses:
        many = {"type": "object", "properties": {"many": {"type": "integer"}}, "required": ["many"]}
        asked = ElicitRequestFormParams(message=f"How many of {thing}?", requested_schema=many)
        return InputRequiredResult(
            input_requests={"q": ElicitRequest(params=asked)}, request_state="kept"
        )
    said = ctx.input_responses["q"]
    assert isinstance(said, ElicitResult)
    return f"{said.action}: {said.content} of {thing} ({ctx.request_state})"


class Many(BaseModel):
    many: int


@server.tool()
async def book(thing: str, ctx: Context) -> str:
    """Book something: asks while the call is open, as servers of the first eras do."""
    _note("begun")
    try:
        first = await ctx.elicit(f"How many of {thing}?", Many)
        if first.action != "accept":
            return f"nothing: {first.action}"
        if thing == "pairs":
            again = await ctx.elicit("And how many pairs?", Many)
            assert again.action == "accept"
            return f"booked {first.data.many} times {again.data.many}"
    except anyio.get_cancelled_exc_class():
        _note("stopped")
        raise
    return f"booked {first.data.many} of {thing}"


def _note(what: str) -> None:
    with open("noted", "a") as file:  # noqa: PTH123
        file.write(f"{what}\n")


def _more(number: int) -> None:
    for n in range(number):

        def tool(text: str, n: int = n) -> str:
            return f"{n}: {text}"

        server.add_tool(tool, name=f"tool_{n:03}", description=f"Does thing number {n}.")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--http"]:
        server.run("streamable-http", port=int(arguments[1]))
    else:
        _more(int(arguments[0]) if arguments else 0)
        server.run("stdio")
