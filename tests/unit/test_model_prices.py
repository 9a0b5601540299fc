"""What thoughts cost, in nano-dollars."""

import pytest

from logos.abi.driver import Price
from logos.abi.messages import Usage
from logos.drivers.model import cost, find_price


@pytest.mark.parametrize(
    ("name", "dollars_in"),
    [
        ("gpt-5", 1.25),
        ("openai/gpt-5", 1.25),
        ("gpt-5-2025-08-07", 1.25),
        ("gpt-5-mini-2025-08-07", 0.25),
        ("openrouter/openai/gpt-5.4-mini", 0.75),
        ("anthropic/claude-opus-4-5-20251101", 5),
        ("claude-sonnet-5-5@20260929", 2),
        ("claude-haiku-4-5-20251001-v1:0", 1),
        ("claude-sonnet-4-6-latest", 3),
    ],
)
def test_a_name_finds_its_price(name: str, dollars_in: float) -> None:
    price = find_price(name)
    assert price
    assert price.input == dollars_in * 1000


@pytest.mark.parametrize(
    "name",
    ["", "gpt-5-pro", "gpt-5.9", "gpt-5-codex", "claude-opus-5-6", "my-gpt-5", "qwen3", "o30"],
)
def test_another_model_has_another_price_which_nobody_knows(name: str) -> None:
    assert find_price(name) is None


def test_each_kind_of_token_has_its_price() -> None:
    price = Price(input=1000, output=5000, cached=100, written=1250)
    usage = Usage(input=1000, output=10, cached=600, written=300)
    assert cost(usage, price) == 100 * 1000 + 600 * 100 + 300 * 1250 + 10 * 5000


def test_cached_tokens_without_a_price_of_their_own_cost_what_others_do() -> None:
    usage = Usage(input=10, cached=4, written=3)
    assert cost(usage, Price(input=7)) == 70


def test_nothing_is_charged_below_zero() -> None:
    assert cost(Usage(input=1, cached=5), Price(input=10, cached=1)) == 5
