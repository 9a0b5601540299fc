"""Is a number derived from numbers that count?  Pure.

    derived(x, base, percent)   does x follow from `base` by one or two steps of arithmetic?

The steps are those of people's requests: a part (a half to a quarter), a percentage on, off or of,
a sum or a difference of two such terms, so many times a price.  Any other
number was made up.

Invariant: the answer depends on the set of numbers alone, and at most MOST of them are looked at.
"""

from collections.abc import Iterable
from decimal import Decimal

MOST = 48
PARTS = (2, 3, 4)
COUNTS = range(2, 101)
_RATES = 4
_HALF = Decimal("0.5")


def derived(x: Decimal, base: Iterable[Decimal], percent: Iterable[Decimal] = ()) -> bool:
    """Nothing negative can be derived: no arithmetic turns a payment round."""
    kept = list(dict.fromkeys(_cents(abs(b)) for b in base))[-MOST:]
    if x < 0 or not kept:
        return False
    wanted = _cents(x)
    terms = _terms(kept, [abs(p) for p in percent][:_RATES])
    if wanted in terms:
        return True
    if any(wanted - t in terms or t - wanted in terms or wanted + t in terms for t in terms):
        return True
    counts = [b // 100 for b in kept if b % 100 == 0 and b // 100 in COUNTS]
    return any(n * b == wanted for n in counts for b in kept)


def _terms(base: list[int], rates: list[Decimal]) -> set[int]:
    """What one step gives, rounded to the cent."""
    terms = set(base)
    for b in base:
        for part in PARTS:
            terms.add((2 * b + part) // (2 * part))
        for rate in rates:
            share = int((b * rate / 100 + _HALF) // 1)
            terms |= {share, b + share, abs(b - share)}
    return terms


def _cents(number: Decimal) -> int:
    return int((number * 100).to_integral_value())
