"""All settings, in one frozen value read once at boot.

Defaults here < logos.toml < LOGOS_SECTION_KEY variables.  A room is handed its own section
and reads nothing else: no module but `boot` and `cli` touches the environment.

    load(path, environ)   -> Loaded: the value, and where each setting came from
    secret(reference, environ)   the value of a secret reference
    filled(value, environ)       the same, for a value that ends with a reference

Secrets are references (`env:NAME` or `file:/path`), never values, so that settings can be printed
or journaled safely."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from logos.abi.driver import Mode, Price
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.vault import Vault

PREFIX = "LOGOS_"

NESTED = frozenset({"limits"})
"""Subsections: LOGOS_LIMITS_NODE_COST_PER_DAY is limits.node.cost_per_day."""

LISTS = frozenset({"agents", "audit.trust"})
"""Settings that are lists: in a variable, items are separated by colons, as in PATH."""


class Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(description="PostgreSQL URL; empty: the embedded server")] = ""
    pool: Annotated[int, Meta(description="connections for reads", ge=1, le=100)] = 4
    patience_s: Annotated[
        float, Meta(description="how long to wait for a database that went away, in seconds", gt=0)
    ] = 60.0


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lease_s: Annotated[
        float, Meta(description="a node silent for so long loses its processes, in seconds", gt=0)
    ] = 10.0
    resident: Annotated[
        int, Meta(description="idle processes kept in memory for a quick wake-up", ge=0)
    ] = 256
    weights: Annotated[
        str, Meta(description="file of weights for memory, as bench/fit_pager.py writes it")
    ] = ""


class Consolidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: Annotated[bool, Meta(description="of idle memories, by itself")] = False
    model: Annotated[
        str, Meta(description="model that makes facts of what was said; empty: none are made")
    ] = ""
    tokens_per_day: Annotated[int, Meta(description="for that model, on all nodes", ge=0)] = 100_000
    idle_s: Annotated[
        float, Meta(description="nothing has happened for so long, in seconds", gt=0)
    ] = 600.0


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Models that memory may use.  Without any it works on words alone."""

    embedder: Annotated[
        str, Meta(description="model whose embeddings pages are found by, too; empty: by words")
    ] = ""
    embed_confidential: Annotated[
        bool,
        Meta(description="and facts, and judging: also of who has read what not everybody may"),
    ] = False
    embed_rate: Annotated[
        float, Meta(description="requests for embeddings of pages in a second, at most", gt=0)
    ] = 4.0
    embed_retry_s: Annotated[
        float, Meta(description="first pause after a failed one, in seconds; it doubles", gt=0)
    ] = 1.0
    embed_wait_ms: Annotated[
        int, Meta(description="how long a search waits for the question's, in milliseconds", ge=1)
    ] = 300
    reranker: Annotated[
        str,
        Meta(description="model that judges the pages a search found, best first; empty: none"),
    ] = ""
    rerank_pages: Annotated[int, Meta(description="how many of them it is shown", ge=2, le=200)] = (
        24
    )
    rerank_wait_ms: Annotated[
        int, Meta(description="how long a search waits for it, in milliseconds", ge=1)
    ] = 500
    digester: Annotated[
        str, Meta(description="model that writes digests at compaction; empty: they are extracted")
    ] = ""
    digest_wait_s: Annotated[
        float, Meta(description="how long a thought waits for that, in seconds", gt=0)
    ] = 20.0
    consolidate: Consolidate = Consolidate()


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    manifests: Annotated[
        str, Meta(description="folder of files that say what tools do, besides what they say")
    ] = ""
    rules: Annotated[
        str, Meta(description="file of rules of this site's own; they can only ask or deny")
    ] = ""
    answer_s: Annotated[
        float, Meta(description="how long a question waits for a person, in seconds", gt=0)
    ] = 86400.0
    questions: Annotated[
        int, Meta(description="questions of a process and its kin that wait at the same time", ge=0)
    ] = 8


class Allowance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be spent on models.  Unset: no limit."""

    tokens_per_hour: Annotated[int, Meta(description="tokens in any hour", ge=0)] | None = None
    tokens_per_day: Annotated[int, Meta(description="tokens in any day", ge=0)] | None = None
    cost_per_hour: Annotated[float, Meta(description="dollars in any hour", ge=0)] | None = None
    cost_per_day: Annotated[float, Meta(description="dollars in any day", ge=0)] | None = None


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever has used up an allowance waits until enough of it is older than the hour or the
    day."""

    principal: Annotated[
        Allowance, Meta(description="of each person or client, with all that works for them")
    ] = Allowance()
    node: Annotated[Allowance, Meta(description="of all of them together")] = Allowance()


class Sandbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Annotated[
        Mode, Meta(description="weakest confinement accepted for code that agents run")
    ] = Mode.FULL
    pool: Annotated[int, Meta(description="warm sandboxes kept waiting", ge=0, le=64)] = 0
    cpus: Annotated[
        float, Meta(description="processors that one run may use, with a cgroup; 0: all", ge=0)
    ] = 0.0


class Commands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    env: Annotated[
        dict[str, str],
        Meta(
            description="variables of every command, with env:NAME or file:/path where they are "
            "secret: programs see them, answers do not"
        ),
    ] = {}


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Annotated[
        str,
        Meta(
            description="env:NAME or file:/path of the Ed25519 key that signs checkpoints; "
            "empty: audit.key in the home, made when missing"
        ),
    ] = ""
    every_s: Annotated[
        float, Meta(description="time between checkpoints, in seconds; 0: only when asked", ge=0)
    ] = 300.0
    trust: Annotated[
        tuple[str, ...],
        Meta(description="public keys of other nodes that sign checkpoints here, in hexadecimal"),
    ] = ()


class A2a(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    publish: Annotated[
        tuple[str, ...], Meta(description="agents that others may give tasks to, at /a2a/NAME")
    ] = ()
    push: Annotated[
        tuple[str, ...],
        Meta(description="hosts that may be told of a task's news, such as hooks.example.org"),
    ] = ()


class Browser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chromium through Playwright, `logos[browser]`."""

    on: Annotated[bool, Meta(description="give agents /tools/browser")] = False
    program: Annotated[str, Meta(description="the Chromium; empty: the system's")] = ""


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A search engine that answers in JSON: SearXNG, Brave and similar."""

    url: Annotated[str, Meta(description="where it is asked, with what is always asked for")] = ""
    asked: Annotated[str, Meta(description="the parameter the words go into")] = "q"
    paged: Annotated[str, Meta(description="the parameter for the page, if it has one")] = ""
    headers: Annotated[dict[str, str], Meta(description="sent; env:NAME and file:/path")] = {}


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The vendors' APIs, for unmodified clients."""

    on: Annotated[bool, Meta(description="serve it with `logos up`")] = True
    host: Annotated[
        str, Meta(description="address it listens at; other than loopback asks for keys")
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(description="0: any free one, and the same again", ge=0, le=65535)
    ] = 0
    keepalive_s: Annotated[
        float, Meta(description="a waiting client hears something this often, in seconds", gt=0)
    ] = 10.0
    idle_s: Annotated[
        float,
        Meta(
            description="a conversation ends when nothing was said for so long, in seconds; 0: never",
            ge=0,
        ),
    ] = 30 * 86_400.0
    model: Annotated[
        str, Meta(description="answers to names nobody has; empty: the model for agents")
    ] = ""
    models: Annotated[dict[str, str], Meta(description="names clients use -> models")] = {}


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model, under the name agents use.  Whatever is left out is inferred from that name."""

    url: Annotated[str, Meta(description="base URL")] = ""
    key: Annotated[str, Meta(description="env:NAME or file:/path")] = ""
    model: Annotated[str, Meta(description="the provider's name of it, or a GGUF file")] = ""
    dialect: Annotated[str, Meta(description="openai or anthropic")] = ""
    window: Annotated[int, Meta(description="tokens", ge=256)] | None = None
    effective: (
        Annotated[float, Meta(description="share of the window that is used", gt=0, le=1)] | None
    ) = None
    max_output: Annotated[int, Meta(description="tokens", ge=1)] | None = None
    concurrency: Annotated[int, Meta(description="thoughts at once", ge=1)] | None = None
    timeout_s: Annotated[float, Meta(description="longest silence, in seconds", gt=0)] = 600.0
    stream: Annotated[bool, Meta(description="off: whole answers, cheaper to read")] = True
    images: Annotated[bool, Meta(description="it reads images")] = False
    price: Price | None = None
    headers: Annotated[dict[str, str], Meta(description="sent with every request")] = {}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    home: Annotated[str, Meta(description="where everything is kept; empty: user data folder")] = ""
    model: Annotated[str, Meta(description="for agents that name none")] = "builtin/reader"
    agents: Annotated[
        tuple[str, ...], Meta(description="folders of agent files, besides those of the project")
    ] = ()
    store: Store = Store()
    node: Node = Node()
    memory: Memory = Memory()
    sandbox: Sandbox = Sandbox()
    audit: Audit = Audit()
    commands: Commands = Commands()
    web: Annotated[
        dict[str, dict[str, str]],
        Meta(description="headers of http.fetch by host, such as Authorization = Bearer env:NAME"),
    ] = {}
    trust: Trust = Trust()
    limits: Limits = Limits()
    gateway: Gateway = Gateway()
    models: Annotated[dict[str, Endpoint], Meta(description="endpoints by name")] = {}
    a2a: A2a = A2a()
    databases: Annotated[
        dict[str, str],
        Meta(description="databases for /tools/sql, by name: env:NAME or file:/path of the URL"),
    ] = {}
    search: Search = Search()
    browser: Browser = Browser()
    mounts: Annotated[dict[str, Place], Meta(description="places of tools, by name")] = {}


class Loaded(NamedTuple):
    config: Config
    origins: dict[str, str]


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Raise SysError `invalid` naming the setting and where it was set."""
    raw: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if path is not None and path.exists():
        try:
            raw = msgspec.toml.decode(path.read_bytes())
        except (msgspec.DecodeError, UnicodeError) as error:
            raise SysError(Code.INVALID, f"{path}: {error}", hint="TOML is expected") from error
        origins |= dict.fromkeys(_leaves(raw), str(path))
    for variable, setting, value in _variables(environ):
        _put(raw, setting, value, variable)
        origins[".".join(setting)] = variable
    try:
        return Loaded(msgspec.convert(raw, Config, strict=False), origins)
    except msgspec.ValidationError as error:
        where = ", ".join(sorted(set(origins.values())))
        raise SysError(
            Code.INVALID,
            f"settings: {error}",
            hint=f"set in {where}; `logos config` lists them all",
        ) from error


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str], str]]:
    """The variables that are settings, each with its path and its value: LOGOS_X before
    LOGOS_X_Y."""
    sections = {f.name for f in msgspec.structs.fields(Config)}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not value:
            continue
        first, _, rest = variable.removeprefix(PREFIX).lower().partition("_")
        inner, _, last = rest.partition("_")
        parts = (first, inner, last) if first in NESTED and last else (first, rest)
        if first in sections:
            yield variable, [part for part in parts if part], value


