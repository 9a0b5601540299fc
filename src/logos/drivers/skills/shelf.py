"""The Mount of /skills, and what people do with it.

    Skills.install(source)   copy it, and make that version the one that is shown
    Skills.remove(name)      with all its versions
    Skills.shown()           for `logos skills`
    Skills.folders()         for commands that run their scripts

On disk: NAME/skill.json says which version is the one, and each version is a folder beside it.  A version
that was replaced stays until the skill is removed: somebody may be running its scripts.

Invariant: what is shown of a skill is of one version.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread
import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.mount import Document, Entry
from logos.abi.tools import visible
from logos.drivers.skills.copy import SHORT, SKILL, copied, text_of

LINE = 160
"""Characters of a description in a listing."""

RECORD = "skill.json"
SEARCHED_BYTES = 1 << 20
"""A longer file is read but not searched."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """`source` is where it was installed from, `by` who did it, `version` the hash of its files."""

    name: str
    description: str
    version: str
    source: str
    by: str = ""
    files: int = 0
    folder: str = ""


class Skills:
    """`folder` is made when it is not there: commands in the sandbox may read it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.folder = folder
        found = (_record(file) for file in sorted(folder.glob(f"*/{RECORD}")))
        self._skills = {skill.name: skill for skill in found}

    async def install(self, source: Path, *, by: str = "") -> tuple[Shown, bool]:
        """And whether anything is other than before."""
        skill = await anyio.to_thread.run_sync(self._installed, source, by)
        before = self._skills.get(skill.name)
        self._skills[skill.name] = skill
        return skill, before is None or before.version != skill.version

    async def remove(self, name: str) -> None:
        self._at(name)
        del self._skills[name]
        await anyio.to_thread.run_sync(shutil.rmtree, self.folder / name)

    def folders(self) -> dict[str, Path]:
        """Where the files of each are, by its path in the tree."""
        return {f"/skills/{name}": self.folder / name for name in self._skills}

    def shown(self) -> Sequence[Shown]:
        return [self._skills[name] for name in sorted(self._skills)]

    def _installed(self, source: Path, by: str) -> Shown:
        copy = copied(source, self.folder)
        skill = Shown(
            name=copy.front.name,
            description=copy.front.description,
            version=copy.version,
            source=str(source),
            by=by,
            files=sum(path.is_file() for path in copy.folder.rglob("*")),
            folder=str(copy.folder),
        )
        record = self.folder / skill.name / RECORD
        beside = record.with_suffix(".tmp")
        beside.write_bytes(msgspec.json.encode(skill))
        beside.replace(record)
        return skill

    async def list(self, job: Job, path: str) -> Sequence[Entry]:
        del job
        name, rest = _split(path)
        if not name:
            return [
                Entry(name=skill.name, kind="folder", note=_brief(skill.description))
                for skill in self.shown()
            ]
        folder = self._folder(self._at(name)) / rest
        if not folder.is_dir():
            code = Code.INVALID if folder.exists() else Code.NOT_FOUND
            raise SysError(code, f"{path} is not a folder", hint=f"list /skills/{name}")
        return [
            Entry(name=visible(one.name), kind="folder")
            if one.is_dir()
            else Entry(name=visible(one.name), size=one.stat().st_size)
            for one in sorted(folder.iterdir())
        ]

    async def read(self, job: Job, path: str) -> str:
        del job
        name, rest = _split(path)
        if not name:
            raise SysError(Code.INVALID, "/skills is a folder", hint="list it with fs.list")
        skill = self._at(name)
        if not rest:
            raise SysError(Code.INVALID, f"{path} is a folder", hint=f"read {path}/{SKILL}")
        text = text_of(self._folder(skill), rest)
        if rest != SKILL:
            return text
        where = f"its files: /skills/{name}; commands find them in {self._folder(skill)}"
        return f"{text.rstrip()}\n\n[{where}]"

    async def write(self, job: Job, path: str, text: str) -> None:
        del job, text
        raise SysError(Code.DENIED, f"{path} cannot be written", hint="copy it to /home")

    async def documents(self, job: Job, path: str) -> Sequence[Document]:
        del job
        return await anyio.to_thread.run_sync(self._documents, path)

    def _documents(self, path: str) -> Sequence[Document]:
        wanted, rest = _split(path)
        skills = [self._at(wanted)] if wanted else self.shown()
        return [
            Document(f"/skills/{skill.name}/{relative}", text)
            for skill in skills
            for relative, text in _texts(self._folder(skill))
            if not rest or relative == rest or relative.startswith(f"{rest}/")
        ]

    def _folder(self, skill: Shown) -> Path:
        return self.folder / skill.name / skill.version[:SHORT]

    def _at(self, name: str) -> Shown:
        if name not in self._skills:
            there = ", ".join(sorted(self._skills)) or "none"
            raise SysError(
                Code.NOT_FOUND, f"there is no skill {visible(name)!r}", hint=f"installed: {there}"
            )
        return self._skills[name]


def _record(file: Path) -> Shown:
    return msgspec.json.decode(file.read_bytes(), type=Shown)


def _texts(folder: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.stat().st_size <= SEARCHED_BYTES:
            relative = file.relative_to(folder).as_posix()
            try:
                found.append((relative, file.read_bytes().decode()))
            except UnicodeDecodeError:
                continue
    return found


def _brief(text: str) -> str:
    return text if len(text) <= LINE else text[: LINE - 1] + "…"


def _split(path: str) -> tuple[str, str]:
    """/skills/NAME/a/b -> NAME, a/b."""
    name, _, rest = path.removeprefix("/skills").strip("/").partition("/")
    return name, rest
