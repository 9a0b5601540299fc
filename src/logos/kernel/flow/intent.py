"""What the principal's request intends, from his words and the catalogue alone.  Pure.

    Intent                yes, delegated (a document decides), no
    intents(words, tools) {tool: Intent} for every tool that has an effect

A tool is intended when a verb for what it does stands in the words, and so does a noun of
what it does it to, if its name has one.  Nothing that is read later can widen this; only
the principal can, by saying more or by answering a question.

Invariant: the intents depend on the principal's words and the manifests, and on nothing the
process has read.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from logos.kernel.flow.derive import tokens
from logos.kernel.flow.manifest import Impact, Manifest
from logos.kernel.flow.value import Kind, among, stem
from logos.kernel.flow.words import Words


class Intent(StrEnum):
    YES = "yes"
    DELEGATED = "delegated"
    NO = "no"


_TALK = (
    "send message dm tell write reply respond post email mail forward notify inform text contact "
    "answer ask remind announce share publish drop"
)
_VERBS: dict[str, frozenset[str]] = {
    verb: among(near)
    for verb, near in {
        **dict.fromkeys(among("send message email mail reply forward notify"), _TALK),
        "post": "post publish put upload write share announce send",
        "publish": "post publish put upload write share announce",
        "pay": "pay settle transfer",
        "transfer": "pay transfer wire move send",
        "buy": "buy order purchase",
        "book": "book reserve arrange",
        "reserve": "book reserve arrange",
        "order": "buy order purchase",
        "invite": "invite add onboard enroll",
        "add": "add include put join enroll append insert invite",
        "remove": "remove kick expel exclude take drop ban delete",
        "delete": "delete remove erase clear discard trash",
        "cancel": "cancel drop remove",
        "create": "create make set add put schedule write start save draft arrange plan open",
        "schedule": "schedule set plan arrange create",
        "update": "update change adjust modify edit set correct fix increase decrease raise lower reset amend",
        "change": "update change adjust modify edit set correct fix reset amend",
        "edit": "update change adjust modify edit correct fix amend",
        "set": "set change update adjust make",
        "reschedule": "reschedule move postpone shift change update",
        "append": "append add write extend",
        "write": "write save store put create update add note",
        "share": "share give grant send invite",
        "grant": "grant give allow share",
        "revoke": "revoke withdraw remove unshare",
        "rename": "rename change",
        "move": "move put",
        "upload": "upload put share save",
        "run": "run execute start launch",
        "execute": "run execute start launch",
        "start": "start run launch open",
    }.items()
}

_PAYING = among("pay refund reimburse donate wire")

_NOUNS: tuple[frozenset[str], ...] = tuple(
    among(group)
    for group in (
        "money payment bill rent transaction amount cash fund invoice fee difference salary",
        "transaction payment order standing subscription rent bill transfer installment",
        "webpage website page site blog web",
        "channel room group",
        "event meeting appointment calendar call session",
        "file document doc note list report",
        "password passphrase pin credential",
        "user account profile info information detail address data",
        "member user person colleague",
        "hotel room stay accommodation",
        "restaurant table dinner lunch",
        "car vehicle rental",
        "contact address person",
    )
)


def intents(words: Words, tools: Mapping[str, Manifest]) -> dict[str, Intent]:
    """For every tool with an effect, whether the principal asked for such a thing."""
    return {
        name: _intent(words, name, manifest)
        for name, manifest in tools.items()
        if manifest.impact not in (Impact.READ, Impact.READ_EGRESS)
    }


def _intent(words: Words, name: str, manifest: Manifest) -> Intent:
    if manifest.private or words.calls(name):
        return Intent.YES
    parts = [stem(t) for t in tokens(name.rsplit("/", 1)[-1])]
    verb = next((p for p in parts if p in _VERBS), parts[0] if parts else "")
    verbs = {verb} | _VERBS.get(verb, frozenset()) | _stems(manifest.verbs)
    if manifest.impact is Impact.MONEY:
        verbs |= _PAYING
    nouns = _near([p for p in parts if p != verb]) | _stems(manifest.nouns)
    if verbs & words.acts and (not nouns or nouns & words.all or _reaches(words, manifest)):
        return Intent.YES
    return Intent.DELEGATED if words.delegates else Intent.NO


def _reaches(words: Words, manifest: Manifest) -> bool:
    """For what goes to people, saying to whom is enough; for money, a verb of paying or an account."""
    kinds = {manifest.argument(a).kind for a in manifest.arguments}
    if manifest.impact is Impact.EGRESS_PEOPLE:
        return bool(kinds & {Kind.HANDLE, Kind.ADDRESS})
    if manifest.impact is Impact.MONEY:
        return bool(_PAYING & words.acts) or any(k is Kind.ACCOUNT for k, _ in words.values)
    return False


def _near(parts: list[str]) -> set[str]:
    near = set(parts)
    for group in _NOUNS:
        if group & set(parts):
            near |= group
    return near


def _stems(found: Iterable[str]) -> set[str]:
    return {stem(f.lower()) for f in found}
