"""Spending in the last hour and day, by the minute.  Pure.

    Spent.add(at, usage)           add one bill; it may come late
    Spent.set_aside(usage, sign)   reserve for a running thought: 1 when it starts, -1 when it ends
    Spent.over(now, span)          the spending in the span that ends now, plus reservations
    Spent.free_at(now, span, ...)  when enough of it will be older than the span
    Spent.prune(now)               drop what is older than every span; False: nothing is left

The sum of a span is kept up to date rather than recomputed: a query costs the minutes that entered
or left the span since the last one, so most queries cost nothing.

Invariant: `over` is the plain sum over the stored minutes, whatever the clock did.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import NamedTuple

from logos.abi.messages import Usage
from logos.kernel.process import SECOND

MINUTE = 60 * SECOND
SPANS = {"hour": 60, "day": 24 * 60}
"""In minutes."""


class Amount(NamedTuple):
    """Money is in nano-dollars.  The field names are those of limits."""

    tokens: int = 0
    cost: int = 0

    def plus(self, other: "Amount", sign: int = 1) -> "Amount":
        return Amount(self.tokens + sign * other.tokens, self.cost + sign * other.cost)


NOTHING = Amount()


@dataclass(slots=True)
class _Span:
    """The sum of all minutes from `first` on."""

    first: int = 0
    total: Amount = NOTHING


@dataclass(slots=True)
class Spent:
    minutes: dict[int, Amount] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    held: Amount = NOTHING
    spans: dict[str, _Span] = field(default_factory=lambda: {name: _Span() for name in SPANS})

    def add(self, at: int, usage: Usage) -> None:
        minute, bill = at // MINUTE, Amount(usage.tokens, usage.cost)
        if minute not in self.minutes:
            insort(self.order, minute)
        self.minutes[minute] = self.minutes.get(minute, NOTHING).plus(bill)
        self._moved(minute, bill, 1)

    def set_aside(self, usage: Usage, sign: int) -> None:
        self.held = self.held.plus(Amount(usage.tokens, usage.cost), sign)

    def over(self, now: int, span: str) -> Amount:
        kept, first = self.spans[span], now // MINUTE - SPANS[span] + 1
        if kept.first != first:
            later = first > kept.first
            between = bisect_left(self.order, kept.first), bisect_left(self.order, first)
            for minute in self.order[min(between) : max(between)]:
                kept.total = kept.total.plus(self.minutes[minute], -1 if later else 1)
            kept.first = first
        return kept.total.plus(self.held)

    def free_at(self, now: int, span: str, *, name: str, limit: int) -> int:
        """At least a minute from now."""
        left = getattr(self.over(now, span), name)
        for minute in self.order[bisect_left(self.order, now // MINUTE - SPANS[span] + 1) :]:
            left -= getattr(self.minutes[minute], name)
            if left < limit:
                return max((minute + SPANS[span]) * MINUTE, now + SECOND)
        return now + MINUTE

    def prune(self, now: int) -> bool:
        gone = bisect_left(self.order, now // MINUTE - max(SPANS.values()))
        for minute in self.order[:gone]:
            self._moved(minute, self.minutes.pop(minute), -1)
        del self.order[:gone]
        return bool(self.order) or self.held != NOTHING

    def _moved(self, minute: int, bill: Amount, sign: int) -> None:
        for kept in self.spans.values():
            if minute >= kept.first:
                kept.total = kept.total.plus(bill, sign)
