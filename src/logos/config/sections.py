"""The tree of settings: every section, its defaults, and what each setting is for.

    Config     all of them; a section for each room
    Loaded     a Config, and where each of its settings came from

Secrets are references (`env:NAME` or `file:/path`), never values, so that settings can be printed
or journaled safely.
"""

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from logos.abi.driver import Mode, Price
from logos.abi.tools import Place


class Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(description="PostgreSQL URL; empty: the embedded server")] = ""
    pool: Annotated[int, Meta(description="connections for reads", ge=1, le=100)] = 4
    patience_s: Annotated[
        float, Meta(description="how long to wait for a database that went away, in seconds", gt=0)
    ] = 60.0


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lease_s: Annotated[
        float, Meta(description="a node silent for this long loses its processes, in seconds", gt=0)
    ] = 10.0
    resident: Annotated[
        int, Meta(description="idle processes kept in memory so that they wake quickly", ge=0)
    ] = 256
    weights: Annotated[
        str, Meta(description="file of weights for memory, as written by bench/fit_pager.py")
    ] = ""


class Consolidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: Annotated[bool, Meta(description="consolidate idle memories in the background")] = False
    model: Annotated[
        str, Meta(description="model that extracts facts from conversations; empty: none")
    ] = ""
    tokens_per_day: Annotated[int, Meta(description="for that model, over all nodes", ge=0)] = (
        100_000
    )
    idle_s: Annotated[
        float, Meta(description="a memory is idle after this long, in seconds", gt=0)
    ] = 600.0


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Models that memory may use.  Without any it works on words alone."""

    embedder: Annotated[
        str, Meta(description="embedding model to search pages with; empty: words only")
    ] = ""
    embed_confidential: Annotated[
        bool,
        Meta(description="allow models of memory to see processes that read confidential data"),
    ] = False
    embed_rate: Annotated[
        float, Meta(description="most embedding requests per second for pages", gt=0)
    ] = 4.0
    embed_retry_s: Annotated[
        float, Meta(description="first pause after a failed request, in seconds; it doubles", gt=0)
    ] = 1.0
    embed_wait_ms: Annotated[
        int, Meta(description="how long a search waits for its embedding, in milliseconds", ge=1)
    ] = 300
    reranker: Annotated[
        str,
        Meta(description="model that reranks the best pages of a search; empty: none"),
    ] = ""
    rerank_pages: Annotated[int, Meta(description="how many pages it reranks", ge=2, le=200)] = 24
    rerank_wait_ms: Annotated[
        int, Meta(description="how long a search waits for the reranker, in milliseconds", ge=1)
    ] = 500
    digester: Annotated[
        str, Meta(description="model that writes digests at compaction; empty: extracted")
    ] = ""
    digest_wait_s: Annotated[
        float, Meta(description="how long a thought waits for a digest, in seconds", gt=0)
    ] = 20.0
    consolidate: Consolidate = Consolidate()


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    manifests: Annotated[str, Meta(description="folder of manifests, which say what tools do")] = ""
    rules: Annotated[
        str, Meta(description="file with rules of this site; they can only ask or deny")
    ] = ""
    answer_s: Annotated[
        float, Meta(description="how long a question waits for a person, in seconds", gt=0)
    ] = 86400.0
    questions: Annotated[
        int, Meta(description="most open questions of a process tree at once", ge=0)
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
        Allowance, Meta(description="for each person or client and all their processes")
    ] = Allowance()
    node: Annotated[Allowance, Meta(description="for all of them together")] = Allowance()


class Sandbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Annotated[
        Mode, Meta(description="weakest confinement accepted for code that agents run")
    ] = Mode.FULL
    pool: Annotated[int, Meta(description="idle sandboxes kept ready", ge=0, le=64)] = 0
    cpus: Annotated[
        float, Meta(description="processors one run may use, where cgroups allow it; 0: all", ge=0)
    ] = 0.0


class Commands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    env: Annotated[
        dict[str, str],
        Meta(
            description="environment variables of every command; secrets as env:NAME or "
            "file:/path are visible to programs and removed from their output"
        ),
    ] = {}


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Annotated[
        str,
        Meta(
            description="env:NAME or file:/path of the Ed25519 key that signs checkpoints; "
            "empty: audit.key in the home, created if missing"
        ),
    ] = ""
    every_s: Annotated[
        float, Meta(description="time between checkpoints, in seconds; 0: only on request", ge=0)
    ] = 300.0
    trust: Annotated[
        tuple[str, ...],
        Meta(description="public keys of other nodes that sign checkpoints here, in hexadecimal"),
    ] = ()


class A2a(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    publish: Annotated[
        tuple[str, ...], Meta(description="agents offered to others, at /a2a/NAME")
    ] = ()
    push: Annotated[
        tuple[str, ...],
        Meta(description="hosts that may receive task notifications, such as hooks.example.org"),
    ] = ()


class Browser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chromium through Playwright, `logos[browser]`."""

    on: Annotated[bool, Meta(description="give agents /tools/browser")] = False
    program: Annotated[str, Meta(description="path of Chromium; empty: the system's")] = ""


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A search engine that answers in JSON: SearXNG, Brave and similar."""

    url: Annotated[str, Meta(description="URL of the engine, with its fixed parameters")] = ""
    asked: Annotated[str, Meta(description="name of the query parameter")] = "q"
    paged: Annotated[str, Meta(description="name of the page parameter, if any")] = ""
    headers: Annotated[
        dict[str, str], Meta(description="request headers; env:NAME and file:/path")
    ] = {}


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The vendors' APIs, for unmodified clients."""

    on: Annotated[bool, Meta(description="start it with `logos up`")] = True
    host: Annotated[
        str, Meta(description="address it listens on; other than loopback requires keys")
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(description="0: any free port, reused at later starts", ge=0, le=65535)
    ] = 0
    keepalive_s: Annotated[
        float, Meta(description="a waiting client is sent a ping this often, in seconds", gt=0)
    ] = 10.0
    idle_s: Annotated[
        float,
        Meta(
            description="a conversation ends after this much silence, in seconds; 0: never",
            ge=0,
        ),
    ] = 30 * 86_400.0
    model: Annotated[
        str, Meta(description="serves model names that are not configured; empty: `model`")
    ] = ""
    models: Annotated[dict[str, str], Meta(description="names that clients use -> models")] = {}


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model, under the name agents use.  Whatever is left out is inferred from that name."""

    url: Annotated[str, Meta(description="base URL")] = ""
    key: Annotated[str, Meta(description="env:NAME or file:/path")] = ""
    model: Annotated[str, Meta(description="the provider's name for it, or a GGUF file")] = ""
    dialect: Annotated[str, Meta(description="openai or anthropic")] = ""
    window: Annotated[int, Meta(description="context window, in tokens", ge=256)] | None = None
    effective: (
        Annotated[float, Meta(description="share of the window that is used", gt=0, le=1)] | None
    ) = None
    max_output: Annotated[int, Meta(description="longest answer, in tokens", ge=1)] | None = None
    concurrency: Annotated[int, Meta(description="most thoughts at once", ge=1)] | None = None
    timeout_s: Annotated[float, Meta(description="longest silence, in seconds", gt=0)] = 600.0
    stream: Annotated[
        bool, Meta(description="off: request whole answers, which cost less processor time")
    ] = True
    images: Annotated[bool, Meta(description="the model accepts images")] = False
    price: Price | None = None
    headers: Annotated[dict[str, str], Meta(description="sent with every request")] = {}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    home: Annotated[str, Meta(description="folder for everything; empty: the user data folder")] = (
        ""
    )
    model: Annotated[str, Meta(description="model for agents that name none")] = "builtin/reader"
    agents: Annotated[tuple[str, ...], Meta(description="further folders of agent files")] = ()
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
    mounts: Annotated[dict[str, Place], Meta(description="mounts, by name")] = {}


class Loaded(NamedTuple):
    """`origins` says of each setting that was set which file or variable set it."""

    config: Config
    origins: dict[str, str]
