"""Tools that are not system calls: what they are, and where they come from.

    Hints      what a tool says about itself
    Offer      one tool: its name, what it does, what it takes
    Provider   a place that offers tools: a server, a document, a set of functions
    Place      where a provider is, as people write it in settings or with `logos mount`
    declared   a built-in tool as an Offer; `arguments_of` decodes its arguments
    visible    third-party text with its invisible characters written out

Names are `SERVER/TOOL`, or just `TOOL` for functions of this program.  What a tool says about
itself is third-party text: shown as such, and never trusted in a decision.
"""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Protocol, TypeVar

import msgspec
from msgspec import Meta

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.messages import ToolSpec


class Hints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None: it does not say, so the worst is assumed."""

    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`schema` is the JSON Schema of its arguments, `output` that of its result, if declared."""

    name: str
    description: str = ""
    schema: msgspec.Raw = msgspec.Raw(b'{"type":"object"}')
    output: msgspec.Raw = msgspec.Raw(b"null")
    hints: Hints = Hints()

    def spec(self) -> ToolSpec:
        return ToolSpec(name=self.name, description=self.description, schema=self.schema)


class Provider(Protocol):
    """`names` in the offers are local to the provider: without the name it is mounted under."""

    def known(self) -> Sequence[Offer]:
        """The tools it already knows of, without contacting anything."""
        ...

    async def offers(self) -> Sequence[Offer]:
        """Its tools; contacts the provider if need be.  Raise SysError `unavailable` when it is
        dead."""
        ...

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        """Raise SysError: `tool` when it ran and failed, `unavailable` when it is dead."""
        ...


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mount: a command that speaks MCP on its standard streams (`command`), a URL that does
    over HTTP (`url`), an agent (`a2a`), an OpenAPI document (`openapi`, a file or URL), a program
    whose sub-commands are the tools (`program`), or a Python module whose functions are (`python`).
    Exactly one of them."""

    command: Annotated[
        tuple[str, ...], Meta(description="an MCP server that speaks on its standard streams")
    ] = ()
    url: Annotated[str, Meta(description="an MCP server that speaks HTTP")] = ""
    a2a: Annotated[str, Meta(description="an agent elsewhere that speaks A2A: its URL")] = ""
    openapi: Annotated[str, Meta(description="an OpenAPI 3 document: a file or a URL")] = ""
    program: Annotated[
        tuple[str, ...], Meta(description="a program whose sub-commands are the tools")
    ] = ()
    python: Annotated[
        str, Meta(description="a Python module, or its file, whose functions are the tools")
    ] = ""
    interpreter: Annotated[str, Meta(description="the Python of a module; empty: ours")] = ""
    folder: Annotated[str, Meta(description="where a module is that is not installed")] = ""
    manifest: Annotated[
        str, Meta(description="a file that says what a program or its tools can do")
    ] = ""
    env: Annotated[dict[str, str], Meta(description="variables; env:NAME and file:/path")] = {}
    headers: Annotated[dict[str, str], Meta(description="sent; env:NAME and file:/path")] = {}
    client_id: Annotated[
        str, Meta(description="who we are to a server's login, where it registers nobody itself")
    ] = ""
    client_secret: Annotated[str, Meta(description="env:NAME or file:/path of its secret")] = ""
    network: Annotated[bool, Meta(description="a command may use the network")] = False
    hosts: Annotated[
        tuple[str, ...], Meta(description="hosts an OpenAPI document may speak of")
    ] = ()
    readable: Annotated[
        tuple[str, ...], Meta(description="folders a command may read, besides its own")
    ] = ()
    own: Annotated[
        bool, Meta(description="one server for each process's folder, which it may change")
    ] = False
    memory_mb: Annotated[int, Meta(description="memory a command may use", ge=64)] = 1024
    idle_s: Annotated[float, Meta(description="stopped after so long without a call", gt=0)] = 300.0
    timeout_s: Annotated[float, Meta(description="for one call", gt=0)] = 60.0


def declared(name: str, description: str, takes: type[msgspec.Struct], hints: Hints) -> Offer:
    """A built-in tool, whose arguments are the fields of a Struct."""
    (ref,), parts = msgspec.json.schema_components([takes], ref_template="#/$defs/{name}")
    schema = dict(parts.pop(ref["$ref"].rpartition("/")[2]))
    schema.pop("title", None)
    schema.pop("description", None)
    if parts:
        schema["$defs"] = parts
    raw = msgspec.Raw(msgspec.json.encode(schema, order="deterministic"))
    return Offer(name=name, description=description, schema=raw, hints=hints)


S = TypeVar("S", bound=msgspec.Struct)


def arguments_of(tool: str, takes: type[S], arguments: msgspec.Raw) -> S:
    """Raise `invalid`."""
    try:
        return msgspec.json.decode(arguments or b"{}", type=takes)
    except msgspec.MsgspecError as error:
        raise SysError(Code.INVALID, f"{tool}: {error}", hint=f"read /tools/{tool}") from error


def visible(text: str) -> str:
    """Write out invisible characters: a description must be exactly what a person read."""
    return "".join(
        c
        if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn")
        else f"\\u{{{ord(c):x}}}"
        for c in text
    )
