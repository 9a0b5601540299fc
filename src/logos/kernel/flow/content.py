"""What a text that is about to leave carries.  Pure.

    Content                   plain, composed, active, passed on, secret
    weigh(history, text)      the worst of what is in it, and what exactly (secrets: see judge.py)

`plain` is made of the principal's own words; `composed` may hold anything that was read, but no new
place to go to; `active` holds a link, address or account that neither the principal nor a record
he spoke of gave; `requested` holds one from what he pointed at, and he asked for such a thing;
`secret` gives a confidential value away.

Invariant: whoever reads the text learns no destination that an outsider chose.
"""

from dataclasses import dataclass
from enum import StrEnum

from logos.kernel.flow.provenance import REFERRED, History, Spot
from logos.kernel.flow.source import Source
from logos.kernel.flow.trace import is_plain
from logos.kernel.flow.value import Kind, guides

_GIVEN = (Source.OWN, Source.APPROVED, Source.LINKED)


class Content(StrEnum):
    NONE = "none"
    PLAIN = "plain"
    COMPOSED = "composed"
    REQUESTED = "requested"
    ACTIVE = "active"
    SECRET = "secret"  # noqa: S105  # a class of content


@dataclass(frozen=True, slots=True)
class Weight:
    content: Content
    details: tuple[str, ...] = ()
    readers: frozenset[str] | None = None


def weigh(history: History, text: str) -> Weight:
    """The worst of what the text carries."""
    readers = history.secrets.reading(text) if history.secrets else None
    new = [spot for spot in dict.fromkeys(guides(text)) if not _given(history, spot)]
    if new:
        asked = all(k in history.words.asks and _pointed(history, (k, v)) for k, v in new)
        found = Content.REQUESTED if asked else Content.ACTIVE
        return Weight(found, tuple(v for _, v in new), readers)
    plain = is_plain(history, text)
    return Weight(Content.PLAIN if plain else Content.COMPOSED, (), readers)


def _given(history: History, spot: Spot) -> bool:
    """Did the principal, or a record he spoke of, give this value?"""
    kind, value = spot
    if history.words.says(kind, value) or spot in history.words.own:
        return True
    if spot in history.approved or spot in history.owned:
        return True
    if any(r.reach == REFERRED for r in history.vouched.get(spot, ())[-100:]):
        return True
    if any(source in _GIVEN for _, source, _ in history.carried.get(spot, ())):
        return True
    return kind is Kind.URL and any(
        r.member and r.reach for r in history.spots.get(spot, ())[-100:]
    )


def _pointed(history: History, spot: Spot) -> bool:
    brought = history.carried.get(spot, ())
    return any(source in (*_GIVEN, Source.POINTED) for _, source, _ in brought) or any(
        r.reach
        for r in (*history.spots.get(spot, ())[-100:], *history.vouched.get(spot, ())[-100:])
    )
