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
from logos.kernel.flow.lexicon import NEAR, PAYING, SAID, THINGS, verb_of
from logos.kernel.flow.manifest import Impact, Manifest
from logos.kernel.flow.value import Kind, among, stem
from logos.kernel.flow.words import Words


class Intent(StrEnum):
    YES = "yes"
    DELEGATED = "delegated"
    NO = "no"


_SMALL = among("to from in of for on with by as and or the new my id")
"""Parts of names that name nothing."""
_MAKING = among("make create set add send submit place schedule new post issue leave write request")


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
    verbs, nouns = _named(name)
    verbs |= _stems(manifest.verbs)
    nouns |= _stems(manifest.nouns)
    if manifest.impact is Impact.MONEY:
        verbs |= PAYING
    if verbs & words.acts and (not nouns or nouns & words.all or _reaches(words, manifest, nouns)):
        return Intent.YES
    return Intent.DELEGATED if words.delegates else Intent.NO


def _named(name: str) -> tuple[set[str], set[str]]:
    """What a tool's own name says it does, and to what:  `send_email` and `email_send` alike.  Of
    several words that can be acts, those that name a thing, too, are the thing."""
    parts = [stem(t) for t in tokens(name.rsplit("/", 1)[-1])]
    able = {part: verb for part in parts if (verb := verb_of(part)) in SAID}
    plain = {part for part in able if part in SAID and part not in THINGS}
    sure = plain or {part for part in able if part not in SAID} or set(able)
    if not sure:
        sure, able = set(parts[:1]), {part: part for part in parts[:1]}
    verbs = {said for part in sure for said in SAID.get(able[part], {part})}
    if sure & _MAKING:  # who sets a reminder reminds
        verbs |= {able[part] for part in able if part not in SAID}
    return verbs, _near([p for p in parts if p not in sure and p not in _SMALL])


def _reaches(words: Words, manifest: Manifest, nouns: set[str]) -> bool:
    """What stands for the noun: for what goes to people, saying to whom; for money, a verb of
    paying or an account; for files, the name of one."""
    kinds = {manifest.argument(a).kind for a in manifest.arguments}
    if manifest.impact is Impact.EGRESS_PEOPLE and kinds & {Kind.HANDLE, Kind.ADDRESS}:
        return True
    if manifest.impact is Impact.MONEY:
        return bool(PAYING & words.acts) or any(k is Kind.ACCOUNT for k, _ in words.values)
    return "file" in nouns and any(k is Kind.PATH for k, _ in words.values)


def _near(parts: list[str]) -> set[str]:
    near = set(parts)
    for group in NEAR:
        if group & set(parts):
            near |= group
    return near


def _stems(found: Iterable[str]) -> set[str]:
    return {stem(f.lower()) for f in found}
