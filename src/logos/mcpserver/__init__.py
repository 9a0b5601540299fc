"""The kernel for MCP clients: its calls as tools, on a unix socket and over HTTP.

    open_mcp(machine, path)   an async context manager: serves a socket until it is left
    App(machine, who)         the same over HTTP, for whoever serves HTTP
    local_only               whoever is on this machine is the owner, and nobody else is anybody
    Principal                 who asks: the owner, or somebody who sees what is his

    desk.py       what a principal may do with the kernel, and the tools that say so
    protocol.py   the words of MCP, of both eras
    lines.py      one message a line; asgi.py one message a request

A surface: no power of its own.
"""

from logos.mcpserver.asgi import App, Who, local_only
from logos.mcpserver.desk import OWNER, Principal
from logos.mcpserver.lines import open_mcp

__all__ = ["OWNER", "App", "Principal", "Who", "local_only", "open_mcp"]
