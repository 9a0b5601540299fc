"""Commands that may connect, through a kernel: rights, where the host came from, what was read before,
and what stands in the journal."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from tests.pg.acting import calls, ended, events, until
from tests.sandbox.answering import answering

from logos import config
from logos.abi.agent import Agent
from logos.abi.approval import Answer
from logos.abi.calls import CallTool, Run
from logos.abi.driver import Effect, Mode
from logos.abi.errors import Code
from logos.abi.events import AnyEvent, Called, Failed, Held, Idled, Reached, Returned
from logos.abi.ids import Pid
from logos.abi.rights import parse
from logos.drivers.command import Commands
from logos.drivers.function import Functions
from logos.drivers.http import Proxy
from logos.drivers.model import Scripted
from logos.drivers.sandbox import LocalSandbox
from logos.kernel import Kernel, open_kernel
from logos.store import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

GET = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read())"


def get(url: str, *hosts: str) -> tuple[str, dict[str, Any]]:
    argv = ["/usr/bin/python3", "-I", "-c", GET, url]
    return "command_run", {"argv": argv, "hosts": list(hosts)}


class Desk:
    """One tool whose answer is confidential."""

    def __init__(self) -> None:
        self.tools = Functions()
        result = {"type": "card", "fields": {"pin": {"kind": "secret", "secret": "bank card"}}}
        self.tools.register(effect=Effect.PURE, manifest={"impact": "read", "result": result})(
            self.card
        )

    def card(self) -> dict[str, str]:
        """The card."""
        return {"pin": "4711-0815-4711-0815"}

    def parts(self) -> dict[str, Any]:
        return {
            "functions": lambda: {spec.name: spec for spec in self.tools.specs()},
            "manifests": self.tools.manifests,
        }


Opened = Callable[..., AbstractAsyncContextManager[Kernel]]


@pytest.fixture
def opened(url: str, world: Any, open_box: Callable[..., LocalSandbox]) -> Opened:
    @asynccontextmanager
    async def open_all(**more: Any) -> AsyncIterator[Kernel]:
        way, desk = Proxy(), Desk()
        box = open_box(more.pop("mode", Mode.FULL))
        world.drivers |= {Run: Commands(box, way=way), CallTool: desk.tools}
        parts = desk.parts() | more
        async with (
            open_store(url, config.Store()) as store,
            open_kernel(world.parts(store)._replace(**parts)) as kernel,
        ):
            way.tell(kernel.note, kernel.confided)
            yield kernel
        await box.aclose()

    return open_all


def agent(*rights: str) -> Agent:
    allow = (*map(parse, ("run:/bin/*", "call:/tools/**")), *map(parse, rights))
    return Agent(name="a", model="m", tools=("command.run", "card"), allow=allow)


def of(kind: type, found: list[AnyEvent]) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


async def test_a_granted_host_is_reached_and_the_journal_says_so(
    opened: Opened, world: Any
) -> None:
    async with answering() as port, opened() as kernel:
        host, other = f"localhost:{port}", f"http://localhost:{port + 1}/"
        wanted = [get(f"http://{host}/", host), get(other, host), get(f"http://{host}/")]
        world.models["m"] = Scripted([*map(calls, wanted), "done"])
        pid = await kernel.spawn(agent(f"connect:/net/{host}"), "look")
        assert (await ended(kernel, pid)).answer == "done"
        found = await events(kernel, pid)
    first, second, third = (bytes(event.value).decode() for event in of(Returned, found))
    assert first == json.dumps("b'hello'\n[exit status 0]")
    assert f"[not reached]\\nlocalhost:{port + 1}: not granted" in second
    assert "exit status 1" in third
    said = [(e.port, bool(e.refused), e.connections > 0) for e in of(Reached, found)]
    assert said == [
        (port, False, False),
        (port, False, True),
        (port + 1, True, False),
        (port + 1, True, True),
    ]
    ids = [event.id for event in of(Called, found)]
    assert [event.id for event in of(Reached, found)] == [ids[0], ids[0], ids[1], ids[1]]


@pytest.mark.parametrize(
    ("rights", "host", "rule"),
    [
        ((), "pypi.org", ""),
        (("fetch:/net/pypi.org/**",), "pypi.org", ""),
        (("connect:/net/pypi.org",), "pypi.org:22", ""),
        (("connect:/net/pypi.org",), "*", ""),
        (("connect:/net/pypi.org?uses=3",), "pypi.org", ""),
        (("connect:/net/*",), "evil.example", "default"),  # nobody spoke of it
        (("connect:/net/*",), "*", "default"),
    ],
)
async def test_a_host_that_was_not_granted_or_not_spoken_of_is_refused(
    opened: Opened, world: Any, rights: tuple[str, ...], host: str, rule: str
) -> None:
    world.models["m"] = Scripted([calls(get(f"http://{host}/", host)), "done"])
    async with opened() as kernel:
        pid = await kernel.spawn(agent(*rights), "look")
        await ended(kernel, pid)
        found = await events(kernel, pid)
    [failed] = of(Failed, found)
    assert (failed.code, failed.decision.get("rule", "")) == (Code.DENIED, rule)
    assert "connect:/net/" in failed.message or rule


async def test_what_was_read_in_confidence_leaves_with_no_command_unasked(
    opened: Opened, world: Any
) -> None:
    """What a program sends cannot be seen: it may send all that its process knows."""
    async with answering() as port, opened() as kernel:
        host = f"localhost:{port}"
        one = get(f"http://{host}/", host)
        world.models["m"] = Scripted([calls(one), calls(("card", {})), calls(one), "done"])
        pid = await kernel.spawn(agent(f"connect:/net/{host}"), "look")
        held = await until(kernel, pid, Held)
        assert held.decision["rule"] == "secret-to-named"
        assert of(Failed, await events(kernel, pid)) == []
        [asked] = await kernel.approvals.pending()
        await kernel.approvals.decide(asked.id, Answer.DENY, by="anna")
        await ended(kernel, pid)
        found = await events(kernel, pid)
    assert len(of(Reached, found)) == 2
    assert [event.code for event in of(Failed, found)] == [Code.DENIED]


async def test_who_has_read_in_confidence_is_known(opened: Opened, world: Any) -> None:
    """Asked at each connection of a program that stays."""
    world.models["m"] = Scripted(["ready", calls(("card", {})), "done"])
    async with opened() as kernel:
        stays = agent()
        pid = await kernel.spawn(replace(stays, resident=True), "wait")
        await until(kernel, pid, Idled)
        assert not await kernel.confided(pid)
        await kernel.send(pid, "read")
        await until(kernel, pid, Returned)
        assert await kernel.confided(pid)
        assert await kernel.confided(Pid(99))  # nobody can say that it has not


async def test_a_weaker_mode_says_that_it_reaches_nobody(opened: Opened, world: Any) -> None:
    one = get("http://pypi.org/", "pypi.org")
    world.models["m"] = Scripted([calls(one), "done"])
    async with opened(mode=Mode.NO_NAMESPACES) as kernel:
        pid = await kernel.spawn(agent("connect:/net/pypi.org"), "look")
        await ended(kernel, pid)
        found = await events(kernel, pid)
    [failed] = of(Failed, found)
    assert failed.code is Code.UNAVAILABLE
    assert of(Reached, found) == []
