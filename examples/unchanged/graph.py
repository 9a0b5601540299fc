"""The same bookkeeper with LangGraph and langchain-openai.

usage: LEDGER_URL=http://… OPENAI_API_KEY=… python graph.py "the task"
"""

import asyncio
import os
import sys
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from mcp import Client

INSTRUCTIONS = "You keep a ledger. Enter each item once, then say what it comes to."


async def main(task: str) -> None:
    async with Client(os.environ["LEDGER_URL"]) as ledger:
        listed = (await ledger.list_tools()).tools
        tools: list[dict[str, Any]] = [
            {
                "name": tool.name,
                "description": tool.description or "",
                "parameters": tool.input_schema,
            }
            for tool in listed
        ]
        model = ChatOpenAI(model="gpt-5").bind_tools(
            [{"type": "function", "function": tool} for tool in tools]
        )

        async def think(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await model.ainvoke(state["messages"])]}

        async def act(state: MessagesState) -> dict[str, Any]:
            done = []
            for call in state["messages"][-1].tool_calls:  # type: ignore[union-attr]
                result = await ledger.call_tool(call["name"], call["args"])
                text = "".join(part.text for part in result.content if part.type == "text")
                done.append(ToolMessage(text, tool_call_id=call["id"]))
            return {"messages": done}

        def more(state: MessagesState) -> str:
            return "act" if getattr(state["messages"][-1], "tool_calls", None) else END

        graph = StateGraph(MessagesState)
        graph.add_node("think", think)
        graph.add_node("act", act)
        graph.add_edge(START, "think")
        graph.add_conditional_edges("think", more, ["act", END])
        graph.add_edge("act", "think")
        start: Any = {"messages": [("system", INSTRUCTIONS), ("user", task)]}
        ended = await graph.compile().ainvoke(start, {"recursion_limit": 100})
        print(ended["messages"][-1].content)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
