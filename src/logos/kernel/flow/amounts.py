"""Is a number worked out from numbers that count?  Pure.

    derived(x, base, percent)   can x be had from `base` by one or two steps of school arithmetic?

The steps are those of people's requests: a part (a half to a quarter), a percentage on, off or
of, a sum or a difference of two such terms, so many times a price.  A number that cannot be had so was made up.

Invariant: the answer depends on the set of numbers alone, and at most MOST of them are looked at.
"""

from collections.abc import Iterable
from decimal import Decimal

from logos.kernel.flow.value import cents

MOST = 48


def derived(x: Decimal, base: Iterable[Decimal], percent: Iterable[Decimal] = ()) -> bool:
    """Both must be non-negative: nothing turns the direction of a payment round."""
    kept = list(dict.fromkeys(abs(b) for b in base))[-MOST:]
    if x < 0 or not kept:
        return False
    x = cents(x)
    terms = _terms(kept, [abs(p) / 100 for p in percent][:4])
    if x in terms:
        return True
    if any(cents(abs(x - t)) in terms or cents(x + t) in terms for t in terms):
        return True
    counts = [b for b in kept if b == b.to_integral_value() and 2 <= b <= 100]
    return any(cents(n * b) == x for n in counts for b in kept)


def _terms(base: list[Decimal], rates: list[Decimal]) -> set[Decimal]:
    terms = {cents(b) for b in base}
    for b in base:
        terms |= {cents(b / k) for k in (2, 3, 4)}
        for rate in rates:
            terms |= {cents(b * rate), cents(b * (1 + rate)), cents(b * abs(1 - rate))}
    return terms - {Decimal(0)} | {cents(b) for b in base}
