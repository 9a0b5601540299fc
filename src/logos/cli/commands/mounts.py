"""mount, umount, mounts: where tools come from."""

from pathlib import Path
from typing import Any

from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.cli.registry import Argument, Asked, Command, pair
from logos.cli.shown import counted

OPTIONS = (
    Argument("--accept", "accept the tools as they are now", bool),
    Argument("--network", "let it use the network", bool),
    Argument("--own", "start one for each process, in that process's folder", bool),
    Argument(
        "--env", "NAME=VALUE, NAME=env:OTHER or NAME=file:/path", many=True, value="NAME=VALUE"
    ),
    Argument(
        "--header",
        "NAME=VALUE, sent with every request; env: and file: as in --env",
        many=True,
        value="NAME=VALUE",
    ),
    Argument("--readable", "a folder it may read", many=True, value="FOLDER"),
    Argument("--host", "a host that an OpenAPI document may send requests to", many=True),
    Argument(
        "--client-id",
        "our client id, for a login server that does not register clients",
        default="",
        value="ID",
    ),
    Argument(
        "--client-secret",
        "env:NAME or file:/path of the client secret",
        default="",
        value="SECRET",
    ),
    Argument(
        "--manifest",
        "a manifest: a file that says what the command or its tools do",
        default="",
        value="FILE",
    ),
)


async def mount(asked: Asked) -> int:
    args, places = asked.arguments, asked.node.places
    if args.accept:
        if args.target:
            raise SysError(Code.INVALID, "--accept takes a name and nothing else")
        changed = await places.accept(args.name)
        text = "\n".join(f"{name} {why}" for name, why in changed.items())
        asked.out.data(
            {"name": args.name, "accepted": dict(changed)}, text or "nothing had changed"
        )
        return 0
    offers = await places.add(args.name, _place(asked), by=asked.by)
    data = {"name": args.name, "tools": [offer.name for offer in offers]}
    text = f"/tools/{args.name}: {counted(offers, 'tool')}\n" + "".join(
        f"  {offer.name}\n" for offer in offers
    )
    asked.out.data(data, text.rstrip())
    return 0


def _place(asked: Asked) -> Place:
    args = asked.arguments
    common: dict[str, Any] = {
        "env": dict(map(pair, args.env)),
        "headers": dict(map(pair, args.header)),
        "network": args.network,
        "own": args.own,
        "readable": tuple(str(asked.cwd / Path(r).expanduser()) for r in args.readable),
        "hosts": tuple(args.host),
        "client_id": args.client_id,
        "client_secret": args.client_secret,
        "manifest": str(asked.here(args.manifest)) if args.manifest else "",
    }
    match args.target:
        case []:
            raise SysError(
                Code.INVALID,
                "mount what?",
                hint="logos mount NAME -- COMMAND…, or NAME https://…, NAME a2a https://…, NAME openapi FILE, "
                "NAME command -- PROGRAM, NAME python MODULE",
            )
        case [url] if url.startswith(("http://", "https://")):
            return Place(url=url, **common)
        case ["openapi", where]:
            source = where if "://" in where else str(asked.here(where))
            return Place(openapi=source, **common)
        case ["a2a", url]:
            return Place(a2a=url, **common)
        case ["python", module]:
            return Place(**_module(asked, module), **common)
        case ["command", first, *rest]:
            return Place(program=(_program(asked, first), *rest), **common)
        case [first] if "://" in first:
            raise SysError(
                Code.INVALID, f"{first}: no such URL is spoken here", hint="http:// or https://"
            )
        case [first, *rest]:
            return Place(command=(_program(asked, first), *rest), **common)
        case _:
            raise SysError(Code.INVALID, f"{args.target!r} is not a target")


def _module(asked: Asked, name: str) -> dict[str, Any]:
    """One of the folder where the person is comes before one that is installed."""
    file = asked.here(name)
    first = name.partition(".")[0]
    folder = ""
    if name.endswith(".py"):
        folder, name = str(file.parent), file.name
    elif any((asked.cwd / one).exists() for one in (first, f"{first}.py")):
        folder = str(asked.cwd)
    own = asked.cwd / ".venv" / "bin" / "python"
    return {"python": name, "folder": folder, "interpreter": str(own) if own.exists() else ""}


def _program(asked: Asked, word: str) -> str:
    """A path is one of the folder where the person is."""
    return str(asked.cwd / word) if "/" in word else word


async def login(asked: Asked) -> int:
    name = asked.arguments.name

    def tell(url: str) -> None:
        asked.out.raw(2, f"open this in a browser of this machine:\n{url}\n".encode())

    offers = await asked.node.places.login(name, tell)
    data = {"name": name, "tools": [offer.name for offer in offers]}
    asked.out.data(data, f"/tools/{name}: {counted(offers, 'tool')}")
    return 0


async def umount(asked: Asked) -> int:
    await asked.node.places.remove(asked.arguments.name)
    asked.out.data({"name": asked.arguments.name}, f"{asked.arguments.name} is unmounted")
    return 0


async def mounts(asked: Asked) -> int:
    shown = await asked.node.places.shown(look=asked.arguments.look)
    data = [{**s._asdict(), "blocked": dict(s.blocked)} for s in shown]
    if not shown and not asked.out.json:
        asked.out.note("nothing is mounted; logos mount NAME -- COMMAND…")
        return 0
    rows = [
        (s.name, s.kind, s.state, s.tools, "yes" if s.network else "no", s.origin, s.target)
        for s in shown
    ]
    asked.out.table(("NAME", "KIND", "STATE", "TOOLS", "NETWORK", "FROM", "TARGET"), rows, data)
    for s in shown:
        for tool, why in s.blocked.items():
            asked.out.note(f"{s.name}/{tool} {why}; blocked until: logos mount --accept {s.name}")
    return 0


MOUNT = Command(
    "mount",
    "make the tools of a server, a document or a program available",
    mount,
    (
        Argument("name", "what it is called below /tools"),
        Argument(
            "target",
            "-- COMMAND…, a URL, a2a URL, openapi FILE-OR-URL, command -- PROGRAM…, or "
            "python MODULE-OR-FILE",
            default=(),
            many=True,
        ),
        *OPTIONS,
    ),
    effect="write",
    idempotent=False,
    details="-- COMMAND is an MCP server on its standard streams. It runs in the sandbox: without "
    "the network unless --network, and reading only its own folder and what --readable names.\n"
    "command -- PROGRAM makes each sub-command of a program a tool: as a manifest says "
    "(--manifest), as PROGRAM --describe says, or as PROGRAM --help does. It runs in the folder of "
    "who calls it.\n"
    "python MODULE makes each function of a module a tool; it runs in a process of its own, by the "
    "Python of the folder's .venv, else by ours.\n"
    "What the tools say of themselves now is accepted; what changes later is blocked until "
    "a person accepts it: logos mount --accept NAME.",
)
LOGIN = Command(
    "mount login",
    "log in to a mounted server that requires it",
    login,
    (Argument("name", "as `logos mounts` lists it"),),
    effect="write",
    details="By OAuth, in a browser of this machine. The tokens stay in the home, are sent to that "
    "server and to no other, are renewed when they are refused, and are in no journal.",
)
UMOUNT = Command(
    "umount",
    "remove a mount, with its data",
    umount,
    (Argument("name", "as `logos mounts` lists it"),),
    effect="write",
    idempotent=False,
)
MOUNTS = Command(
    "mounts",
    "list what is mounted below /tools",
    mounts,
    (Argument("--look", "start every server and check its tools against those accepted", bool),),
)
