"""What a client may ask of a published agent, whichever binding it speaks.

    OPERATIONS    by the protocol's names
    Operations    .do(name, asked) -> a value, or a stream of them
    Asked         one request, without its binding

Both bindings are tables over these; nothing can be asked for by one that is not here.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio

from logos.a2a.faults import NO_METHOD, Wrong
from logos.a2a.push import Push
from logos.a2a.tasks import ASKS, ENDED, MOST, NEWEST, USUAL, By, Json, Tasks, Wanted
from logos.abi.errors import Code, SysError
from logos.abi.ids import INIT, Pid

SEND_S = 600.0
"""For an answer to a message that does not want to come back."""

_ALL = (1 << 63) - 1

STREAMS = frozenset({"SendStreamingMessage", "SubscribeToTask"})


@dataclass(frozen=True, slots=True)
class Asked:
    """`given` are the fields of the protocol's request; `url` is where the agent is."""

    agent: str
    by: By
    url: str
    given: Json

    @property
    def task(self) -> str:
        return str(self.given.get("taskId") or self.given.get("id") or "")


class Operations:
    def __init__(self, tasks: Tasks, push: Push) -> None:
        self._tasks = tasks
        self._push = push

    async def do(self, name: str, asked: Asked) -> Json:
        """Raise SysError; `not_found` for an operation that is none."""
        match name:
            case "SendMessage":
                pid = await self._sent(asked)
                return {"task": await self._task(pid, asked.by.name, _settings(asked.given))}
            case "GetTask":
                return await self._task(asked.task, asked.by.name, asked.given)
            case "CancelTask":
                return await self._tasks.cancel(asked.task, asked.by.name)
            case "ListTasks":
                return await self._listed(asked)
            case "GetExtendedAgentCard":
                return self._tasks.card(asked.agent, asked.url)
            case _:
                return await self._on_push(name, asked)

    async def _on_push(self, name: str, asked: Asked) -> Json:
        if name in OPERATIONS:
            self._push.check()
        given = asked.given
        match name:
            case "CreateTaskPushNotificationConfig":
                return await self._push.create(str(given.get("taskId", "")), asked.by.name, given)
            case "GetTaskPushNotificationConfig":
                return await self._push.get(*_named(given), asked.by.name)
            case "ListTaskPushNotificationConfigs":
                task = str(given.get("taskId", ""))
                return {"configs": await self._push.all(task, asked.by.name)}
            case "DeleteTaskPushNotificationConfig":
                await self._push.delete(*_named(given), asked.by.name)
                return {}
            case _:
                raise Wrong(Code.NOT_FOUND, f"there is no operation {name!r}", NO_METHOD)

    async def stream(self, name: str, asked: Asked) -> AsyncGenerator[Json]:
        """Raise SysError before the first, or never."""
        if name == "SendStreamingMessage":
            task = str(await self._begun(asked))
        else:
            task = asked.task
            await self._tasks.get(task, asked.by.name)
        return self._tasks.follow(task, asked.by.name)

    async def _begun(self, asked: Asked) -> str:
        wanted = _settings(asked.given).get("taskPushNotificationConfig")
        if isinstance(wanted, dict):  # before anything is begun that nobody would hear of
            self._push.check()
            self._push.wanted(INIT, asked.by.name, wanted)
        pid = str(await self._tasks.begin(asked.agent, _message(asked.given), asked.by))
        if isinstance(wanted, dict):
            await self._push.create(pid, asked.by.name, wanted)
        return pid

    async def _sent(self, asked: Asked) -> str:
        pid, by = await self._begun(asked), asked.by.name
        if not _settings(asked.given).get("returnImmediately"):
            with anyio.move_on_after(SEND_S):
                async with aclosing(self._tasks.follow(pid, by)) as updates:
                    async for update in updates:
                        state = update.get("statusUpdate", {}).get("status", {}).get("state")
                        if state in ENDED or state == ASKS:  # nobody here can answer that
                            break
        return pid

    async def _task(self, task: str, by: str, given: Mapping[str, Any]) -> Json:
        """With as much of what was said as is asked for."""
        most = _number(given, "historyLength", 0, _ALL)
        shown = await self._tasks.get(task, by)
        return shown | {"history": await self._tasks.history(task, by, most)}

    async def _listed(self, asked: Asked) -> Json:
        given, by = asked.given, asked.by.name
        most = _number(given, "historyLength", 0, _ALL)
        wanted = Wanted(
            context=str(given.get("contextId") or ""),
            state=str(given.get("status") or ""),
            size=_number(given, "pageSize", 1, MOST) or USUAL,
            before=Pid(_number(given, "pageToken", 0, _ALL) or NEWEST),
        )
        page = await self._tasks.all(asked.agent, by, wanted)
        for task in page.tasks:
            if str(given.get("includeArtifacts")).lower() != "true":
                task.pop("artifacts", None)
            if most is not None:
                task["history"] = await self._tasks.history(task["id"], by, most)
        size = {"pageSize": wanted.size, "totalSize": page.total}
        return {"tasks": page.tasks, **size, "nextPageToken": str(page.last or "")}


OPERATIONS = (
    "SendMessage",
    "SendStreamingMessage",
    "GetTask",
    "ListTasks",
    "CancelTask",
    "SubscribeToTask",
    "GetExtendedAgentCard",
    "CreateTaskPushNotificationConfig",
    "GetTaskPushNotificationConfig",
    "ListTaskPushNotificationConfigs",
    "DeleteTaskPushNotificationConfig",
)


def _settings(given: Json) -> Mapping[str, Any]:
    found = given.get("configuration")
    return found if isinstance(found, dict) else {}


def _named(given: Json) -> tuple[str, str]:
    return str(given.get("taskId", "")), str(given.get("id", ""))


def _message(given: Json) -> Json:
    message = given.get("message")
    if not isinstance(message, dict):
        raise SysError(Code.INVALID, "there is no message", hint='{"message": {"parts": […]}}')
    return message


def _number(given: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """Raise `invalid`.  In a query it is written as text."""
    value = given.get(name)
    if value is None:
        return None
    text = str(value)
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise SysError(Code.INVALID, f"{name} is a number from {least} to {most}")
    return int(text)
