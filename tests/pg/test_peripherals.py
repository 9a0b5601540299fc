"""What settings bring below /tools: a database, a search engine, a browser; as an agent has them."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.pg.acting import calls, ended, events
from tests.pg.test_secrets import everything

from logos.abi.agent import Agent, Approvals
from logos.abi.driver import Mode
from logos.abi.errors import Code
from logos.abi.events import Failed, Returned
from logos.abi.rights import parse
from logos.boot import boot
from logos.config import Browser, Config, Loaded, Sandbox, Search, Store
from logos.drivers.model import Scripted
from logos.vault import Vault

pytestmark = pytest.mark.anyio

PASSWORD = "planted-4711-hush"
TASK = "Look up how many things there are in the shop, and delete none."


def call(tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return "tool_call", {"tool": tool, "arguments": arguments}


@pytest.mark.slow
async def test_they_are_places_of_tools(url: str, tmp_path: Path) -> None:
    config = Config(
        home=str(tmp_path / "home"),
        store=Store(url=url),
        sandbox=Sandbox(mode=Mode.NONE),
        databases={"shop": "env:SHOP"},
        search=Search(url="http://127.0.0.1:9/search"),
        browser=Browser(on=True),
    )
    shop = f"{url}{'&' if '?' in url else '?'}password={PASSWORD}"
    says = Scripted(
        [
            calls(call("sql/query", database="shop", sql="SELECT 40 + 2 AS many")),
            calls(call("sql/write", database="shop", sql="DELETE FROM events")),
            calls(("fs_list", {"path": "/tools"})),
            calls(call("web/search", query="things in shops")),
            "42",
        ]
    )
    rights = ("call:/tools/**", "read:/tools/**", "read:/tools")
    agent = Agent(
        name="a",
        model="m",
        tools=("tool.call", "fs.list"),
        allow=tuple(map(parse, rights)),
        approvals=Approvals.DENY,
    )
    booted = boot(Loaded(config, {}), models={"m": says}, vault=Vault({"SHOP": shop}))
    async with booted as machine:
        shown = {s.name: (s.kind, s.tools, s.origin) for s in await machine.places.shown()}
        assert shown == {
            "sql": ("sql", 3, "logos.toml"),
            "web": ("web", 1, "logos.toml"),
            "browser": ("browser", 5, "logos.toml"),
        }
        pid = await machine.kernel.spawn(agent, TASK)
        assert (await ended(machine.kernel, pid)).answer == "42"
        seen = await events(machine.kernel, pid)
    [first, listing] = [e for e in seen if isinstance(e, Returned)]
    assert json.loads(bytes(first.value))["rows"] == [[42]]
    assert b"browser" in bytes(listing.value)
    failed = [e for e in seen if isinstance(e, Failed)]
    assert [(e.code, "search engine" in e.message) for e in failed] == [
        (Code.UNCONFIRMED, False),
        (Code.UNAVAILABLE, True),
    ]
    assert PASSWORD.encode() not in await everything(url)
