"""A program that was granted a host: it gets there, and nowhere else by no other way."""

import json
import textwrap
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
from tests.conftest import PATIENCE_S
from tests.sandbox.answering import answering

from logos.abi.calls import Run
from logos.abi.driver import Job, Mode
from logos.abi.errors import Code, SysError
from logos.abi.events import Reached
from logos.abi.ids import CallId, Pid
from logos.drivers.command import Commands
from logos.drivers.http import Proxy
from logos.drivers.sandbox import LocalSandbox

METADATA = "http://169.254.169.254/"

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Open = Callable[..., LocalSandbox]

TRIES = textwrap.dedent("""
    import json, os, socket, sys, urllib.error, urllib.request
    port = int(sys.argv[1])
    found = {}

    def tried(name, what):
        try:
            found[name] = what()
        except urllib.error.HTTPError as error:
            found[name] = f"{error.code} {error.reason} | {error.read().decode()}"
        except OSError as error:
            found[name] = f"OSError {error}"

    def get(url, proxy=True):
        handlers = [] if proxy else [urllib.request.ProxyHandler({})]
        with urllib.request.build_opener(*handlers).open(url, timeout=5) as answer:
            return answer.read().decode()

    def udp(family, address):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.settimeout(1)
        s.sendto(b"x", address)
        return s.recv(1).decode()

    def raw(*kind):
        socket.socket(*kind)
        return "made"

    tried("granted", lambda: get(f"http://localhost:{port}/"))
    tried("refused", lambda: get("http://evil.example/"))
    tried("https", lambda: get("https://evil.example/"))
    tried("other_port", lambda: get(f"http://localhost:{port + 1}/"))
    tried("metadata", lambda: get("http://169.254.169.254/latest"))
    tried("redirect", lambda: get(f"http://localhost:{port}/redirect"))
    tried("direct", lambda: get(f"http://127.0.0.1:{port}/", proxy=False))
    tried("tcp", lambda: socket.create_connection(("192.0.2.1", 443), 1))
    tried("ipv6", lambda: socket.create_connection(("2001:db8::1", 443), 1))
    tried("udp", lambda: udp(socket.AF_INET, ("192.0.2.1", 53)))
    tried("udp6", lambda: udp(socket.AF_INET6, ("2001:db8::1", 53)))
    tried("dns", lambda: socket.getaddrinfo("example.org", 80))
    tried("raw", lambda: raw(socket.AF_INET, socket.SOCK_RAW, 1))
    tried("packet", lambda: raw(socket.AF_PACKET, socket.SOCK_RAW))
    tried("netlink", lambda: raw(socket.AF_NETLINK, socket.SOCK_RAW))
    tried("unix", lambda: raw(socket.AF_UNIX, socket.SOCK_STREAM))
    found["env"] = sorted(n for n in os.environ if "proxy" in n.lower())
    print(json.dumps(found))
""")


class Rig:
    def __init__(self, box: LocalSandbox) -> None:
        self.events: list[Reached] = []
        proxy = Proxy()
        proxy.tell(self.note, self.confided)
        self.commands = Commands(box, way=proxy)

    async def note(self, pid: Pid, *events: Reached) -> None:
        assert pid == Pid(1)
        self.events += events

    async def confided(self, pid: Pid) -> bool:
        raise AssertionError(f"a command was decided on before it ran: {pid}")

    async def run(self, workspace: Path, script: str, *given: str, hosts: tuple[str, ...]) -> str:
        argv = ("/usr/bin/python3", "-I", "-c", script, *given)
        call = Run(argv=argv, hosts=hosts, timeout_s=30)
        return await self.commands.run(
            Job(id=CallId("1-c1"), pid=Pid(1), call=call, workspace=workspace)
        )


@pytest.mark.parametrize("pool", [0, 1])
async def test_a_granted_host_is_reached_and_nothing_else_is(
    workspace: Path, open_box: Open, pool: int
) -> None:
    async with AsyncExitStack() as held:
        port = await held.enter_async_context(answering(METADATA))
        box = open_box(Mode.FULL, pool=pool)
        held.push_async_callback(box.aclose)
        rig = Rig(box)
        for _ in range(pool + 1):  # a launcher that waited has a way out, too
            rig.events.clear()
            said = await rig.run(workspace, TRIES, str(port), hosts=(f"localhost:{port}",))
            found: dict[str, Any] = json.loads(said.splitlines()[0])
            _reached(found, said)
    totals = {(e.host, e.port): e for e in rig.events}
    assert totals["localhost", port].received > 0
    assert totals["evil.example", 443].refused == "not granted"


def _reached(found: dict[str, Any], said: str) -> None:
    assert found["granted"] == "hello"
    assert found["refused"].startswith("403 lacks connect:/net/evil.example;")
    assert "it may reach localhost:" in found["refused"].partition("|")[2]
    assert "403 lacks connect:/net/evil.example" in found["https"]
    assert found["other_port"].startswith("403 ")
    assert found["metadata"].startswith("403 ")
    assert found["redirect"].startswith("403 ")
    assert not {name for name in ("raw", "packet", "netlink", "unix") if found[name] == "made"}
    outside = ("direct", "tcp", "ipv6", "udp", "udp6", "dns")
    assert all(str(found[name]).startswith("OSError") for name in outside), found
    assert "HTTPS_PROXY" in found["env"]
    assert "[not reached]\nevil.example:80: not granted" in said


async def test_without_hosts_there_is_no_way_out(workspace: Path, open_box: Open) -> None:
    async with answering(METADATA) as port:
        rig = Rig(open_box(Mode.FULL))
        said = await rig.run(workspace, TRIES, str(port), hosts=())
    found = json.loads(said.splitlines()[0])
    assert found["env"] == []
    assert all(str(found[name]).startswith("OSError") for name in ("granted", "refused", "dns"))
    assert rig.events == []


@pytest.mark.parametrize("mode", [Mode.NO_NAMESPACES, Mode.NONE])
async def test_a_mode_that_cannot_hold_a_program_to_its_hosts_runs_none(
    workspace: Path, open_box: Open, mode: Mode
) -> None:
    rig = Rig(open_box(mode))
    with pytest.raises(SysError, match="cannot hold a program to its hosts") as caught:
        await rig.run(workspace, "print(1)", hosts=("pypi.org",))
    assert caught.value.code is Code.UNAVAILABLE
    assert "[exit status 0]" in await rig.run(workspace, "print(1)", hosts=())


async def test_a_program_that_is_killed_takes_its_connections_along(
    workspace: Path, open_box: Open
) -> None:
    """A call that is given up says what it reached all the same."""
    script = textwrap.dedent("""
        import os, socket, sys, time
        s = socket.create_connection(("127.0.0.1", 3128))
        where = f"127.0.0.1:{sys.argv[1]}"
        s.sendall(f"CONNECT {where} HTTP/1.1\\r\\nHost: {where}\\r\\n\\r\\n".encode())
        s.recv(99); s.sendall(b"x"); time.sleep(60)
    """)
    gone = anyio.Event()

    async def hold(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            try:
                while True:
                    await stream.receive()
                    tasks.cancel_scope.cancel()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                gone.set()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as serving:
        serving.start_soon(listener.serve, hold)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        rig = Rig(open_box(Mode.FULL))
        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as tasks:

                async def run() -> None:
                    await rig.run(workspace, script, str(port), hosts=(f"127.0.0.1:{port}",))

                tasks.start_soon(run)
            await gone.wait()
        serving.cancel_scope.cancel()
    assert [(e.connections, e.sent) for e in rig.events] == [(0, 0), (1, 1)]
