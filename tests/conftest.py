"""A real PostgreSQL, always: LOGOS_TEST_PG, or an embedded server for the whole run.

url       a database of the test's own, copied from a migrated template; replayed at the end
parts     what open_kernel needs, with a scripted model and no drivers
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import anyio
import asyncpg
import pytest
from hypothesis import settings

from logos import config
from logos.abi.agent import Agent
from logos.abi.driver import Model
from logos.abi.errors import Code, SysError
from logos.kernel import Parts, Records, Replayed, SystemClock
from logos.programs import PROGRAMS
from logos.store import Embedded, Store, migrate, open_store

NUMBERS = count(1)

PATIENCE_S = 180.0
"""How long a test waits for what must come: a bound on hanging, and on nothing else."""

# how long an example takes says what else the machine does, not whether the code is right
settings.register_profile("logos", deadline=None)
settings.load_profile("logos")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a database one may create others next to.

    Its files are not in pytest's own folder: as root, another run of pytest shuts that to
    everybody else, the database's account among them.
    """
    if given := os.environ.get("LOGOS_TEST_PG"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="logos-test-pg-") as folder:
        Path(folder).chmod(0o755)
        embedded = Embedded(Path(folder))
        yield anyio.run(embedded.url, lambda _: None)
        anyio.run(embedded.close)


@pytest.fixture(scope="session")
def template(server: str) -> str:
    name = f"logos_template_{os.getpid()}"
    anyio.run(_execute, server, f"CREATE DATABASE {name}")
    anyio.run(migrate, _sibling(server, name))
    return name


@pytest.fixture
def url(server: str, template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """When the test is over, every process it ran is replayed: each prompt must come out byte for
    byte as it was sent.  A test that writes journals no kernel would is marked `unreplayable`."""
    name = f"logos_test_{os.getpid()}_{next(NUMBERS)}"
    anyio.run(_execute, server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
    yield _sibling(server, name)
    try:
        if request.node.get_closest_marker("unreplayable") is None:
            assert anyio.run(unequal, _sibling(server, name)) == []
    finally:
        anyio.run(_execute, server, f"DROP DATABASE {name} WITH (FORCE)")


async def unequal(url: str) -> list[Replayed]:
    """The processes of a database whose replay is not equal."""
    async with open_store(url, config.Store()) as store:
        records = Records(store)
        replays = [await records.replay(line.pid) for line in await records.list(everyone=True)]
    return [replayed for replayed in replays if not replayed.equal or replayed.unrecorded]


async def _execute(url: str, statement: str) -> None:
    db = await asyncpg.connect(url)
    try:
        await db.execute(statement)
    finally:
        await db.close()


def _sibling(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


@dataclass
class World:
    """What surrounds a kernel in a test: models and agents by name, drivers by call."""

    workspaces: Path
    models: dict[str, Model] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    drivers: dict[type, object] = field(default_factory=dict)
    place: str = "test"

    async def model(self, name: str) -> Model:
        if name not in self.models:
            raise SysError(Code.NOT_FOUND, f"no model {name!r}")
        return self.models[name]

    def agent(self, name: str) -> Agent:
        if name not in self.agents:
            raise SysError(Code.NOT_FOUND, f"no agent {name!r}")
        return self.agents[name]

    def parts(self, store: Store, settings: config.Node = config.Node()) -> Parts:  # noqa: B008 - frozen
        return Parts(
            store=store,
            settings=settings,
            clock=SystemClock(),
            programs=PROGRAMS,
            models=self.model,
            drivers=self.drivers,  # type: ignore[arg-type]  # tests plug in what they like
            functions=dict,
            agents=self.agent,
            workspaces=self.workspaces,
            place=self.place,
            alone=True,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "workspaces")
