"""What well-known hosted models cost.

    find        name -> Price, None when unknown
    cost        usage at a price, in nano-dollars
    priced      the usage with its cost in it

List prices of November 2026 for standard processing, short prompts and five-minute cache
writes; what a provider charges above a length (OpenAI past 272k tokens, Claude Haiku 5.5
past 100k) is not in it.  An operator's own `price` goes first.  A model that is not here
costs 0, and whoever opens it says so.
"""

import re

import msgspec

from logos.abi.driver import Price
from logos.abi.messages import Usage

_DATED = re.compile(r"(?:[-@](?:latest|\d{8}|\d{4}-\d\d-\d\d))?(?:-v\d+(?::\d+)?)?$")
"""What may follow a known name and still mean the same model."""


def _price(dollars: str) -> Price:
    """`input output cached written`, in dollars for a million tokens."""
    input_, output, cached, written = (round(float(word) * 1000) for word in dollars.split())
    return Price(input=input_, output=output, cached=cached, written=written)


_TABLE: dict[str, Price] = {
    name: _price(dollars)
    for name, dollars in {
        "claude-fable-5-1": "10 50 1 12.5",
        "claude-opus-5-5": "4 20 0.2 5",
        "claude-opus-5": "5 25 0.5 6.25",
        "claude-opus-4-7": "5 25 0.5 6.25",
        "claude-opus-4-6": "5 25 0.5 6.25",
        "claude-opus-4-5": "5 25 0.5 6.25",
        "claude-opus-4-1": "15 75 1.5 18.75",
        "claude-sonnet-5-5": "2 10 0.1 2.5",
        "claude-sonnet-5": "2 10 0.2 2.5",
        "claude-sonnet-4-6": "3 15 0.3 3.75",
        "claude-sonnet-4-5": "3 15 0.3 3.75",
        "claude-haiku-5-5": "0.1 0.5 0.01 0.125",
        "claude-haiku-4-5": "1 5 0.1 1.25",
        "gpt-6-astra": "10 50 1 12.5",
        "gpt-6.1-sol": "2 10 0.1 2.5",
        "gpt-6-sol": "2 10 0.2 2.5",
        "gpt-6-luna": "0.1 0.5 0.01 0.125",
        "gpt-5.6-sol": "4 20 0.4 4",
        "gpt-5.6-terra": "2 12 0.2 2",
        "gpt-5.6-luna": "0.2 1.2 0.02 0.2",
        "gpt-5.5": "5 30 0.5 5",
        "gpt-5.4": "2.5 15 0.25 2.5",
        "gpt-5.4-mini": "0.75 4.5 0.075 0.75",
        "gpt-5.2": "1.75 14 0.175 1.75",
        "gpt-5.1": "1.25 10 0.125 1.25",
        "gpt-5": "1.25 10 0.125 1.25",
        "gpt-5-mini": "0.25 2 0.025 0.25",
        "gpt-5-nano": "0.05 0.4 0.005 0.05",
        "gpt-4.1": "2 8 0.5 2",
        "gpt-4.1-mini": "0.4 1.6 0.1 0.4",
        "gpt-4.1-nano": "0.1 0.4 0.025 0.1",
        "gpt-4o": "2.5 10 1.25 2.5",
        "gpt-4o-mini": "0.15 0.6 0.075 0.15",
        "o3": "2 8 0.5 2",
        "o4-mini": "1.1 4.4 0.275 1.1",
        "gemini-2.5-pro": "1.25 10 0.125 1.25",
        "gemini-2.5-flash": "0.3 2.5 0.03 0.3",
    }.items()
}


def find(name: str) -> Price | None:
    """The price of a name, without the providers' prefixes in front and the date or version
    behind.  Any other word means another model: None."""
    plain = name.rpartition("/")[2]
    dated = _DATED.search(plain)
    return _TABLE.get(plain[: dated.start()] if dated else plain)


def cost(usage: Usage, price: Price) -> int:
    """Nano-dollars.  A price of 0 for cached or written tokens means that of other input."""
    plain = max(0, usage.input - usage.cached - usage.written)
    return (
        plain * price.input
        + usage.cached * (price.cached or price.input)
        + usage.written * (price.written or price.input)
        + usage.output * price.output
    )


def priced(usage: Usage, price: Price) -> Usage:
    return msgspec.structs.replace(usage, cost=cost(usage, price))
