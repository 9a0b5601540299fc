"""A node that gives pages their vectors, and nothing else, until it is killed.

python embedding.py DATABASE ENDPOINT FOLDER BATCH
"""

import sys
from pathlib import Path

import anyio

from logos import config
from logos.abi.agent import Agent
from logos.abi.driver import Model
from logos.drivers.model import Embeddings, Endpoint, Scripted
from logos.kernel import Parts, SystemClock, open_kernel
from logos.kernel.meaning import background
from logos.programs import PROGRAMS
from logos.store import open_store

MEMORY = config.Memory(embedder="e/one", embed_rate=1000, embed_retry_s=0.01)


async def main(*arguments: str) -> None:
    url, endpoint, folder, batch = arguments
    background.BATCH = int(batch)
    embedder = Embeddings("e/one", Endpoint(url=endpoint))

    async def embeddings(name: str) -> Embeddings:
        del name
        return embedder

    async def model(name: str) -> Model:
        del name
        return Scripted([])

    async with open_store(url, config.Store()) as store:
        parts = Parts(
            store=store,
            settings=config.Node(),
            clock=SystemClock(),
            programs=PROGRAMS,
            models=model,
            drivers={},
            functions=dict,
            agents=lambda name: Agent(name=name),
            workspaces=Path(folder),
            place="test",
            alone=True,
            memory=MEMORY,
            embedder=embeddings,
        )
        async with open_kernel(parts):
            await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
