"""Calls that reach outside the kernel: commands, the network, registered functions."""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from logos.abi.calls.base import Call
from logos.abi.calls.fs import absolute_program
from logos.abi.driver import Effect
from logos.abi.errors import Code, SysError

Host = Annotated[
    str,
    Meta(
        pattern=r"^(\*|\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?)(:[0-9]{1,5})?$"
    ),
]
"""`pypi.org`, `git.example.org:22`, `[2001:db8::1]:443`; without a port the web's two."""

Hosts = Annotated[
    tuple[Host, ...], Meta(description="HOST or HOST:PORT it connects to", max_length=64)
]


def connects(hosts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The rights needed to let a program connect to these hosts."""
    return tuple(("connect", f"/net/{_plain(host.lower())}") for host in hosts)


def _plain(host: str) -> str:
    """The host without its port, when that is a default one."""
    return host.removesuffix(":443").removesuffix(":80")


class Run(Call[str], tag="command.run", frozen=True, kw_only=True):
    """Run a program in the sandbox: only the workspace (its current folder) writable, no network but
    the `hosts` that you name and were granted.

    Returns its output, then `[exit status N]`.  Use ["sh", "-c", "..."] for a shell line.
    """

    effect = Effect.EFFECT
    verb = "run"
    errors = (Code.NOT_FOUND, Code.TIMEOUT, Code.UNAVAILABLE)

    argv: Annotated[
        tuple[str, ...], Meta(description="the program and its arguments", min_length=1)
    ]
    stdin: str = ""
    timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    hosts: Hosts = ()

    def target(self) -> str:
        return absolute_program(self.argv[0])

    def further(self) -> tuple[tuple[str, str], ...]:
        return connects(self.hosts)


class Fetch(Call[str], tag="http.fetch", frozen=True, kw_only=True):
    """Get a web page or file by HTTP; return its text.  Only hosts you were granted."""

    effect = Effect.PURE
    verb = "fetch"
    errors = (Code.NOT_FOUND, Code.TIMEOUT, Code.UNAVAILABLE, Code.TOOL)

    url: Annotated[str, Meta(description="http:// or https://", pattern="^https?://")]

    def target(self) -> str:
        try:
            parts = urlsplit(self.url)
        except ValueError as error:
            raise SysError(
                Code.INVALID, f"{self.url!r} is not a URL: {error}", hint="write https://host/path"
            ) from error
        return f"/net/{parts.hostname or ''}{parts.path or '/'}"


class CallTool(Call[msgspec.Raw], tag="tool.call", frozen=True, kw_only=True):
    """Call a tool of /tools, by its path below it, such as `github/create_issue`.

    Read /tools/github/create_issue first for its arguments; search /tools by words to find tools.
    """

    effect = Effect.EFFECT
    verb = "call"
    errors = (Code.NOT_FOUND, Code.TOOL, Code.TIMEOUT, Code.UNAVAILABLE)

    tool: Annotated[str, Meta(description="SERVER/TOOL", min_length=1)]
    arguments: Annotated[msgspec.Raw, Meta(description="a JSON object")]

    def target(self) -> str:
        return f"/tools/{self.tool}"
