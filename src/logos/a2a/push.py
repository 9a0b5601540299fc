"""News of tasks, told to a server that the client named.

    open_push(machine, tasks)   a Push that tells, until left
    Push.create, get, all, delete

What is to be told, to whom and up to where is in the home, and so goes on after a restart.  Each piece of
news is tried until it is taken, with growing pauses, in order; it carries its number, since after a crash
one may come twice.  With a token of the client's it is signed:

    x-a2a-notification-token      the token
    x-a2a-notification-id         the same when it is told again
    x-a2a-notification-signature  sha256=HMAC-SHA256(token, body)

Invariant: nothing is sent to a host that the operator did not name.
"""

import hashlib
import hmac
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import msgspec

from logos.a2a.faults import NO_PUSH, Wrong
from logos.a2a.tasks import Json, Tasks
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid, Seq
from logos.boot import Machine, home

log = logging.getLogger("logos.a2a")

MOST = 8
"""Addresses for one task."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 300.0
TRIES = 50
"""Then whoever it is does not want it: some four hours."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Wanted(msgspec.Struct, frozen=True):
    """`sent`: the number of the last event that was told.  `over`: nothing more comes."""

    pid: Pid
    id: str
    by: str
    url: str
    token: str = ""
    scheme: str = ""
    credentials: str = ""
    sent: Seq = Seq(0)
    over: bool = False

    def shown(self) -> Json:
        found: Json = {"id": self.id, "taskId": str(self.pid), "url": self.url}
        found |= {"token": self.token} if self.token else {}
        if self.scheme:
            found["authentication"] = {"scheme": self.scheme, "credentials": self.credentials}
        return found


