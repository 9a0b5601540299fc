"""Skills that a server offers (extension io.modelcontextprotocol/skills): entries, and their files.

    entries_of(pages)        what skills/list says -> Skill, by path; those that cannot be kept left out
    Skill                    one: what it says of itself, and the digest of each of its files
    verified(skill, path, data)   the text of a file, or an error: it is not what was said

A skill is somebody else's text.  It is found by its description and read file by file; nothing of it is
fetched before, and nothing of it is run by being read.

Invariant: what is read is what its entry says, byte for byte.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import yaml

from logos.abi.errors import Code, SysError

SKILL = "SKILL.md"
FILES = 512
BYTES = 16 << 20
LINE = 1024
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SEGMENT = re.compile(r"[^/\x00-\x1f\x7f]+")


class File(msgspec.Struct, frozen=True):
    uri: str
    digest: str
    size: int


class Skill(msgspec.Struct, frozen=True):
    """`resources` names all its files; `dynamic` ones cannot be told from others and are left out."""

    uri: str
    frontmatter: dict[str, Any]
    resources: tuple[File, ...] | Literal["dynamic"]

    @property
    def root(self) -> str:
        return self.uri.removesuffix(f"/{SKILL}")

    @property
    def path(self) -> str:
        """Of its folder, as its server orders them."""
        return self.root.partition("://")[2]

    @property
    def description(self) -> str:
        return str(self.frontmatter.get("description", ""))

    def files(self) -> dict[str, File]:
        """By their paths below its folder."""
        if isinstance(self.resources, str):
            return {}
        return {file.uri.removeprefix(f"{self.root}/"): file for file in self.resources}


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    skills: tuple[msgspec.Raw, ...] = ()
    next_cursor: str | None = None


class _Content(msgspec.Struct, frozen=True):
    uri: str = ""
    text: str | None = None
    blob: str | None = None


class Contents(msgspec.Struct, frozen=True):
    contents: tuple[_Content, ...] = ()

    def data(self, uri: str) -> bytes:
        """Raise `tool` when it is not there."""
        for content in self.contents:
            if content.uri == uri and content.text is not None:
                return content.text.encode()
            if content.uri == uri and content.blob is not None:
                return base64.b64decode(content.blob)
        raise SysError(Code.TOOL, f"the server answers {uri} with something else")


def entries_of(listed: Iterable[msgspec.Raw]) -> dict[str, Skill]:
    found: dict[str, Skill] = {}
    for raw in listed:
        try:
            skill = msgspec.json.decode(raw, type=Skill)
        except msgspec.MsgspecError:
            continue
        if _sound(skill):
            found[skill.path] = skill
    return dict(sorted(found.items()))


def _sound(skill: Skill) -> bool:
    """It can be kept, and all of its names are names."""
    name = skill.frontmatter.get("name")
    if isinstance(skill.resources, str) or not isinstance(name, str) or not _NAME.fullmatch(name):
        return False
    parts, files = skill.path.split("/"), skill.files()
    whole = [*parts, *(part for path in files for part in path.split("/"))]
    return (
        skill.uri.endswith(f"/{SKILL}")
        and parts[-1] == name
        and 0 < len(skill.description) <= LINE
        and SKILL in files
        and len(files) == len(skill.resources) <= FILES
        and sum(file.size for file in skill.resources) <= BYTES
        and all(file.uri.startswith(f"{skill.root}/") for file in skill.resources)
        and all(_SEGMENT.fullmatch(part) and part not in (".", "..") for part in whole)
    )


def verified(skill: Skill, path: str, data: bytes) -> str:
    """Raise `unconfirmed` for what is other than it was when somebody accepted it."""
    file = skill.files()[path]
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if (digest, len(data)) != (file.digest, file.size):
        raise other(f"{skill.path}/{path}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise SysError(Code.INVALID, f"{path} is not text") from error
    if path == SKILL and not _same(text, skill.frontmatter):
        raise other(f"what {skill.path} says of itself")
    return text


def other(what: str) -> SysError:
    return SysError(Code.UNCONFIRMED, f"{what} is not what was accepted")


def _same(text: str, said: Mapping[str, Any]) -> bool:
    """The words of the file and those of the entry, whatever their types are called."""
    _, _, rest = text.removeprefix("\ufeff").replace("\r\n", "\n").partition("---\n")
    try:
        written = yaml.load(rest.partition("\n---")[0], Loader=yaml.BaseLoader)  # noqa: S506 - texts alone
    except (yaml.YAMLError, RecursionError, ValueError):
        return False
    return isinstance(written, dict) and _plain(written) == _plain(said)


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case str():
            return value.strip()
        case Sequence():
            return [_plain(one) for one in value]
        case None | "null" | "~":
            return ""
        case bool():
            return str(value).lower()
        case _:
            return str(value)
