"""Agent files: Markdown whose YAML front matter says what an agent is.

    parse_agent   text -> Agent
    find_agent    name, folders -> Agent

The body is the agent's instructions.  Nothing in the front matter is ignored in silence
except keys that other programs are known to use for their own ends.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from logos.abi.agent import Agent, Approvals, InDoubt, Limits, Recalls
from logos.abi.errors import Code, SysError
from logos.abi.rights import Cap, attenuates, parse
from logos.programs import quantities
from logos.programs.toolnames import calls_named, defaults, verb_of

KEYS = (
    "name", "description", "model", "tools", "allow", "deny", "limits", "resident", "in_doubt",
    "approvals", "max_output", "skills", "recalls",
)  # fmt: skip
ALIASES = {"disallowedTools": "deny", "disallowed-tools": "deny", "allowed-tools": "tools"}
IGNORED = frozenset(
    {
        "color", "permissionMode", "hooks", "mcpServers", "memory", "background",
        "effort", "isolation", "maxTurns", "initialPrompt", "version", "license", "author", "tags",
        "category", "metadata", "icon", "mode", "temperature",
    }
)  # fmt: skip
"""Keys of other programs' agent files that mean nothing here."""

_LIMITS: dict[str, tuple[str, Callable[[str], int | float]]] = {
    "tokens": ("tokens", quantities.number),
    "cost": ("cost", quantities.dollars),
    "wall": ("wall_s", quantities.seconds),
    "calls": ("calls", quantities.number),
    "children": ("children", quantities.number),
    "depth": ("depth", quantities.number),
}
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")

FOR_SKILLS = ("fs.list", "fs.read", "fs.search")
"""What it takes to read one."""


def find_agent(name: str, folders: Iterable[Path]) -> Agent:
    """The first NAME.md in `folders`.  Raise `not_found` with the nearest names there are."""
    folders = list(folders)
    if _NAME.fullmatch(name):
        for folder in folders:
            file = folder / f"{name}.md"
            if file.is_file():
                return parse_agent(_read(file), source=str(file))
    known = sorted({file.stem for folder in folders for file in folder.glob("*.md")})
    near = difflib.get_close_matches(name, known, n=3) or known[:8]
    hint = f"did you mean {' or '.join(near)}?" if near else f"write one: agents/{name}.md"
    raise SysError(Code.NOT_FOUND, f"no agent {name!r}", hint=hint)


def parse_agent(text: str, *, source: str = "agent.md") -> Agent:
    """Read an agent file.  Raise `invalid`, naming the line, for what makes no sense."""
    front, body = _split(text, source)
    reader = _Reader(source, front)
    name = reader.text("name", Path(source).stem)
    if not _NAME.fullmatch(name):
        raise reader.wrong("name", f"{name!r} is not a name", "use letters, digits, - and _")
    model = reader.text("model", "")
    tools, caps = _rights(reader)
    return Agent(
        name=name,
        description=reader.text("description", ""),
        model="" if model == "inherit" else model,
        instructions=body.strip(),
        tools=tools,
        allow=caps,
        limits=_limits(reader),
        in_doubt=InDoubt(reader.choice("in_doubt", InDoubt.TELL, tuple(InDoubt))),
        approvals=Approvals(reader.choice("approvals", Approvals.ASK, tuple(Approvals))),
        resident=reader.flag("resident"),
        recalls=Recalls(reader.choice("recalls", Recalls.SAID, tuple(Recalls))),
        max_output=int(reader.quantity("max_output", quantities.number, 4096)),
    )


