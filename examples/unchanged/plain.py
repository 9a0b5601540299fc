"""A bookkeeper, as a loop around `openai`: its tools are those of an MCP server.

usage: LEDGER_URL=http://… OPENAI_API_KEY=… python plain.py "the task"
"""

import asyncio
import json
import os
import sys
from typing import Any

from mcp import Client
from openai import AsyncOpenAI

INSTRUCTIONS = "You keep a ledger. Enter each item once, then say what it comes to."


async def main(task: str) -> None:
    model = AsyncOpenAI()
    async with Client(os.environ["LEDGER_URL"]) as ledger:
        listed = (await ledger.list_tools()).tools
        tools: Any = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description or "",
                    "parameters": tool.input_schema,
                },
            }
            for tool in listed
        ]
        messages: list[Any] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": task},
        ]
        while True:
            answer = await model.chat.completions.create(
                model="gpt-5", messages=messages, tools=tools
            )
            said = answer.choices[0].message
            messages.append(said.model_dump(exclude_none=True))
            if not said.tool_calls:
                print(said.content)
                return
            for call in said.tool_calls:
                assert call.type == "function"
                arguments = json.loads(call.function.arguments)
                result = await ledger.call_tool(call.function.name, arguments)
                text = "".join(part.text for part in result.content if part.type == "text")
                messages.append({"role": "tool", "tool_call_id": call.id, "content": text})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
