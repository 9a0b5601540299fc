"""The same bookkeeper with the OpenAI Agents SDK.

usage: LEDGER_URL=http://… OPENAI_API_KEY=… python agents_sdk.py "the task"
"""

import asyncio
import os
import sys

from agents.mcp import MCPServerStreamableHttp

from agents import Agent, Runner, set_default_openai_api, set_tracing_disabled

INSTRUCTIONS = "You keep a ledger. Enter each item once, then say what it comes to."


async def main(task: str) -> None:
    set_default_openai_api("chat_completions")
    set_tracing_disabled(disabled=True)
    async with MCPServerStreamableHttp(params={"url": os.environ["LEDGER_URL"]}) as ledger:
        agent = Agent(
            name="bookkeeper", instructions=INSTRUCTIONS, model="gpt-5", mcp_servers=[ledger]
        )
        result = await Runner.run(agent, task, max_turns=50)
        print(result.final_output)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
