"""`logos mcp`, as an MCP client starts it."""

import json
import subprocess
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from tests.cli.conftest import LOGOS, Place
from tests.conftest import PATIENCE_S

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


def test_what_was_asked_before_the_end_of_input_is_answered(place: Place) -> None:
    calls = [{"name": "wait", "arguments": {"pid": 2}}, {"name": "ps", "arguments": {"all": True}}]
    asked = [
        {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": call}
        for n, call in enumerate(calls)
    ]
    done = subprocess.run(
        [LOGOS, "mcp"],
        env=place.environ,
        input="".join(json.dumps(one) + "\n" for one in asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    answers = {(one := json.loads(line))["id"]: one["result"] for line in done.stdout.splitlines()}
    assert sorted(answers) == [0, 1]
    assert "Mira" in answers[0]["content"][0]["text"]


def test_help(place: Place) -> None:
    assert "MCP" in place.run("mcp", "--help").stdout
    assert place.data("mcp", "--describe")["name"] == "mcp"
    assert place.run("mcp", "--frobnicate").returncode == 2
