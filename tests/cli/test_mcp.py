"""`logos mcp`, as an MCP client starts it."""

import json
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from tests.cli.conftest import LOGOS, Place

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_an_mcp_client_runs_an_agent(place: Place) -> None:
    server = StdioServerParameters(
        command=str(LOGOS), args=["mcp"], env=place.environ, cwd=str(place.folder)
    )
    async with Client(server) as client:

        async def call(tool: str, **arguments: Any) -> Any:
            result = await client.call_tool(tool, arguments)
            return json.loads(result.content[0].text)  # type: ignore[union-attr]

        assert 2 in [process["pid"] for process in await call("ps", all=True)]
        ended = await call("wait", pid=2)
        assert ended["status"] == "exited"
        assert "Mira" in ended["answer"]


def test_help(place: Place) -> None:
    assert "MCP" in place.run("mcp", "--help").stdout
    assert place.data("mcp", "--describe")["name"] == "mcp"
    assert place.run("mcp", "--frobnicate").returncode == 2
