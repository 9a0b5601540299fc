"""A tool's answer, taken apart into records by its manifest.  Pure.

    Value      one vouched value: kind, the set it is of, normal spelling
    Record     vouched values, free text, who wrote it, by what a person would call it
    records(manifest, arguments, result, page, own)   the records of one answer

Invariant: a value counts as vouched only when the manifest says so of that field and, for
fields an author answers for, the author is the principal.  Everything else is text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from logos.kernel.flow.label import Integrity, Label
from logos.kernel.flow.manifest import Field, Manifest, Result
from logos.kernel.flow.manifest import field as as_field
from logos.kernel.flow.value import Kind, normal, numbers, plain_string

MOST = 5_000
"""Records kept of one answer; what is beyond counts as unvouched text."""


@dataclass(frozen=True, slots=True)
class Value:
    name: str
    kind: Kind
    of: str
    normal: str
    shown: str
    context: bool = False
    directory: bool = False
    key: bool = False


@dataclass(slots=True)
class Record:
    """`member`: its author belongs to a closed set the server keeps.  `reach`: how the principal's
    words lead here: 2 by its own key, 1 by its place or through another record, 0 not.  `claims`
    are names that nobody vouches for (a subject); `claimed`: the principal spoke of one of them
    word for word.  `score` is how well the words fit."""

    number: int
    page: str
    tool: str
    type: str
    values: tuple[Value, ...]
    text: str
    author: str = ""
    member: bool = False
    own: bool = False
    label: Label = field(default_factory=Label)
    secrets: tuple[tuple[str, str], ...] = ()
    reach: int = 0
    score: int = 0
    weak: bool = False
    claims: tuple[str, ...] = ()
    claimed: bool = False
    mine: tuple[tuple[Kind, str], ...] = ()
    folded: str = ""


def records(
    manifest: Manifest,
    *,
    tool: str,
    arguments: Mapping[str, Any],
    result: object,
    page: str,
) -> list[Record]:
    """The records of one answer, numbered from 0 within it."""
    spec = manifest.result
    context = tuple(_context(manifest, arguments))
    found: list[Record] = []
    for key, raw in _rows(_parsed(result), spec):
        record = _record(spec, context, key, raw)
        record.number, record.page, record.tool = len(found), page, tool
        record.type = spec.type or tool
        found.append(record)
        if len(found) == MOST:
            break
    return found


def context_of(manifest: Manifest, arguments: Mapping[str, Any]) -> tuple[Value, ...]:
    return tuple(_context(manifest, arguments))


def _context(manifest: Manifest, arguments: Mapping[str, Any]) -> Iterator[Value]:
    """Arguments that hold for each record: the kernel saw them, so it vouches for them."""
    for name in manifest.result.context:
        value = arguments.get(name)
        if value is None or isinstance(value, list | dict):
            continue
        arg = manifest.argument(name)
        yield Value(
            name=name,
            kind=arg.kind,
            of=arg.of,
            normal=normal(arg.kind, value),
            shown=plain_string(value),
            context=True,
            key=name in manifest.result.keys,
        )


def _record(spec: Result, context: tuple[Value, ...], key: str | None, raw: object) -> Record:
    author, own = "", False
    if spec.author and isinstance(raw, Mapping):
        author = plain_string(raw.get(spec.author, ""))
        own = author in spec.own
    draft = _Draft(list(context), own=own, keys=frozenset({*spec.keys, "key", "item"}))
    if key is not None:
        draft.take("key", spec.key, key)
    if isinstance(raw, Mapping) and spec.fields:
        for name, part in raw.items():
            draft.take(str(name), spec.fields.get(str(name)), part)
    else:
        draft.take("item", spec.item, raw)
    text = "\n".join(t for t in draft.texts if t)
    label = Label(
        integrity=Integrity.UNTRUSTED if text and not own else Integrity.TOOL_TRUSTED,
        readers=None if spec.readers is None else frozenset(spec.readers),
        secrets=frozenset({spec.secret} if spec.secret else ()) | {c for c, _ in draft.secrets},
    )
    author_spec = spec.fields.get(spec.author)
    return Record(
        number=0,
        page="",
        tool="",
        type=spec.type,
        values=tuple(draft.values),
        text=text,
        folded=text.casefold(),
        author=author,
        member=author_spec is not None and as_field(author_spec).kind is Kind.HANDLE,
        own=own,
        label=label,
        secrets=tuple(draft.secrets),
        claims=tuple(draft.claims),
        mine=tuple(draft.mine),
    )


@dataclass(slots=True)
class _Draft:
    """A record in the making: each field goes among the vouched values, the secrets or the text."""

    values: list[Value]
    own: bool
    keys: frozenset[str]
    texts: list[str] = field(default_factory=list)
    secrets: list[tuple[str, str]] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    mine: list[tuple[Kind, str]] = field(default_factory=list)

    def take(self, name: str, spec: Field | str | None, raw: object) -> None:
        if spec is None:
            self.texts.append(flat(raw))
            return
        found = as_field(spec)
        if found.secret:
            self.secrets += ((found.secret, plain_string(v)) for v in _each(raw))
            return
        vouched = self.own if found.vouched == "author" else bool(found.vouched)
        if not vouched or found.kind is Kind.CONTENT:
            self.texts.append(flat(raw))
            if name in self.keys:
                self.claims += (plain_string(v) for v in _each(raw))
            return
        if found.kind is Kind.AMOUNT and not normal(Kind.AMOUNT, raw):
            self.texts.append(flat(raw))
        for value in _each(raw):
            self._value(name, found, value)

    def _value(self, name: str, found: Field, value: object) -> None:
        spelt = normal(found.kind, value) or _first_number(found.kind, value)
        if not spelt:
            return
        if found.own:
            self.mine.append((found.kind, spelt))
        self.values.append(
            Value(
                name=found.name or name,
                kind=found.kind,
                of=found.of,
                normal=spelt,
                shown=plain_string(value),
                directory=found.directory,
                key=name in self.keys,
            )
        )


def _parsed(result: object) -> object:
    """Tools that answer in text often answer in JSON."""
    if isinstance(result, str) and result[:1] in ("{", "["):
        try:
            return msgspec.json.decode(result)
        except msgspec.DecodeError:
            return result
    return result


def _rows(result: object, spec: Result) -> Iterator[tuple[str | None, object]]:
    for part in filter(None, spec.at.split(".")):
        result = result.get(part) if isinstance(result, Mapping) else None
    if result is None:
        return
    if spec.lines and isinstance(result, str):
        listed = result.split(": ", 1)[-1].splitlines()
        yield from ((None, line.strip()) for line in listed if line.strip())
    elif isinstance(result, list | tuple):
        yield from ((None, item) for item in result)
    elif isinstance(result, Mapping) and spec.key is not None:
        yield from ((str(key), item) for key, item in result.items())
    else:
        yield None, result


def _each(raw: object) -> list[object]:
    if isinstance(raw, Mapping):
        return list(raw)
    return list(raw) if isinstance(raw, list | tuple | set) else [raw]


def flat(raw: object) -> str:
    """All the text in a value."""
    if isinstance(raw, Mapping):
        return "\n".join(f"{k}: {flat(v)}" for k, v in raw.items())
    if isinstance(raw, list | tuple | set):
        return "\n".join(flat(v) for v in raw)
    return plain_string(raw)


def _first_number(kind: Kind, value: object) -> str:
    """`from 120.00 a night` -> 120.00."""
    if kind is not Kind.AMOUNT:
        return ""
    found = numbers(plain_string(value))[0]
    return normal(kind, found[0]) if found else ""
