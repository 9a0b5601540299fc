"""What a tool's own name, schema and MCP annotations tell, when nobody wrote a manifest.  Pure.

    derive(name, schema, annotations, description)   a Manifest

Every guess errs on the side of harm: a verb nobody knows is irreversible, an annotation can
make a tool worse than its name and never better than an effect its name admits, and nothing a
tool returns is vouched for.  What was asked for (the page, the file, the channel) is known all
the same, because the kernel saw the call.

Invariant: a derived manifest never lets through what a written one would refuse for its
impact; it only asks and refuses more.
"""

import re
from collections.abc import Mapping
from typing import Any

from logos.kernel.flow.manifest import Argument, Impact, Manifest, Result
from logos.kernel.flow.value import Kind, among

_READ = among(
    "get list read search find show check view count look describe fetch query lookup browse stat "
    "inspect retrieve download open is has"
)
_VERBS: tuple[tuple[Impact, frozenset[str]], ...] = (
    (Impact.MONEY, among("pay transfer wire refund purchase buy donate payment transaction invoice money")),
    (Impact.IDENTITY, among("invite grant revoke permit password credential role member permission profile share unshare "
        "ban promote enroll login user account")),
    (Impact.EGRESS_PEOPLE, among("send post message email mail reply notify publish forward tweet comment announce push")),
    (Impact.IRREVERSIBLE, among("delete remove drop purge cancel book reserve order run execute exec erase clear kill deploy")),
    (Impact.REVERSIBLE_WRITE, among("create add update set edit write append save rename move copy upload mark label schedule "
        "reschedule put insert change modify star archive")),
)  # fmt: skip

_ARGUMENTS: tuple[tuple[Kind, str], ...] = (
    (Kind.SECRET, r"passw|secret|token|api_?key|credential|\bpin\b"),
    (Kind.URL, r"url|uri|link|website|endpoint|webhook"),
    (Kind.ACCOUNT, r"iban|account|payee|beneficiary|wallet"),
    (Kind.ADDRESS, r"e_?mail|recipient|participant|attendee|\bto\b|\bcc\b|\bbcc\b|phone|address"),
    (Kind.HANDLE, r"user|channel|group|team|member|room|assignee|owner|repo"),
    (Kind.COMMAND, r"command|\bcmd\b|\bcode\b|script|\bsql\b|argv|shell"),
    (Kind.ID, r"(^|_)ids?$"),
    (Kind.PATH, r"path|file|folder|directory"),
    (Kind.AMOUNT, r"amount|price|total|sum|balance|quantity|value"),
    (Kind.DATE, r"date|time|day|start|end|when|deadline|until|since"),
    (Kind.SELECTOR, r"query|search|filter|pattern|keyword|\bq\b|sort|limit|offset"),
    (
        Kind.CONTENT,
        r"body|content|message|text|description|subject|note|comment|summary|html|reason",
    ),
)


def derive(
    name: str,
    schema: Mapping[str, Any],
    annotations: Mapping[str, Any] | None = None,
    description: str = "",
) -> Manifest:
    """The most careful manifest that the schema allows."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    arguments = {key: _argument(key, spec) for key, spec in properties.items()}
    impact = _impact(tokens(name), arguments, annotations or {})
    if impact is Impact.MONEY:
        arguments = {
            k: Argument(kind=Kind.ACCOUNT) if a.kind is Kind.ADDRESS else a
            for k, a in arguments.items()
        }
    places = tuple(k for k, a in arguments.items() if a.kind in _PLACES)
    verbs = tuple(w for w in tokens(description.partition(".")[0])[:1] if w)
    return Manifest(
        impact=impact,
        arguments=dict(arguments),
        result=Result(context=places, keys=places),
        verbs=verbs,
        idempotent=bool((annotations or {}).get("idempotentHint", False)),
        derived=True,
    )


def tokens(name: str) -> list[str]:
    """`sendDirect_message` -> [send, direct, message]."""
    return [t.lower() for t in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _impact(
    parts: list[str], arguments: Mapping[str, Argument], annotations: Mapping[str, Any]
) -> Impact:
    kinds = {a.kind for a in arguments.values()}
    read = bool(parts) and parts[0] in _READ
    if "readOnlyHint" in annotations:
        read = bool(annotations["readOnlyHint"]) and not _named(parts[:1])
    if read:
        far = Kind.URL in kinds or bool(annotations.get("openWorldHint"))
        return Impact.READ_EGRESS if far else Impact.READ
    if {Kind.ACCOUNT, Kind.AMOUNT} <= kinds:
        return Impact.MONEY
    if Kind.SECRET in kinds:
        return Impact.IDENTITY
    return _write(_named(parts), kinds, destructive=bool(annotations.get("destructiveHint")))


def _write(named: Impact | None, kinds: set[Kind], *, destructive: bool) -> Impact:
    if named is Impact.REVERSIBLE_WRITE and Kind.ADDRESS in kinds:
        return Impact.EGRESS_PEOPLE
    if named is None or (named is Impact.REVERSIBLE_WRITE and destructive):
        return Impact.IRREVERSIBLE
    return named


def _named(parts: list[str]) -> Impact | None:
    """The worst impact a part of the name stands for."""
    for impact, verbs in _VERBS:
        if any(part in verbs or part.removesuffix("s") in verbs for part in parts):
            return impact
    return None


def _argument(name: str, spec: Mapping[str, Any]) -> Argument:
    flat = "_".join(tokens(name)) or name.lower()
    types = _types(spec)
    if types <= {"boolean", "null"} or "enum" in spec or "const" in spec:
        return Argument(kind=Kind.CHOICE)
    if spec.get("format") in ("uri", "email"):
        return Argument(kind=Kind.URL if spec["format"] == "uri" else Kind.ADDRESS)
    for kind, pattern in _ARGUMENTS:
        if re.search(pattern, flat) or re.search(pattern, flat.replace("_", " ")):
            of = flat.removesuffix("_id").removesuffix("_ids") if kind in _NAMED else ""
            return Argument(kind=kind, of=of)
    if types <= {"integer", "number", "null"}:
        return Argument(kind=Kind.AMOUNT)
    return Argument(kind=Kind.TEXT)


_PLACES = frozenset({Kind.URL, Kind.PATH, Kind.HANDLE, Kind.ID})
_NAMED = frozenset({Kind.HANDLE, Kind.ID})


def _types(spec: Mapping[str, Any]) -> set[str]:
    found = spec.get("type")
    types = {found} if isinstance(found, str) else set(found or ())
    for branch in (*spec.get("anyOf", ()), *spec.get("oneOf", ())):
        types |= _types(branch)
    return types or {"any"}
