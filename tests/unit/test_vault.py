"""What is secret is found in the forms that programs write it, and nothing else is touched."""

import base64
import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.errors import Code, SysError
from logos.abi.events import Received
from logos.abi.ids import MailId
from logos.abi.messages import CallDelta, Finish, Finished, TextDelta, Usage, gather
from logos.cli.daemon import _Clean
from logos.config import Config, Loaded, Store, filled, secret, settings
from logos.kernel.journal import without_secrets
from logos.kernel.node.hearing import Cleaned
from logos.vault import LEAST, Vault, Veil

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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1, 3, 10, 1000])
def test_a_secret_in_pieces_is_found(way: str, size: int) -> None:
    data = f"before {WAYS[way]} after {WAYS[way]}".encode()
    vault = holding()
    veil = Veil(vault)
    said = b"".join(veil.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert said + veil.end() == vault.clean(data)


@given(st.lists(st.sampled_from([b"ab", b"cd", b"efgh", b"abcdefgh", b"gh-longer", b"x", b"\n"])))
def test_however_secrets_overlap_none_comes_through(pieces: list[bytes]) -> None:
    """One is the beginning of another, and its end that of a third."""
    vault = Vault()
    values = ("abcdefgh", "abcdefgh-and-more", "gh-longer")
    assert all(vault.keep(name, value) for name, value in zip("ABC", values, strict=True))
    veil = Veil(vault)
    said = b"".join(map(veil.feed, pieces)) + veil.end()
    assert not any(value.encode() in said for value in values)


@given(st.lists(st.binary(max_size=20)))
def test_what_is_no_secret_comes_through_whole(pieces: list[bytes]) -> None:
    veil = Veil(holding("planted-value"))
    assert b"".join(map(veil.feed, pieces)) + veil.end() == b"".join(pieces)


def test_only_what_may_become_a_secret_waits() -> None:
    veil = Veil(holding("planted-value"))
    assert [veil.feed(piece) for piece in (b"a planet ", b"is pl", b"ai", b"n")] == [
        b"a planet ",
        b"is ",
        b"plai",
        b"n",
    ]


def test_the_deltas_of_a_thought_have_no_secret_across_them() -> None:
    heard: list[Any] = []
    tell = Cleaned(holding("planted-value"), heard.append)
    tell(TextDelta(text="it is plan"))
    tell(CallDelta(index=0, id="c", name="f", arguments='{"a": "planted'))
    tell(TextDelta(text="ted-value, you know, p"))
    tell(CallDelta(index=1, id="d", name="planted-value", arguments=""))
    tell(CallDelta(index=0, arguments='-value", "b": "pl'))
    tell(CallDelta(index=0, arguments='"}'))
    tell(Finished(reason=Finish.CALLS, usage=Usage()))
    message, finished = gather(heard)
    assert finished is not None
    assert message.text == "it is [secret KEY], you know, p"
    assert [call.arguments for call in message.calls] == ['{"a": "[secret KEY]", "b": "pl"}', ""]
    assert [call.name for call in message.calls] == ["f", "[secret KEY]"]