def _put(raw: dict[str, Any], setting: list[str], value: str, variable: str) -> None:
    *way, last = setting
    for name in way:
        raw = raw.setdefault(name, {})
        if not isinstance(raw, dict):
            raise SysError(Code.INVALID, f"settings: {name} is no section", hint=f"see {variable}")
    raw[last] = value.split(":") if ".".join(setting) in LISTS else value


def secret(reference: str, environ: Mapping[str, str]) -> str:
    """`env:NAME` or `file:/path` -> its value.  Raise `unauthenticated` when there is none."""
    kind, _, where = reference.partition(":")
    if not reference:
        return ""
    found = ""
    if kind == "env":
        found = environ.get(where, "")
    elif kind == "file" and Path(where).is_file():
        found = Path(where).read_text(encoding="utf-8").strip()
    if found:
        if isinstance(environ, Vault):
            environ.keep(Path(where).name, found)
        return found
    raise SysError(
        Code.UNAUTHENTICATED,
        f"there is no secret at {reference!r}"
        if kind in ("env", "file")
        else "a key is a reference",
        hint="write env:NAME or file:/path, and put the key there",
    )


def filled(value: str, environ: Mapping[str, str]) -> str:
    """A value that ends with a reference (`Bearer env:NAME`), resolved; any other value
    unchanged."""
    head, _, last = value.rpartition(" ")
    if not last.startswith(("env:", "file:")):
        return value
    return f"{head} {secret(last, environ)}".lstrip()


def settings(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Every setting: its name, its value as JSON, and its origin."""
    rows = _leaves(msgspec.to_builtins(loaded.config))
    return [
        (
            name,
            msgspec.json.encode(_shown(name, value)).decode(),
            loaded.origins.get(name, "default"),
        )
        for name, value in rows.items()
    ]


HIDDEN = "(not shown: env:NAME or file:/path would be)"
_SECRETS = re.compile(r"(^|\.)(headers|env|web|databases)\.")
_PASSWORD = re.compile(r"(://[^/@:]*:)[^@]*(@)|((?:^|[?&\s])(?:password|sslpassword)=)[^&\s]*")


def _shown(name: str, value: Any) -> Any:
    """Settings may be shown to anyone, so passwords in URLs and literal headers are hidden."""
    if not isinstance(value, str):
        return value
    if _SECRETS.search(name) and not value.rpartition(" ")[2].startswith(("env:", "file:")):
        return HIDDEN
    return _PASSWORD.sub(lambda m: f"{m[1]}***{m[2]}" if m[1] else f"{m[3]}***", value)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            leaves |= _leaves(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