class Push:
    def __init__(self, machine: Machine, tasks: Tasks, work: anyio.abc.TaskGroup) -> None:
        self._hook = machine.hook
        self._on = bool(machine.loaded.config.a2a.push)
        self._folder = home(machine.loaded.config) / "push"
        self._tasks = tasks
        self._work = work
        self._running: dict[tuple[Pid, str], anyio.CancelScope] = {}

    def check(self) -> None:
        """Raise `state` where the operator named no host."""
        if not self._on:
            said = "this agent tells its news to nobody"
            raise Wrong(Code.STATE, said, NO_PUSH, hint="its operator names hosts in a2a.push")

    async def create(self, task: str, by: str, given: Json) -> Json:
        """Raise `invalid`, `denied` for its address, `not_found`."""
        await self._tasks.get(task, by)
        wanted, known = self.wanted(Pid(int(task)), by, given), self._of(task)
        if any(one.shown() == wanted.shown() for one in known):
            return wanted.shown()  # by who has heard no answer: what was told is not told again
        if len(known) >= MOST and wanted.id not in {one.id for one in known}:
            raise SysError(Code.LIMIT, f"a task tells {MOST} addresses at most")
        self._keep(wanted)
        self._begin(wanted)
        return wanted.shown()

    def wanted(self, pid: Pid, by: str, given: Json) -> Wanted:
        """Raise `invalid`, `denied` for its address."""
        id_ = str(given.get("id") or _id_of(given))
        if not _ID.fullmatch(id_):
            raise SysError(Code.INVALID, f"{id_!r} is not an id", hint="letters, digits, - and _")
        self._hook.check(str(given.get("url", "")))
        how = given.get("authentication")
        how = how if isinstance(how, dict) else {}
        return Wanted(
            pid=pid,
            id=id_,
            by=by,
            url=str(given["url"]),
            token=_header(given.get("token")),
            scheme=_header(how.get("scheme")),
            credentials=_header(how.get("credentials")),
        )

    async def get(self, task: str, id_: str, by: str) -> Json:
        for one in await self.all(task, by):
            if one["id"] == id_:
                return one
        raise SysError(Code.NOT_FOUND, f"there is no {id_!r} for task {task}")

    async def all(self, task: str, by: str) -> list[Json]:
        await self._tasks.get(task, by)
        return [one.shown() for one in self._of(task)]

    async def delete(self, task: str, id_: str, by: str) -> None:
        await self.get(task, id_, by)
        pid = Pid(int(task))
        if (scope := self._running.pop((pid, id_), None)) is not None:
            scope.cancel()
        self._file(pid, id_).unlink(missing_ok=True)

    def resume(self) -> None:
        for file in sorted(self._folder.glob("*.json")):
            wanted = msgspec.json.decode(file.read_bytes(), type=Wanted)
            if not wanted.over:
                self._begin(wanted)

    # -- telling ----------------------------------------------------------------------------

    def _begin(self, wanted: Wanted) -> None:
        key = (wanted.pid, wanted.id)
        if (before := self._running.pop(key, None)) is not None:
            before.cancel()
        scope = self._running[key] = anyio.CancelScope()
        self._work.start_soon(self._tell, wanted, scope)

    async def _tell(self, wanted: Wanted, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                async for seq, news in self._tasks.news(wanted.pid, wanted.sent):
                    if not await self._told(wanted, seq, news):
                        log.warning("task %d: %s is told no more", wanted.pid, wanted.url)
                        break
                    wanted = msgspec.structs.replace(wanted, sent=seq)
                    self._keep(wanted)
            except SysError as error:  # the database is away: the next life goes on
                log.warning("task %d: its news wait: %s", wanted.pid, error)
                return
            self._keep(msgspec.structs.replace(wanted, over=True))

    async def _told(self, wanted: Wanted, seq: Seq, news: Json) -> bool:
        body = msgspec.json.encode(news)
        headers = _headers(wanted, seq, next(iter(news)), body)
        pause = FIRST_PAUSE_S
        for _ in range(TRIES):
            try:
                status = await self._hook.post(wanted.url, body, headers)
            except SysError as error:
                if error.code in (Code.DENIED, Code.INVALID):
                    return False
                log.info("task %d: %s", wanted.pid, error)
            else:
                if status < 300:  # noqa: PLR2004 - as RFC 9110 has them
                    return True
                log.info("task %d: %s answers %d", wanted.pid, wanted.url, status)
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        return False

    # -- what is kept -----------------------------------------------------------------------

    def _file(self, pid: Pid, id_: str) -> Path:
        return self._folder / f"{pid}-{id_}.json"

    def _of(self, task: str) -> list[Wanted]:
        files = sorted(self._folder.glob(f"{task}-*.json")) if task.isdecimal() else []
        return [msgspec.json.decode(file.read_bytes(), type=Wanted) for file in files]

    def _keep(self, wanted: Wanted) -> None:
        """Whole or not at all; it holds what the client's server is told to believe us by."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._file(wanted.pid, wanted.id)
        fresh = file.with_suffix(".part")
        fresh.write_bytes(msgspec.json.encode(wanted))
        fresh.chmod(0o600)
        fresh.replace(file)


def _id_of(given: Json) -> str:
    """The same for what is given again."""
    told = [given.get(name) for name in ("url", "token", "authentication")]
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()[:16]


def _header(value: Any) -> str:
    """Raise `invalid` for what would not stay one line of a head."""
    text = "" if value is None else str(value)
    if not text.isascii() or not text.isprintable():
        raise SysError(Code.INVALID, "a token has printable characters only")
    return text


def _headers(wanted: Wanted, seq: Seq, kind: str, body: bytes) -> dict[str, str]:
    found = {
        "content-type": "application/json",
        "x-a2a-notification-id": f"{wanted.pid}-{seq}-{kind}",
    }
    if wanted.token:
        found["x-a2a-notification-token"] = wanted.token
        signature = hmac.new(wanted.token.encode(), body, hashlib.sha256).hexdigest()
        found["x-a2a-notification-signature"] = f"sha256={signature}"
    if wanted.scheme:
        found["authorization"] = f"{wanted.scheme} {wanted.credentials}".strip()
    return found


@asynccontextmanager
async def open_push(machine: Machine, tasks: Tasks) -> AsyncGenerator[Push]:
    async with anyio.create_task_group() as work:
        push = Push(machine, tasks, work)
        push.resume()
        try:
            yield push
        finally:
            work.cancel_scope.cancel()
