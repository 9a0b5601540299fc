"""Names of tools, and the rights that come with listing one.

    calls_named   a name as people write it -> the calls it means, and implied capabilities
    defaults      the capabilities of a call when a file has no `allow:`

An unknown name is taken for a registered function.
"""

import re

from logos.abi.calls import BY_NAME, BY_TOOL_NAME, Exec, name, tool_name
from logos.abi.errors import Code, SysError
from logos.abi.rights import Cap, parse

_HOST = name(Exec)

# The names people know from coding agents.
FAMILIAR: dict[str, tuple[str, ...]] = {
    "read": ("fs.read",),
    "notebookread": ("fs.read",),
    "write": ("fs.write",),
    "edit": ("fs.read", "fs.write"),
    "multiedit": ("fs.read", "fs.write"),
    "notebookedit": ("fs.read", "fs.write"),
    "append": ("fs.append",),
    "grep": ("fs.search",),
    "search": ("fs.search",),
    "glob": ("fs.list",),
    "ls": ("fs.list",),
    "bash": ("command.run",),
    "webfetch": ("http.fetch",),
    "fetch": ("http.fetch",),
    "task": ("process.spawn", "process.wait"),
    "agent": ("process.spawn", "process.wait"),
}

_DEFAULTS: dict[str, tuple[str, ...]] = {
    "fs.list": ("read:/home/**",),
    "fs.read": ("read:/home/**",),
    "fs.search": ("read:/home/**",),
    "fs.write": ("write:/home/**",),
    "fs.append": ("write:/home/**",),
    "command.run": ("run:/bin/*",),
    "process.wait": ("wait:/proc/child/*",),
    "process.signal": ("signal:/proc/child/*",),
    "message.send": ("send:/proc/parent", "send:/proc/child/*"),
    # Which hosts and which agents: only the author of the file can know.
    "http.fetch": (),
    "process.spawn": (),
}

FOR_TOOLS = ("fs.list", "fs.read", "fs.search", "tool.call")
"""What it takes to find a mounted tool, learn its arguments, and call it."""

_MOUNTED = re.compile(r"mcp__(?P<place>[a-z0-9][a-z0-9_-]*?)(__(?P<tool>[\w.*-]+))?")

_RESTRICTED = re.compile(r"(?P<tool>\w+)\((?P<what>[^()]*)\)")


def calls_named(written: str) -> tuple[tuple[str, ...], tuple[Cap, ...]]:
    """The calls (or the registered function) that `written` means.

    `Bash(git:*)` is command.run with `run:/bin/git` and nothing else; `mcp__github__get_issue` a
    tool of the mount github, `mcp__github` all of them.
    """
    if match := _MOUNTED.fullmatch(written):
        return FOR_TOOLS, _of_mount(match["place"], match["tool"] or "*")
    if match := _RESTRICTED.fullmatch(written):
        return _restricted(match["tool"], match["what"])
    if written in (_HOST, tool_name(Exec)):
        raise SysError(
            Code.DENIED, "process.exec is for people", hint="a person starts it: logos exec"
        )
    if written in BY_NAME:
        return (written,), ()
    if written in BY_TOOL_NAME:
        return (name(BY_TOOL_NAME[written]),), ()
    if written.endswith((".*", "_*")):
        room = written[:-2] + "."
        if found := tuple(c for c in BY_NAME if c.startswith(room) and c != _HOST):
            return found, ()
        raise SysError(
            Code.INVALID,
            f"no call begins with {room}",
            hint=f"the calls are {', '.join(BY_NAME)}",
        )
    return FAMILIAR.get(written.lower(), (written,)), ()


def defaults(tool: str) -> tuple[Cap, ...]:
    """What a tool may do when the file does not say."""
    if tool in BY_NAME:
        return tuple(parse(text) for text in _DEFAULTS.get(tool, ()))
    return (Cap(verb="call", path=f"/tools/{tool}"),)


def verb_of(tool: str) -> str:
    """The verb a tool is useless without; "" if none: a process's own memory needs no right."""
    if tool.startswith("memory."):
        return ""
    return BY_NAME[tool].verb if tool in BY_NAME else "call"


def _of_mount(place: str, tool: str) -> tuple[Cap, ...]:
    path = "**" if tool == "*" else tool
    return (
        parse(f"read:/tools/{place}/**"),
        parse(f"call:/tools/{place}/{path}"),
    )


def _restricted(tool: str, what: str) -> tuple[tuple[str, ...], tuple[Cap, ...]]:
    program = re.fullmatch(r"([\w.+-]+)(:\*| \*)?", what.strip())
    if FAMILIAR.get(tool.lower()) != ("command.run",) or program is None:
        # A narrower right than a capability can say must not silently become a wider one.
        raise SysError(
            Code.INVALID,
            f"{tool}({what}) is narrower than a capability can say",
            hint="write Bash(PROGRAM:*), or name the tool and give capabilities under allow:",
        )
    return ("command.run",), (Cap(verb="run", path=f"/bin/{program[1]}"),)
