"""Where a value can have come from, and what is said of one that was traced.  Data.

    Source   the ways a value can have come, most trusted first
    Traced   one value of a call, its source, and the records that show it
    Found    what a search for sources yields

Invariant: the order of Source is the order of trust; `decide` relies on it.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from logos.kernel.flow.records import Record
from logos.kernel.flow.value import Kind


class Source(StrEnum):
    FIXED = "fixed"  # one of the schema's own choices, or nothing
    WORDS = "words"
    OWN = "own"
    APPROVED = "approved"
    LINKED = "linked"
    SELECTED = "selected"
    PARTIAL = "partial"  # selected, but it is tied or not everything was looked at
    EACH = "each"
    COLLEAGUE = "colleague"
    SITE = "site"  # another page of a site the principal named
    DERIVED = "derived"
    RETURN = "return"  # to where the sum the principal names came from
    ANY = "any"  # one of a catalogue, and he asked for "a" or "some" such thing
    POINTED = "pointed"
    AMBIGUOUS = "ambiguous"
    KNOWN = "known"
    MEMBER = "member"
    UNTRUSTED = "untrusted"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Traced:
    """`pages` show where; `pin` is what a later use of the same extreme must keep to; `limit` is
    the most that may go back."""

    name: str
    kind: Kind
    value: str
    source: Source
    pages: tuple[str, ...] = ()
    pin: tuple[str, str] | None = None
    limit: Decimal | None = None


Found = tuple[Source, list[Record], tuple[str, str] | None, Decimal | None]
