"""What a provider's failure means: shapes of bodies, and how long to wait.  The statuses are
in tests/contract/test_model_http.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.errors import Code
from logos.drivers.model.faults import MESSAGE_CHARACTERS, broken, refused, wait

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT", "date": NOON}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT", "date": NOON}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, None),
        ({"retry-after": "soon", "date": NOON}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 400}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert wait(headers) == seconds


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"so it is","type":"t","code":null}}',
        b'{"type":"error","error":{"type":"t","message":"so it is"}}',
        b'{"object":"error","message":"so it is","code":400}',
        b'{"error":"so it is"}',
        b'{"detail":"so it is"}',
        b'[{"error":{"message":"so it is","status":"INVALID_ARGUMENT"}}]',
        b"so it is",
        b'"so it is"',
    ],
)
def test_the_message_is_found_wherever_a_provider_puts_it(body: bytes) -> None:
    failure = refused(400, {}, body, "")
    assert failure.message == "the model's provider answered 400: so it is"
    assert failure.code is Code.INVALID


def test_an_empty_body_leaves_the_status() -> None:
    assert refused(503, {}, b"", "").message.endswith("503: Service Unavailable")
    assert refused(599, {}, b"", "").code is Code.UNAVAILABLE


def test_long_messages_are_cut() -> None:
    assert len(refused(500, {}, b"x" * 10_000, "").message) < MESSAGE_CHARACTERS + 60


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (b'{"type":"overloaded_error","message":"x"}', Code.UNAVAILABLE),
        (b'{"code":502,"message":"Provider returned error"}', Code.UNAVAILABLE),
        (b'{"code":429,"message":"x"}', Code.LIMIT),
        (b'{"type":"invalid_request_error","message":"prompt is too long"}', Code.CONTEXT),
        (b'{"type":"invalid_request_error","message":"no"}', Code.INVALID),
        (b'{"message":"no idea"}', Code.MODEL),
        (b'"no idea"', Code.MODEL),
        (b'{"type":"exceed_context_size_error","code":400,"message":"x"}', Code.CONTEXT),
    ],
)
def test_an_error_object_says_what_it_is(error: bytes, code: Code) -> None:
    assert broken(error, "").code is code


@given(st.binary(max_size=200), st.integers(300, 599))
def test_any_body_has_a_meaning_and_no_key(body: bytes, status: int) -> None:
    key = "sk-0123456789"
    failure = refused(status, {}, body + key.encode() + b" " + key[:8].encode(), key)
    assert key[:6] not in failure.message
