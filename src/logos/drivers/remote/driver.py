"""One agent at a URL, as a place with the tool `delegate`.

    Remote    a Provider: its card is its description

The task is begun once and asked about until it has ended: that the other kernel goes away in
between costs time and nothing else, because a task outlives it.

Invariant: a message that may have arrived is not sent again.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import httpx2
import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.tools import Hints, Offer

TOOL = "delegate"
CARD = "/.well-known/agent-card.json"
LONGEST = 4 << 20
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
CANCEL_S = 5.0
VERSION = "1.0"

_ENDED = {"TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_REJECTED"}
_WAITS = {"TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED"}
_SCHEMA = b'{"type":"object","properties":{"task":{"type":"string","description":"what it is to do, with all it must know"}},"required":["task"],"additionalProperties":false}'
_ID = re.compile(r"[\w.-]{1,128}")

Json = dict[str, Any]


class Remote:
    def __init__(
        self, name: str, url: str, headers: Mapping[str, str], timeout_s: float = 600.0
    ) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self._headers = {"a2a-version": VERSION, **headers}
        self._timeout_s = timeout_s
        self._offers: tuple[Offer, ...] = ()
        self.card: Json = {}

    alive = True

    def known(self) -> Sequence[Offer]:
        return self._offers

    async def offers(self) -> Sequence[Offer]:
        if not self._offers:
            async with self._client() as client:
                self.card = await self._got(client, CARD)
            about = str(self.card.get("description") or self._name)
            said = f"Give the agent {self.card.get('name', self._name)} a task; returns its answer. It says of itself: {about}"
            hints = Hints(read_only=False, open_world=True)
            schema = msgspec.Raw(_SCHEMA)
            self._offers = (Offer(name=TOOL, description=said, schema=schema, hints=hints),)
        return self._offers

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        if tool != TOOL:
            raise SysError(Code.NOT_FOUND, f"{self._name} has no tool {tool!r}", hint=TOOL)
        task = str(msgspec.json.decode(arguments or b"{}", type=Json).get("task", ""))
        try:
            with anyio.fail_after(min(self._timeout_s, job.deadline_s)):
                async with self._client() as client:
                    return await self._delegated(client, job, task)
        except TimeoutError:
            raise SysError(
                Code.TIMEOUT, f"{self._name} is not done within {self._timeout_s:g} s"
            ) from None

    async def stop(self) -> None:
        return

    async def _delegated(self, client: httpx2.AsyncClient, job: Job, task: str) -> msgspec.Raw:
        message = {"messageId": job.id, "role": "ROLE_USER", "parts": [{"text": task}]}
        body = {"message": message, "configuration": {"returnImmediately": True}}
        begun = (await self._got(client, "/message:send", body)).get("task")
        if not isinstance(begun, dict) or not _ID.fullmatch(str(begun.get("id"))):
            raise SysError(Code.TOOL, f"{self._name} answers without a task")
        try:
            return _answer(self._name, await self._ended(client, begun))
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(CANCEL_S, shield=True):
                await self._tried(client, f"/tasks/{begun['id']}:cancel", {})
            raise

    async def _ended(self, client: httpx2.AsyncClient, task: Json) -> Json:
        pause = FIRST_PAUSE_S
        while task.get("status", {}).get("state") not in _ENDED | _WAITS:
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
            task = await self._tried(client, f"/tasks/{task['id']}") or task
        return task

    async def _tried(self, client: httpx2.AsyncClient, path: str, body: Any = None) -> Json | None:
        """None while the other side is away."""
        try:
            return await self._got(client, path, body)
        except SysError as error:
            if error.code is Code.UNAVAILABLE:
                return None
            raise

    async def _got(self, client: httpx2.AsyncClient, path: str, body: Any = None) -> Json:
        method = "GET" if body is None else "POST"
        try:
            response = await client.request(method, f"{self._url}{path}", json=body)
            data = response.content
        except httpx2.HTTPError as error:
            why = str(error) or type(error).__name__
            raise SysError(
                Code.UNAVAILABLE,
                f"the agent {self._name} cannot be reached: {why}",
                hint="look whether it began before you try again",
            ) from error
        if len(data) > LONGEST:
            raise SysError(Code.LIMIT, f"{self._name} answers more than {LONGEST >> 20} MiB")
        if response.status_code >= 500:  # noqa: PLR2004 - the other side's own trouble
            raise SysError(Code.UNAVAILABLE, f"{self._name} answers {response.status_code}")
        try:
            found = msgspec.json.decode(data, type=Json)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise SysError(Code.TOOL, f"{self._name} does not answer as A2A does") from error
        if not response.is_success:
            said = (found.get("error") or {}).get("message", response.reason_phrase)
            raise SysError(Code.TOOL, f"{self._name} answers {response.status_code}: {said}")
        return found

    def _client(self) -> httpx2.AsyncClient:
        timeout = httpx2.Timeout(60.0, connect=5.0)
        return httpx2.AsyncClient(headers=self._headers, timeout=timeout, trust_env=False)


def _answer(name: str, task: Json) -> msgspec.Raw:
    state = task["status"]["state"]
    said = _texts(task.get("artifacts") or []) or _texts([task["status"].get("message") or {}])
    if state in _WAITS:
        raise SysError(Code.UNCONFIRMED, f"{name} waits for a person: {said}")
    if state != "TASK_STATE_COMPLETED":
        raise SysError(Code.TOOL, f"{name} did not do it: {said or state}")
    return msgspec.Raw(msgspec.json.encode(said))


def _texts(holders: Sequence[Json]) -> str:
    parts = [part for holder in holders for part in holder.get("parts") or ()]
    return "\n".join(str(part["text"]) for part in parts if "text" in part)
