"""LangGraph with AsyncPostgresSaver: so many threads at once, each so many steps, on a state of
so many messages of about 1 kB.  Prints steps per second.

usage: langgraph_steps.py URL THREADS STEPS MESSAGES
"""

import asyncio
import operator
import os
import sys
import time
from typing import Annotated, TypedDict
from urllib.parse import parse_qs, urlsplit

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

BODY = ("the quick brown fox jumps over the lazy dog " * 24)[:960]


class State(TypedDict):
    messages: Annotated[list, operator.add]
    n: int
    stop: int


def message(number: int) -> dict:
    return {"role": "assistant", "id": f"m{number}", "content": BODY}


async def node(state: State) -> dict:
    return {"messages": [message(state["n"])], "n": state["n"] + 1}


async def main(url: str, threads: int, steps: int, messages: int) -> None:
    parts = urlsplit(url)
    conninfo = f"host={parse_qs(parts.query)['host'][0]} user=postgres dbname={parts.path[1:]}"
    keywords = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(conninfo, kwargs=keywords, min_size=20, max_size=20) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        graph = StateGraph(State)
        graph.add_node("node", node)
        graph.add_edge(START, "node")
        graph.add_conditional_edges("node", lambda s: END if s["n"] >= s["stop"] else "node")
        app = graph.compile(checkpointer=saver)

        def config(n: int) -> dict:
            return {"configurable": {"thread_id": str(n)}, "recursion_limit": steps + 10}

        history = [message(n) for n in range(messages)]
        for n in range(threads):
            await app.aupdate_state(
                config(n), {"messages": history, "n": 0, "stop": steps}, as_node=START
            )
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for n in range(threads):
                tasks.create_task(app.ainvoke({"n": 0}, config(n), durability="sync"))
        print(threads * steps / (time.perf_counter() - began), flush=True)
        os._exit(0)


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
