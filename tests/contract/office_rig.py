"""An office on a machine in this process: two agents who may send mail, and a directory of people.

step(request, word)       what the model does, by the task
tools()                   `send_mail` and `contacts`, with their manifests
settled(url, folder)      a home with both agents, and settings that publish one of them
office(url, folder, ...)  the machine, and the surfaces of its port
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from logos import Functions, config
from logos.abi.driver import Mode
from logos.abi.ids import CallId
from logos.abi.messages import Request, Role, ToolCall
from logos.boot import Machine, boot
from logos.cli.daemon import surfaces
from logos.drivers.model import Say, Scripted

AGENT = "---\nname: {0}\nmodel: m\ntools: send_mail, contacts\napprovals: ask\n---\nHelp.\n"
MAIL = {"impact": "egress_people", "arguments": {"to": "address", "body": "content"}}
PEOPLE = {
    "impact": "read",
    "result": {
        "type": "contact",
        "keys": ["name"],
        "fields": {"name": "name", "email": {"kind": "address", "directory": True}},
    },
}
ZOE = "zoe@firm.example"


def step(request: Request, word: str = "") -> Say:
    """Writes to somebody where its task says so, and else says the word back if it was told it."""
    last = request.messages[-1]
    if last.role is Role.TOOL and ZOE in str(last):
        wanted = ("send_mail", {"to": ZOE, "body": f"the {word} fair is on Monday"})
    elif "somebody" in str(last):
        wanted = ("contacts", {})
    else:
        return Say(f"done {word}" if word and word in str(request.messages) else "done")
    return Say("", (ToolCall(id=CallId("x"), name=wanted[0], arguments=json.dumps(wanted[1])),))


def tools() -> Functions:
    functions = Functions()

    @functions.register(manifest=MAIL)
    def send_mail(to: str, body: str) -> str:
        """Send mail."""
        return f"sent to {to}: {body}"

    @functions.register(manifest=PEOPLE)
    def contacts() -> list[dict[str, str]]:
        """People."""
        return [{"name": n, "email": f"{n.lower()}@firm.example"} for n in ("Zoe", "Yan")]

    return functions


def settled(url: str, folder: Path, push: tuple[str, ...] = ()) -> config.Config:
    home = folder / "home"
    (home / "agents").mkdir(parents=True)
    for name in ("helper", "own"):
        (home / "agents" / f"{name}.md").write_text(AGENT.format(name))
    return config.Config(
        home=str(home),
        model="m",
        store=config.Store(url=url),
        sandbox=config.Sandbox(mode=Mode.NONE),
        a2a=config.A2a(publish=("helper",), push=push),
    )


@asynccontextmanager
async def office(
    settings: config.Config, word: str = ""
) -> AsyncIterator[tuple[Machine, dict[str, Any]]]:
    loaded = config.Loaded(settings, {})
    models = {"m": Scripted(lambda request: step(request, word))}
    async with (
        boot(loaded, functions=tools(), models=models) as machine,
        surfaces(machine, loaded) as also,
    ):
        yield machine, also
