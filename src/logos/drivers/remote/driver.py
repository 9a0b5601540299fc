"""One agent at a URL, as a place with the tool `delegate`.

    Remote    a Provider: its card is its description, and says how it is spoken to

The task is begun once and asked about until it has ended: that the other kernel goes away in
between costs time and nothing else, because a task outlives it.

Invariant: a message that may have arrived is not sent again.
"""

import re
from collections.abc import Mapping, Sequence

import anyio
import httpx2
import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.tools import Hints, Offer, visible
from logos.drivers.remote.card import VERSION, Asked, Json, Way, way

TOOL = "delegate"
CARD = "/.well-known/agent-card.json"
LONGEST = 4 << 20
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
CANCEL_S = 5.0

_ENDED = {"TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_REJECTED"}
_WAITS = {"TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED"}
_SCHEMA = b'{"type":"object","properties":{"task":{"type":"string","description":"what it is to do, with all it must know"}},"required":["task"],"additionalProperties":false}'
_ID = re.compile(r"[\w.-]{1,128}")

_NO_CARD = f"its card is expected at URL{CARD}; of LogOS the URL is http://HOST/a2a/AGENT"
_LOGIN = (Code.UNAUTHENTICATED, "a person: logos mount … --header 'Authorization=Bearer env:NAME'")
_REFUSED = {401: _LOGIN, 403: _LOGIN, 404: (Code.NOT_FOUND, _NO_CARD)}
"""By status: what that is here, and what a person can do about it."""


class Remote:
    def __init__(
        self, name: str, url: str, headers: Mapping[str, str], timeout_s: float = 600.0
    ) -> None:
        self._name = name
        self._url = url.removesuffix(CARD).rstrip("/")
        self._headers = {"a2a-version": VERSION, **headers}
        self._timeout_s = timeout_s
        self._offers: tuple[Offer, ...] = ()
        self._way: Way | None = None

    alive = False

    def known(self) -> Sequence[Offer]:
        return self._offers

    async def offers(self) -> Sequence[Offer]:
        await self._met()
        return self._offers

    async def _met(self) -> Way:
        if self._way is None:
            async with self._client() as client:
                card = await self._got(client, Asked("GET", f"{self._url}{CARD}", None))
            found = way(card, self._url)
            about = str(card.get("description") or self._name)
            said = f"Give the agent {card.get('name', self._name)} a task; returns its answer. It says of itself: {about}"
            hints = Hints(read_only=False, open_world=True)
            schema = msgspec.Raw(_SCHEMA)
            offer = Offer(name=TOOL, description=visible(said), schema=schema, hints=hints)
            self._offers, self._way = (offer,), found
        return self._way

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
        said = await self._asked(client, "SendMessage", body)
        if isinstance(said.get("message"), dict):  # it has answered at once
            return msgspec.Raw(msgspec.json.encode(_texts([said["message"]])))
        begun = said.get("task")
        if not isinstance(begun, dict) or not _ID.fullmatch(str(begun.get("id"))):
            raise SysError(Code.TOOL, f"{self._name} answers without a task")
        try:
            return _answer(self._name, await self._ended(client, begun))
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(CANCEL_S, shield=True):
                await self._tried(client, "CancelTask", {"id": begun["id"]})
            raise

    async def _ended(self, client: httpx2.AsyncClient, task: Json) -> Json:
        pause = FIRST_PAUSE_S
        while task.get("status", {}).get("state") not in _ENDED | _WAITS:
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
            task = await self._tried(client, "GetTask", {"id": task["id"]}) or task
        return task

    async def _tried(self, client: httpx2.AsyncClient, operation: str, given: Json) -> Json | None:
        """None while the other side is away."""
        try:
            return await self._asked(client, operation, given)
        except SysError as error:
            if error.code is Code.UNAVAILABLE:
                return None
            raise

    async def _asked(self, client: httpx2.AsyncClient, operation: str, given: Json) -> Json:
        spoken = await self._met()
        return spoken.answered(self._name, await self._got(client, spoken.asked(operation, given)))

    async def _got(self, client: httpx2.AsyncClient, asked: Asked) -> Json:
        try:
            response = await client.request(asked.method, asked.url, json=asked.body)
            data = response.content
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise SysError(
                Code.UNAVAILABLE,
                f"the agent {self._name} cannot be reached: {why}",
                hint="look whether it began before you try again" if asked.body else "is it up?",
            ) from error
        if len(data) > LONGEST:
            raise SysError(Code.LIMIT, f"{self._name} answers more than {LONGEST >> 20} MiB")
        if response.status_code >= 500:  # noqa: PLR2004 - the other side's own trouble
            raise SysError(Code.UNAVAILABLE, f"{self._name} answers {response.status_code}")
        try:
            found = msgspec.json.decode(data, type=Json)
        except (msgspec.MsgspecError, UnicodeError) as error:
            if response.is_success:
                raise SysError(
                    Code.TOOL, f"{self._name} does not answer as A2A does", hint=_NO_CARD
                ) from error
            found = {}
        if not response.is_success:
            raise self._refused(response, found)
        return found

    def _refused(self, response: httpx2.Response, found: Json) -> SysError:
        status, error = response.status_code, found.get("error")
        said = error.get("message") if isinstance(error, dict) else response.reason_phrase
        code, hint = _REFUSED.get(status, (Code.TOOL, ""))
        return SysError(code, f"{self._name} answers {status}: {said}", hint=hint)

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
    return "\n".join(filter(None, map(_text, parts)))


def _text(part: Json) -> str:
    """What is neither text nor data is named."""
    if "text" in part:
        return str(part["text"])
    if "data" in part:
        return msgspec.json.encode(part["data"]).decode()
    return f"[{part.get('filename') or part.get('url') or part.get('mediaType') or 'a part'}]"
