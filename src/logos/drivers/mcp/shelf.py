"""The skills of one server as a person accepted them, and their files.

    Shelf(name, server, file)   `file` keeps what was accepted
    Shelf.known()               the accepted ones, by path; goes nowhere
    await Shelf.look()          what is other now, by path; the first look accepts
    await Shelf.accept()        take them as they are now
    await Shelf.read(skill, path)

Invariant: what is read is of the entry that was accepted, or is not read.
"""

from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread
import msgspec

from logos.abi.errors import Code, SysError
from logos.drivers.mcp.server import Server
from logos.drivers.mcp.skills import Skill, other, verified


class Shelf:
    def __init__(self, name: str, server: Server, file: Path) -> None:
        self.name = name
        self._server = server
        self._file = file
        self._skills: dict[str, Skill] | None = None
        if file.exists():
            kept = msgspec.json.decode(file.read_bytes(), type=tuple[Skill, ...])
            self._skills = {skill.path: skill for skill in kept}

    @property
    def unseen(self) -> bool:
        """Nobody has looked yet, although its server is there."""
        return self._skills is None and self._server.alive

    def known(self) -> Mapping[str, Skill]:
        return self._skills or {}

    async def look(self) -> Mapping[str, str]:
        now = await self._server.skills()
        if self._skills is None:
            await self._keep(now)
        accepted = self.known()
        found = {path: "is gone from the server" for path in accepted if path not in now}
        for path, skill in now.items():
            if path not in accepted:
                found[path] = "was not there when the server was accepted"
            elif skill != accepted[path]:
                found[path] = "has changed"
        return found

    async def accept(self) -> Mapping[str, str]:
        """What was accepted by this."""
        changed = await self.look()
        if changed:
            await self._keep(await self._server.skills())
        return changed

    async def read(self, skill: Skill, path: str) -> str:
        """Raise `not_found`, `unconfirmed` when it has changed since it was accepted."""
        file = skill.files().get(path)
        if file is None:
            raise SysError(Code.NOT_FOUND, f"the skill has no {path}")
        try:
            return verified(skill, path, await self._server.resource(file.uri))
        except SysError as error:
            if error.code is Code.INVALID and error.hint:  # the server does not know it any more
                error = other(f"{skill.path}/{path}")
            if error.code is Code.UNCONFIRMED:
                error.hint = f"a person: logos mount --accept {self.name}"
            raise error from None

    async def _keep(self, skills: Mapping[str, Skill]) -> None:
        self._skills = dict(skills)
        if skills or self._file.exists():
            data = msgspec.json.encode(list(skills.values()))
            await anyio.to_thread.run_sync(_written, self._file, data)


def _written(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".tmp")
    beside.write_bytes(data)
    beside.replace(file)
