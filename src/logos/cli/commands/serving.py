"""mcp: this machine as an MCP server.  What carries it out is the client (cli/bridge.py)."""

from logos.abi.errors import Code, SysError
from logos.cli.registry import Asked, Command


async def mcp(asked: Asked) -> int:
    del asked
    raise SysError(Code.INVALID, "this speaks MCP on its standard streams, with no option")


MCP = Command(
    "mcp",
    "serve MCP on standard input and output, with agents as tools",
    mcp,
    effect="write",
    idempotent=False,
    details='For a client that starts its servers: {"command": "logos", "args": ["mcp"]}. Over HTTP the '
    "same is at /mcp of the gateway.",
)
