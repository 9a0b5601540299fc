"""Manifests: what a tool does to the world, what its arguments stand for, and which parts of
its answers the provider vouches for.  Data, checked against the tool's schema.  Pure.

    Impact             what a call does to somebody
    Argument           kind of an argument: "account", or {kind = "handle", of = "user"}
    Field              kind of a field of a result, and whether the provider vouches for it
    Result             where the records of a result are and what is known of them
    Manifest           one tool
    parse(text, form)  a manifest file (toml, json or yaml) -> {tool: Manifest}
    fit(m, schema)     the manifest, or `invalid` when it speaks of what the schema lacks

A manifest file:

    [send_money]
    impact = "money"
    verbs = ["pay", "refund"]
    [send_money.arguments]
    recipient = "account"
    amount = "amount"

    [list_payments]
    impact = "read"
    [list_payments.result]
    type = "payment"
    keys = ["recipient", "subject"]
    author = "sender"
    own = ["me"]
    [list_payments.result.fields]
    sender = "account"
    recipient = "account"
    subject = {kind = "text", vouched = "author"}

Invariant: after `fit`, every argument a manifest names exists, and every argument that
exists has a kind.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec

from logos.abi.errors import Code, SysError
from logos.kernel.flow.nearest import nearest
from logos.kernel.flow.value import Kind


class Impact(StrEnum):
    """What a call does, mildest first."""

    READ = "read"  # looks, and tells nobody
    READ_EGRESS = "read_egress"  # looks, and what it asks for leaves the machine
    REVERSIBLE_WRITE = "reversible_write"  # changes something that can be changed back
    IRREVERSIBLE = "irreversible"  # deletes, books, runs
    EGRESS_PEOPLE = "egress_people"  # people or the public will read it
    MONEY = "money"  # moves money, or decides where it will go
    IDENTITY = "identity"  # who somebody is and what they may: members, passwords, profiles


class Argument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`of` names the set a handle, id or name belongs to (user, channel, file).  With `free` the
    agent may make the value up: a new file's path, a new record's title."""

    kind: Kind
    of: str = ""
    free: bool = False


