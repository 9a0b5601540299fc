"""A program on the Claude Agent SDK, with one tool of its own.  Run where that SDK is installed.

Each line it reads is {"say": text} or {"interrupt": true}; for each text it writes one line: the answer,
the names of the tools that were called, and whether it failed.
"""

import asyncio
import json
import sys
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ResultMessage,
    ToolUseBlock,
    create_sdk_mcp_server,
    tool,
)


@tool("weather", "The weather of a city.", {"city": str})  # type: ignore[untyped-decorator]
async def weather(given: dict[str, Any]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": f"sunny in {given['city']}"}]}


async def answer(client: ClaudeSDKClient) -> None:
    called: list[str] = []
    async for message in client.receive_response():
        if isinstance(message, AssistantMessage):
            called += [one.name for one in message.content if isinstance(one, ToolUseBlock)]
        elif isinstance(message, ResultMessage):
            said = {"answer": message.result, "failed": message.is_error, "called": called}
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()


async def main() -> None:
    options = ClaudeAgentOptions(
        model="m",
        system_prompt="be brief",
        mcp_servers={"town": create_sdk_mcp_server("town", tools=[weather])},
        allowed_tools=["mcp__town__weather", "Bash"],
        setting_sources=[],
    )
    async with ClaudeSDKClient(options=options) as client, asyncio.TaskGroup() as tasks:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            if "say" in asked:
                await client.query(asked["say"])
                tasks.create_task(answer(client))
            else:
                await client.interrupt()


asyncio.run(main())
