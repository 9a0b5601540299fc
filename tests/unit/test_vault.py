"""What is secret is found in the forms that programs write it, and nothing else is touched."""

import base64
import json
import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.errors import Code, SysError
from logos.abi.events import Received
from logos.abi.ids import MailId
from logos.cli.daemon import _Clean
from logos.config import Config, Loaded, Store, filled, secret, settings
from logos.kernel.journal import without_secrets
from logos.vault import LEAST, Vault

VALUE = 'sk-"q\\z/é+%9-planted'


def holding(value: str = VALUE) -> Vault:
    vault = Vault()
    assert vault.keep("KEY", value)
    return vault


WAYS = {
    "as it is": VALUE,
    "json": json.dumps(VALUE),
    "json of json": json.dumps(json.dumps({"a": VALUE}, ensure_ascii=False), ensure_ascii=False),
    "ascii json": json.dumps(json.dumps(VALUE)),
    "repr": repr({"k": VALUE}),
    "url": "https://x.test/?q=" + quote(VALUE, safe=""),
    "hex": VALUE.encode().hex(),
    "backwards": VALUE[::-1],
    **{
        f"base64 after {n}": base64.b64encode(b"a" * n + VALUE.encode() + b"tail").decode()
        for n in range(4)
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_found(way: str) -> None:
    cleaned = holding().text(f"before {WAYS[way]} after")
    assert "[secret KEY]" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    for form in (VALUE, VALUE.encode().hex(), quote(VALUE, safe=""), json.dumps(VALUE)[1:-1]):
        assert form not in cleaned


@given(st.binary(max_size=200))
def test_anything_else_is_the_same_object(data: bytes) -> None:
    assert Vault().clean(data) is data
    if b"planted" not in data:
        assert holding("planted-value").clean(data) is data


def test_what_is_short_is_not_looked_for() -> None:
    vault = Vault({"DEMO_TOKEN": "a" * (LEAST - 1), "PATH": "/usr/bin:/bin", "A_KEY": "/etc/key"})
    assert not vault.knows
    assert not vault.keep("PIN", "1234")
    assert vault.text("1234 /usr/bin:/bin") == "1234 /usr/bin:/bin"


def test_variables_that_say_so_are_secret() -> None:
    vault = Vault(
        {"OPENAI_API_KEY": "sk-planted", "DB_PASSWORD": "hunter2hunter2", "HOME": "/home/me"}
    )
    assert dict(vault)["OPENAI_API_KEY"] == "sk-planted"
    assert vault.text("sk-planted hunter2hunter2 /home/me") == (
        "[secret OPENAI_API_KEY] [secret DB_PASSWORD] /home/me"
    )


def test_the_longer_of_two_secrets_goes_first() -> None:
    vault = holding("planted-value")
    vault.keep("BOTH", "planted-value-and-more")
    assert vault.text("planted-value-and-more") == "[secret BOTH]"


def test_what_is_looked_up_is_known_from_then_on() -> None:
    vault = Vault({"MINE": "planted-value"})
    assert vault.text("planted-value") == "planted-value"
    assert filled("Bearer env:MINE", vault) == "Bearer planted-value"
    assert filled("text/plain", vault) == "text/plain"
    assert vault.text("planted-value") == "[secret MINE]"
    with pytest.raises(SysError) as caught:
        secret("env:NONE", vault)
    assert caught.value.code is Code.UNAUTHENTICATED


def test_events_are_kept_without() -> None:
    event = Received(mail=MailId(1), text=f"take {VALUE}")
    kept, bodies = without_secrets(holding(), [event, Received(mail=MailId(2), text="plain")])
    assert [one.text for one in kept if isinstance(one, Received)] == [
        "take [secret KEY]",
        "plain",
    ]
    assert bodies is not None
    assert bodies[0] == b'{"event":"received","mail":1,"text":"take [secret KEY]"}'
    assert without_secrets(Vault(), [event]) == ([event], None)


def test_a_log_is_clean_in_its_traces_too() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int(VALUE)
    trace = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("logos", logging.ERROR, "f", 1, "said %s", (VALUE,), trace)
    written = _Clean(holding()).format(record)
    assert "said [secret KEY]" in written
    assert "ValueError: invalid literal" in written
    assert VALUE not in written


def test_settings_are_shown_without() -> None:
    for url, shown in (
        ("postgresql://me:hunter2@db/logos", "postgresql://me:***@db/logos"),
        (
            "postgresql://db/logos?user=me&password=hunter2",
            "postgresql://db/logos?user=me&password=***",
        ),
        ("postgresql://db/logos", "postgresql://db/logos"),
    ):
        rows = settings(Loaded(Config(store=Store(url=url)), {}))
        assert {name: value for name, value, _ in rows}["store.url"] == f'"{shown}"'
    web = {"api.test": {"Authorization": "Bearer env:MINE", "X-Key": "hunter2"}}
    rows = settings(Loaded(Config(web=web), {}))
    text = str(rows)
    assert "Bearer env:MINE" in text
    assert "hunter2" not in text