class _Reader:
    """The front matter's entries by key, each with the line it stands on."""

    def __init__(self, source: str, front: str) -> None:
        self._source = source
        self._entries: dict[str, tuple[int, yaml.Node]] = {}
        for key, line, node in _entries(_compose(front, source), source):
            known = ALIASES.get(key, key)
            if known in IGNORED:
                continue
            if known not in KEYS:
                raise _unknown(f"{source}:{line}", key, KEYS)
            if known in self._entries:
                raise SysError(Code.INVALID, f"{source}:{line}: {known} is given twice")
            self._entries[known] = (line, node)

    def has(self, key: str) -> bool:
        return key in self._entries

    def where(self, key: str) -> str:
        """`file:line`; the first line when the key is not there."""
        return f"{self._source}:{self._entries[key][0] if key in self._entries else 1}"

    def wrong(self, key: str, message: str, hint: str = "") -> SysError:
        return SysError(Code.INVALID, f"{self.where(key)}: {message}", hint=hint)

    def text(self, key: str, default: str) -> str:
        if key not in self._entries:
            return default
        node = self._entries[key][1]
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(key, f"{key} must be a text")
        return str(node.value).strip()

    def choice(self, key: str, default: str, choices: Sequence[str]) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.wrong(key, f"{key} cannot be {value!r}", f"one of {', '.join(choices)}")
        return value

    def flag(self, key: str) -> bool:
        value = self.text(key, "false").lower()
        if value not in {"true", "yes", "on", "false", "no", "off"}:
            raise self.wrong(key, f"{key} must be true or false, not {value!r}")
        return value in {"true", "yes", "on"}

    def words(self, key: str) -> list[str]:
        """A YAML list, or a text with commas (which parentheses protect)."""
        if key not in self._entries:
            return []
        node = self._entries[key][1]
        if isinstance(node, yaml.SequenceNode):
            if any(not isinstance(item, yaml.ScalarNode) for item in node.value):
                raise self.wrong(key, f"{key} must be a list of texts")
            found = [str(item.value) for item in node.value]
        else:
            found = re.split(r",(?![^()]*\))", self.text(key, ""))
        return [word.strip() for word in found if word.strip()]

    def quantity(self, key: str, read: Callable[[str], int | float], default: float) -> float:
        if key not in self._entries:
            return default
        return _measured(self.where(key), read, self.text(key, ""))

    def section(self, key: str) -> list[tuple[str, int, yaml.Node]]:
        if key not in self._entries:
            return []
        return list(_entries(self._entries[key][1], self._source))


def _rights(reader: _Reader) -> tuple[tuple[str, ...], tuple[Cap, ...]]:
    """The calls the model is shown, and what it may do with them."""
    tools, implied = _tools(reader, "tools")
    refused = [word for word in reader.words("deny") if ":/" not in word]
    dropped = {tool for word in refused for tool in _named(reader, "deny", word)[0]}
    tools = [tool for tool in tools if tool not in dropped]
    if reader.has("allow"):
        caps = [_cap(reader, "allow", word) for word in reader.words("allow")]
        _check_usable(reader, tools, caps)
    else:
        narrowed = {cap.verb for cap in implied if not cap.path.startswith("/tools")}
        caps = implied + [
            cap
            for tool in tools
            for cap in defaults(tool)
            if cap.verb not in narrowed and tool in _plain(reader)
        ]
    if skills := reader.words("skills"):
        tools = list(dict.fromkeys([*tools, *FOR_SKILLS]))
        caps += [cap for word in skills for cap in _of_skill(reader, word)]
    denied = [_cap(reader, "deny", word) for word in reader.words("deny") if ":/" in word]
    return tuple(tools), tuple(dict.fromkeys(_without(reader, caps, denied)))


def _of_skill(reader: _Reader, word: str) -> tuple[Cap, ...]:
    if word == "*":
        return (parse("read:/skills"), parse("read:/skills/**"))
    if not _NAME.fullmatch(word):
        raise reader.wrong("skills", f"{word!r} is not a name of a skill", "or * for all")
    return (parse("read:/skills"), parse(f"read:/skills/{word}"), parse(f"read:/skills/{word}/**"))


def _tools(reader: _Reader, key: str) -> tuple[list[str], list[Cap]]:
    tools: dict[str, None] = {}
    caps: list[Cap] = []
    for word in reader.words(key):
        calls, implied = _named(reader, key, word)
        tools |= dict.fromkeys(calls)
        caps += implied
    return list(tools), caps


def _plain(reader: _Reader) -> set[str]:
    """The tools that some word names without saying what may be done with them."""
    named = (_named(reader, "tools", word) for word in reader.words("tools"))
    return {call for calls, implied in named if not implied for call in calls}


