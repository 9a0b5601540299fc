"""A kernel that is alone on its database, with a model that a benchmark makes itself."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from logos import config
from logos.abi.agent import Agent
from logos.abi.driver import Model
from logos.abi.process import Program
from logos.kernel import Kernel, Parts, SystemClock, open_kernel
from logos.programs import PROGRAMS
from logos.store import open_store


@asynccontextmanager
async def lone(
    url: str,
    place: Path,
    model: Model | Mapping[str, Model],
    *,
    settings: config.Node = config.Node(),  # noqa: B008 - frozen
    programs: Mapping[str, Program] = PROGRAMS,
    drivers: Mapping[type, Any] | None = None,
) -> AsyncGenerator[Kernel]:
    """All agents have this model, or the one of that name; and those that are asked for nothing but a name."""

    async def find(name: str) -> Model:
        return model[name] if isinstance(model, Mapping) else model

    async with open_store(url, config.Store()) as store:
        parts = Parts(
            store=store,
            settings=settings,
            clock=SystemClock(),
            programs=programs,
            models=find,
            drivers=drivers or {},
            functions=dict,
            agents=lambda name: Agent(name=name),
            workspaces=place / "workspaces",
            place="bench",
            alone=True,
        )
        async with open_kernel(parts) as kernel:
            yield kernel
