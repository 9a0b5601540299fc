"""From a name to a model."""

import logging
from typing import Any

import msgspec
import pytest

from logos.abi.driver import Price
from logos.abi.errors import Code, SysError
from logos.drivers.model import PROVIDERS, Endpoint, Retry, Scripted, open_model


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_provider_can_be_opened(provider: str) -> None:
    model = open_model(f"{provider}/some-model", Endpoint(key="k"))
    assert isinstance(model, Retry)
    assert model.profile.name == f"{provider}/some-model"
    assert model.profile.concurrency == 256


def test_a_script_is_a_model_too() -> None:
    assert isinstance(open_model("scripted"), Scripted)


def test_settings_overrule_what_is_known() -> None:
    settings = Endpoint(key="k", window=1000, max_output=10, concurrency=3, price=Price(input=1))
    profile = open_model("openai/gpt-5", settings).profile
    assert (profile.window, profile.max_output, profile.concurrency) == (1000, 10, 3)
    assert profile.price == Price(input=1)


def test_a_known_model_has_its_price_and_an_unknown_one_is_said_to_have_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keyed = Endpoint(key="k")
    with caplog.at_level(logging.WARNING):
        assert open_model("anthropic/claude-sonnet-4-6", keyed).profile.price.output == 15_000
        assert not caplog.records
        assert open_model("openai/gpt-99", keyed).profile.price == Price()
    assert "gpt-99" in caplog.text


def test_a_paid_model_without_a_key_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(SysError, match="OPENAI_API_KEY") as caught:
        open_model("openai/gpt-5")
    assert caught.value.code is Code.UNAUTHENTICATED
    assert open_model("openai/gpt-5", Endpoint(url="http://127.0.0.1:1/v1")).profile.name


def test_any_name_will_do_with_a_url() -> None:
    model = open_model("mine/qwen", Endpoint(url="http://127.0.0.1:1/v1", dialect="anthropic"))
    assert model.profile.name == "mine/qwen"


@pytest.mark.parametrize(
    ("name", "settings", "code"),
    [
        ("nobody/x", {}, Code.NOT_FOUND),
        ("openai", {}, Code.INVALID),
        ("openai/", {}, Code.INVALID),
        ("openai/x", {"dialect": "klingon"}, Code.INVALID),
        ("openai/x", {"url": "ftp://x"}, Code.INVALID),
        ("openai/x", {"url": "http://[::1"}, Code.INVALID),
        ("local/no/such/file.gguf", {}, Code.NOT_FOUND),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    name: str, settings: dict[str, Any], code: Code
) -> None:
    with pytest.raises(SysError) as caught:
        open_model(name, Endpoint(**settings))
    assert caught.value.code is code
    assert caught.value.hint


@pytest.mark.parametrize("settings", [{"key": "k\n"}, {"timeout_s": 0}, {"concurrency": -1}])
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(SysError) as caught:
        Endpoint(**settings)
    assert caught.value.code is Code.INVALID


def test_settings_decode_from_plain_data_and_hide_their_key() -> None:
    endpoint = msgspec.convert({"url": "http://x/v1", "key": "secret"}, Endpoint)
    assert "secret" not in repr(endpoint)
    assert "secret" not in f"{endpoint}"
