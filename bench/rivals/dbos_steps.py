"""DBOS: so many workflows at once, each so many steps of about 1 kB.  Prints steps per second.

usage: dbos_steps.py URL WORKFLOWS STEPS
"""

import asyncio
import os
import sys
import time
from urllib.parse import parse_qs, urlsplit

from dbos import DBOS, DBOSConfig

BODY = ("the quick brown fox jumps over the lazy dog " * 24)[:1060]


@DBOS.step()
async def step(number: int) -> str:
    return f"{number}{BODY}"


@DBOS.workflow()
async def workflow(steps: int) -> int:
    for number in range(steps):
        await step(number)
    return steps


async def main(url: str, workflows: int, steps: int) -> None:
    parts = urlsplit(url)
    host = parse_qs(parts.query)["host"][0]
    DBOS(
        config=DBOSConfig(
            name="bench",
            system_database_url=f"postgresql://postgres@{parts.path}?host={host}",
            sys_db_pool_size=20,
            log_level="ERROR",
        )
    )
    DBOS.launch()
    await workflow(5)
    began = time.perf_counter()
    handles = [await DBOS.start_workflow_async(workflow, steps) for _ in range(workflows)]
    for handle in handles:
        await handle.get_result()
    print(workflows * steps / (time.perf_counter() - began), flush=True)
    os._exit(0)


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