UNKNOWN = Argument(kind=Kind.COMMAND)
"""The worst: it must have been said."""


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`vouched`: does the provider itself stand for the value? "author": only for records whose
    author is the principal or somebody the principal named.  `directory`: this is a list of the
    members, not of who happened to write.  `own`: it is the principal's own.  `secret` is the class
    of secret it holds.  `name` is what it is called where the record does not say."""

    kind: Kind
    of: str = ""
    vouched: bool | Literal["author"] = True
    directory: bool = False
    own: bool = False
    secret: str = ""
    name: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes back: one record, a list of them, or a table of them by key.

    `at` is the dotted path to the records.  `fields` names what is known of a record; whatever it
    does not name is text nobody vouches for.  `item` is for records that are bare values, `key` for
    the keys of a table.  `lines`: the result is a text with one value a line, perhaps after a
    heading that ends in a colon.  `context` are arguments of the call that hold for each record
    (the channel that was read).  `keys` are the fields and arguments by which a person refers to a
    record.  `author` is the field that says who wrote it; `own` what that field says for the
    principal.  `secret` is a class of secret the text is in; `readers` who may see it.
    """

    type: str = ""
    at: str = ""
    fields: dict[str, Field | str] = {}
    item: Field | str | None = None
    lines: bool = False
    key: Field | str | None = None
    context: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    author: str = ""
    own: tuple[str, ...] = ()
    secret: str = ""
    readers: tuple[str, ...] | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tool.  `verbs` and `nouns` are further words by which people ask for it.  A `private`
    tool changes only what is the process's own.  `idempotent`: twice is once.  `opens` is the
    argument that, when it is given, says where anything may go that the process has read: what a
    program sends cannot be seen."""

    impact: Impact
    arguments: dict[str, Argument | str] = {}
    result: Result = Result()
    verbs: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    idempotent: bool = False
    private: bool = False
    opens: str = ""
    derived: bool = False

    def argument(self, name: str) -> Argument:
        """Of an argument, or of a leaf of one: `attachments.file_id`.  Of one that the tool does not have,
        or no longer: a call may have been made with it all the same."""
        while name not in self.arguments and "." in name:
            name = name.rpartition(".")[0]
        found = self.arguments.get(name, UNKNOWN)
        return argument(found) if isinstance(found, str) else found


def argument(text: str) -> Argument:
    """`handle:user` -> Argument(kind=handle, of=user)."""
    kind, _, of = text.partition(":")
    return Argument(kind=_kind(kind), of=of)


def field(found: "Field | str") -> Field:
    if isinstance(found, Field):
        return found
    kind, _, of = found.partition(":")
    return Field(kind=_kind(kind), of=of)


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        known = [k.value for k in Kind]
        raise SysError(
            Code.INVALID, f"{text!r} is not a kind of value", hint=nearest(text, known).hint
        ) from None


Form = Literal["toml", "json", "yaml"]


def parse(text: str, form: Form = "toml") -> dict[str, Manifest]:
    """Read a manifest file.  Raise `invalid` with the place of the mistake."""
    try:
        tree = _tree(text, form)
    except (msgspec.DecodeError, tomllib.TOMLDecodeError) as wrong:
        raise SysError(Code.INVALID, f"not a manifest: {wrong}") from wrong
    if not isinstance(tree, dict):
        raise SysError(Code.INVALID, "not a manifest: a table of tools by name is expected")
    return {str(name): _one(str(name), given) for name, given in tree.items()}


def _one(name: str, given: object) -> Manifest:
    try:
        made = msgspec.convert(given, Manifest)
        for found in (*made.arguments.values(), *made.result.fields.values()):
            if isinstance(found, str):
                argument(found)
    except (msgspec.ValidationError, SysError) as wrong:
        what = wrong.message if isinstance(wrong, SysError) else f"{wrong}"
        hint = wrong.hint if isinstance(wrong, SysError) else ""
        raise SysError(Code.INVALID, f"the manifest of {name}: {what}", hint=hint) from wrong
    return made


def _tree(text: str, form: Form) -> Any:
    if form == "toml":
        return tomllib.loads(text)
    if form == "json":
        return msgspec.json.decode(text)
    return msgspec.yaml.decode(text)


def fit(manifest: Manifest, schema: Mapping[str, Any], *, tool: str, rest: Manifest) -> Manifest:
    """The manifest with every argument's kind spelt out.

    `rest` is what the schema alone tells (see derive.py): it gives the kinds of arguments the
    manifest leaves out.  Raise `invalid` for a name that is not there.
    """
    there = list(schema.get("properties", {}))
    for name in manifest.arguments:
        if name.split(".", 1)[0] not in there:
            raise SysError(
                Code.INVALID,
                f"the manifest of {tool} names the argument {name!r}, which the tool does not have",
                hint=nearest(name, there).hint or f"it has: {', '.join(there) or 'none'}",
            )
    arguments = {
        name: (manifest.argument(name) if name in manifest.arguments else rest.argument(name))
        for name in dict.fromkeys((*there, *manifest.arguments))
    }
    _check_result(manifest.result, there, tool)
    result = manifest.result
    fields: dict[str, Field | str] = {name: field(f) for name, f in result.fields.items()}
    result = msgspec.structs.replace(
        result,
        fields=fields,
        item=None if result.item is None else field(result.item),
        key=None if result.key is None else field(result.key),
    )
    return msgspec.structs.replace(manifest, arguments=dict(arguments), result=result)


def _check_result(result: Result, arguments: list[str], tool: str) -> None:
    for name in result.context:
        if name not in arguments:
            raise SysError(
                Code.INVALID,
                f"the result of {tool} takes context from {name!r}, which is not an argument",
                hint=nearest(name, arguments).hint,
            )
    known = [*result.fields, *result.context]
    author = [result.author] if result.author else []
    for name in (*result.keys, *author):
        if name not in known:
            raise SysError(
                Code.INVALID,
                f"the result of {tool} speaks of the field {name!r}, which it does not declare",
                hint=nearest(name, known).hint,
            )
