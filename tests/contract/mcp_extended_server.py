"""An MCP server by the official SDK with two extensions of 2026-07-28: calls that become tasks, and
skills.  It works in its folder, on standard streams, or over HTTP at a port with `--http PORT`.

The SDK has neither: what is here says what the extensions say, and no more.
"""

# ruff: noqa: ASYNC240
import hashlib
import sys
from itertools import count
from pathlib import Path
from typing import Any

from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import RequestParams

NUMBERS = count(1)
WHEN = {"createdAt": "2026-10-01T00:00:00Z", "lastUpdatedAt": "2026-10-01T00:00:00Z"}
MANY = {"type": "object", "properties": {"many": {"type": "integer"}}, "required": ["many"]}
ASKS = {"method": "elicitation/create", "params": {"message": "How many?", "requestedSchema": MANY}}


class OfTask(RequestParams):
    task_id: str
    input_responses: dict[str, Any] | None = None


class OfSkill(RequestParams):
    uri: str = ""
    cursor: str | None = None


class Tasks(Extension):
    """`work` is always a task: it `waits` for a file, `asks`, or `fails`."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}

    async def intercept_tool_call(self, params: Any, ctx: Any, call_next: Any) -> Any:
        if params.name != "work":
            return await call_next(ctx)
        note("begun")
        id_ = f"task-{next(NUMBERS)}"
        self.tasks[id_] = {"thing": params.arguments["thing"], "said": {}, "status": "working"}
        return {"resultType": "task", "taskId": id_, **self.stands(id_, "working")}

    def methods(self) -> list[MethodBinding]:
        return [
            MethodBinding("tasks/get", OfTask, self.get),
            MethodBinding("tasks/update", OfTask, self.update),
            MethodBinding("tasks/cancel", OfTask, self.cancel),
        ]

    def stands(self, id_: str, status: str, **more: Any) -> dict[str, Any]:
        return {"taskId": id_, "status": status, "ttlMs": None, "pollIntervalMs": 10} | WHEN | more

    def of(self, params: OfTask) -> dict[str, Any]:
        if params.task_id not in self.tasks:
            raise MCPError(-32602, "Task not found")
        return self.tasks[params.task_id]

    async def get(self, ctx: Any, params: OfTask) -> dict[str, Any]:
        del ctx
        task, id_ = self.of(params), params.task_id
        match task["thing"]:
            case _ if task["status"] == "cancelled":
                return self.stands(id_, "cancelled")
            case "asks" if not task["said"]:
                return self.stands(id_, "input_required", inputRequests={"q1": ASKS})
            case "fails":
                return self.stands(id_, "failed", error={"code": -32603, "message": "no paper"})
            case "waits" if not Path("finish").exists():
                return self.stands(id_, "working")
        said = [{"type": "text", "text": f"worked: {task['said']}"}]
        return self.stands(id_, "completed", result={"content": said})

    async def update(self, ctx: Any, params: OfTask) -> dict[str, Any]:
        del ctx
        self.of(params)["said"] |= params.input_responses or {}
        return {}

    async def cancel(self, ctx: Any, params: OfTask) -> dict[str, Any]:
        del ctx
        self.of(params)["status"] = "cancelled"
        note("cancelled")
        return {}


class Skills(Extension):
    """Of the folders below `skills`, as they are now; and one that says something else of itself."""

    identifier = "io.modelcontextprotocol/skills"

    def methods(self) -> list[MethodBinding]:
        return [
            MethodBinding("skills/list", OfSkill, self.list),
            MethodBinding("skills/get", OfSkill, self.get),
        ]

    async def list(self, ctx: Any, params: OfSkill) -> dict[str, Any]:
        """One a page."""
        del ctx
        note("listed")
        found = [entry(file) for file in sorted(Path("skills").glob("**/SKILL.md"))]
        at = int(params.cursor or 0)
        more = {"nextCursor": str(at + 1)} if at + 1 < len(found) else {}
        return {"skills": found[at : at + 1], "ttlMs": 0, "cacheScope": "public"} | more

    async def get(self, ctx: Any, params: OfSkill) -> dict[str, Any]:
        del ctx
        file = Path("skills", params.uri.removeprefix("skill://"))
        if not file.exists():
            raise MCPError(-32602, "no such skill")
        return {"skill": entry(file), "ttlMs": 0, "cacheScope": "public"}


def entry(file: Path) -> dict[str, Any]:
    folder = file.parent
    lines = file.read_text().split("---\n")[1].splitlines()
    front = dict(line.split(": ", 1) for line in lines)
    resources = [
        {
            "uri": uri(path),
            "digest": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
            "size": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return {"uri": uri(file), "frontmatter": front, "resources": resources}


def uri(path: Path) -> str:
    return f"skill://{path.relative_to('skills').as_posix()}"


def note(what: str) -> None:
    with open("noted", "a") as file:  # noqa: PTH123
        file.write(f"{what}\n")


server = MCPServer("extended", extensions=[Tasks(), Skills()])


@server.tool()
def work(thing: str) -> str:
    """Work on something, for long."""
    raise AssertionError(thing)


@server.resource("skill://{one}/{name}")
def file(one: str, name: str) -> str:
    """A file of a skill, or something else when `lie` is there."""
    note(f"read {one}/{name}")
    return "something else" if Path("lie").exists() else Path("skills", one, name).read_text()


@server.resource("skill://{first}/{one}/{name}")
def deeper(first: str, one: str, name: str) -> str:
    """The same, one folder below."""
    return Path("skills", first, one, name).read_text()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--http"]:
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run("stdio")
