"""The server that the gateway and programs are served by: what it writes into the log."""

import socket
from typing import Any

import anyio
import httpx2
import pytest
from tests.conftest import PATIENCE_S

from logos.gateway import serving

pytestmark = pytest.mark.anyio


async def test_a_server_that_stops_has_no_errors(caplog: pytest.LogCaptureFixture) -> None:
    """Requests under way are cancelled with it."""
    asked = anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send
        asked.set()
        await anyio.sleep_forever()

    async def ask(url: str) -> None:
        async with httpx2.AsyncClient() as http:
            assert (await http.get(url)).status_code == 500

    listener = socket.create_server(("127.0.0.1", 0))
    with listener, anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks, serving(app, listener):
            tasks.start_soon(ask, f"http://127.0.0.1:{listener.getsockname()[1]}/")
            await asked.wait()
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
