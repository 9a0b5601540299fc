"""The system calls.

A call is a value.  Its class is the only declaration there is: the type checker reads
it, the journal stores it, and `describe` turns it into a JSON Schema, a tool for a
model, a command and a page of the manual.

    class Spawn(Call[Pid], tag="process.spawn", frozen=True, kw_only=True):
        \"\"\"Start a child process and return its pid.\"\"\"
        verb = "spawn"
        task: Annotated[str, Meta(description="...")]

How a call is carried out is in kernel/handlers or in a driver; nobody outside sees that.
"""

from typing import Any

from logos.abi.calls.base import Call, name, result_type, tool_name
from logos.abi.calls.fs import Append, List, Read, Search, Write
from logos.abi.calls.memory import (
    Compress,
    Forget,
    GetKey,
    Kept,
    Link,
    Pin,
    ReadPage,
    Remember,
    SearchMemory,
    SetKey,
    Todo,
    kept,
    moment,
)
from logos.abi.calls.message import Letter, Receive, Schedule, Send, Sleep
from logos.abi.calls.process import Exec, Exit, Kill, Ran, Spawn, Wait
from logos.abi.calls.world import CallTool, Fetch, Hosts, Run

CALLS: tuple[type[Call[Any]], ...] = (
    List,
    Read,
    Search,
    Write,
    Append,
    Run,
    Fetch,
    CallTool,
    ReadPage,
    SearchMemory,
    Remember,
    Link,
    Forget,
    Pin,
    Compress,
    Todo,
    GetKey,
    SetKey,
    Spawn,
    Wait,
    Kill,
    Exec,
    Send,
    Receive,
    Sleep,
    Schedule,
)
"""In the order the model's manual has them."""

BY_NAME: dict[str, type[Call[Any]]] = {name(call): call for call in CALLS}
BY_TOOL_NAME: dict[str, type[Call[Any]]] = {tool_name(call): call for call in CALLS}

__all__ = [
    "BY_NAME",
    "BY_TOOL_NAME",
    "CALLS",
    "Append",
    "Call",
    "CallTool",
    "Compress",
    "Exec",
    "Exit",
    "Fetch",
    "Forget",
    "GetKey",
    "Hosts",
    "Kept",
    "Kill",
    "Letter",
    "Link",
    "List",
    "Pin",
    "Ran",
    "Read",
    "ReadPage",
    "Receive",
    "Remember",
    "Run",
    "Schedule",
    "Search",
    "SearchMemory",
    "Send",
    "SetKey",
    "Sleep",
    "Spawn",
    "Todo",
    "Wait",
    "Write",
    "kept",
    "moment",
    "name",
    "result_type",
    "tool_name",
]