def _named(reader: _Reader, key: str, word: str) -> tuple[tuple[str, ...], tuple[Cap, ...]]:
    try:
        return calls_named(word)
    except SysError as error:
        raise reader.wrong(key, error.message, error.hint) from error


def _cap(reader: _Reader, key: str, word: str) -> Cap:
    try:
        return parse(word)
    except SysError as error:
        raise reader.wrong(key, error.message, error.hint) from error


def _check_usable(reader: _Reader, tools: Iterable[str], caps: Iterable[Cap]) -> None:
    """`allow:` is all there is, so a tool it forgot could never be used: say so at once."""
    verbs = {cap.verb for cap in caps}
    for tool in tools:
        if (verb := verb_of(tool)) and verb not in verbs:
            example = next((str(cap) for cap in defaults(tool)), f"{verb}:/...")
            raise reader.wrong(
                "allow", f"{tool} is listed but allow: has no {verb}", f"add {example}"
            )


def _without(reader: _Reader, caps: list[Cap], denied: list[Cap]) -> list[Cap]:
    kept = [cap for cap in caps if attenuates([cap], denied)]
    for cap in kept:
        if inside := [d for d in denied if not attenuates([d], [cap])]:
            # There is no negative capability: what is left over would have to be enumerated.
            raise reader.wrong(
                "deny", f"{inside[0]} cannot be cut out of {cap}", "allow the paths it may use"
            )
    return kept


def _limits(reader: _Reader) -> Limits:
    found: dict[str, Any] = {}
    for key, line, node in reader.section("limits"):
        known = "wall" if key == "wall_s" else key
        where = f"{reader.where('limits').rpartition(':')[0]}:{line}"
        if known not in _LIMITS:
            raise _unknown(where, key, _LIMITS)
        if not isinstance(node, yaml.ScalarNode):
            raise SysError(Code.INVALID, f"{where}: {key} must be one value")
        field, read = _LIMITS[known]
        found[field] = _measured(where, read, str(node.value))
    return Limits(**found)


def _measured(where: str, read: Callable[[str], int | float], text: str) -> int | float:
    try:
        return read(text)
    except SysError as error:
        raise SysError(error.code, f"{where}: {error.message}", hint=error.hint) from error


def _unknown(where: str, key: str, known: Iterable[str]) -> SysError:
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
    return SysError(Code.INVALID, f"{where}: unknown key {key!r}", hint=hint)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SysError(Code.INVALID, f"{file} cannot be read: {error}") from error


def _split(text: str, source: str) -> tuple[str, str]:
    """Front matter (with the opening line kept empty, so that lines count right) and body."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.startswith("---\n"):
        return "", text
    end = re.search(r"^---[ \t]*$", text[4:], re.MULTILINE)
    if end is None:
        raise SysError(
            Code.INVALID, f"{source}:1: the front matter does not end", hint="close it with ---"
        )
    return "\n" + text[4 : 4 + end.start()], text[4 + end.end() :]


def _compose(front: str, source: str) -> yaml.Node | None:
    try:
        return yaml.compose(front, Loader=yaml.SafeLoader)
    except yaml.YAMLError as first:
        # Descriptions with a bare `: ` in them are not YAML, but are what people write.
        quoted = re.sub(
            r"^(\w[\w-]*): +(?![\"'\[{|>&*!])(.*(?:: | #).*)$",
            lambda m: f"{m[1]}: {json.dumps(m[2], ensure_ascii=False)}",
            front,
            flags=re.MULTILINE,
        )
        try:
            return yaml.compose(quoted, Loader=yaml.SafeLoader)
        except yaml.YAMLError:
            mark = getattr(first, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            problem = getattr(first, "problem", None) or "is not YAML"
            raise SysError(Code.INVALID, f"{source}:{line}: {problem}") from first


def _entries(node: yaml.Node | None, source: str) -> Iterable[tuple[str, int, yaml.Node]]:
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        raise SysError(Code.INVALID, f"{source}:{line}: expected `key: value` lines")
    for key, value in node.value:
        yield str(key.value), key.start_mark.line + 1, value
