"""MCP servers as places that tools come from.

    Server         one server: started when first touched, stopped when idle, started anew
    Shelf          the skills of one, as they were accepted (Skill)
    over_stdio     how to reach one that is a program, in the sandbox
    over_http      how to reach one by its URL
    login          with a person's help, to one that asks who we are; Tokens keeps what came of it

`client.py` speaks the protocol of both eras, `lines.py` and `http.py` carry it, `wire.py` has its
words, `answer.py` reads what a tool returned.  `server.py` keeps one server alive; `calls.py` takes a
call through questions (`asking.py`, `talk.py`, `floor.py`) and tasks.  `oauth.py`, `issuer.py` and `callback.py` are the login.
"""

from logos.drivers.mcp.http import over_http
from logos.drivers.mcp.issuer import Registered
from logos.drivers.mcp.lines import over_stdio
from logos.drivers.mcp.oauth import Bearer, Tokens, login
from logos.drivers.mcp.server import Server, Times
from logos.drivers.mcp.shelf import Shelf
from logos.drivers.mcp.skills import SKILL, Skill

__all__ = [
    "SKILL",
    "Bearer",
    "Registered",
    "Server",
    "Shelf",
    "Skill",
    "Times",
    "Tokens",
    "login",
    "over_http",
    "over_stdio",
]
