"""What a provider's failure means.  Pure.

    refused     an HTTP status with its headers and body -> SysError
    broken      an error object inside an answer -> SysError
    wait        how long the provider says to wait, in seconds

The provider's own words are passed on, cut short and with the key struck out, because they
are the best hint there is.  Times are reckoned from the provider's own `Date`, so no clock
of ours is needed and none can be wrong.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import msgspec

from logos.abi.errors import Code, SysError

MESSAGE_CHARACTERS = 500
"""How much of a provider's message is passed on."""

_KEY_SHOWN = 6  # characters of a key that give it away

_CONTEXT = re.compile(
    r"context.{0,9}(length|window|size|limit)|prompt is too long|input is too long|too many tokens"
    r"|maximum (context|prompt|input)|exceed_context|reduce the length",
    re.IGNORECASE,
)
_REFUSAL = re.compile(r"content_(filter|policy)|content management policy", re.IGNORECASE)
_BROKE = re.compile(
    r"insufficient_quota|billing_error|credit balance|payment required|insufficient (credits|balance)",
    re.IGNORECASE,
)

_BY_STATUS: dict[int, tuple[Code, str]] = {
    400: (Code.INVALID, ""),
    401: (Code.UNAUTHENTICATED, "check the key of this model"),
    403: (Code.UNAUTHENTICATED, "this key may not use this model"),
    404: (Code.NOT_FOUND, "check the name of the model and the url"),
    408: (Code.TIMEOUT, ""),
    409: (Code.UNAVAILABLE, "try again"),
    413: (Code.CONTEXT, "ask with less"),
    422: (Code.INVALID, ""),
    425: (Code.UNAVAILABLE, "try again"),
    429: (Code.LIMIT, "slow down"),
    504: (Code.TIMEOUT, ""),
}
_BY_WORD: dict[str, Code] = {
    "overloaded_error": Code.UNAVAILABLE,
    "api_error": Code.UNAVAILABLE,
    "server_error": Code.UNAVAILABLE,
    "internal_server_error": Code.UNAVAILABLE,
    "unavailable_error": Code.UNAVAILABLE,
    "timeout_error": Code.TIMEOUT,
    "rate_limit_error": Code.LIMIT,
    "rate_limit_exceeded": Code.LIMIT,
    "authentication_error": Code.UNAUTHENTICATED,
    "permission_error": Code.UNAUTHENTICATED,
    "not_found_error": Code.NOT_FOUND,
    "invalid_request_error": Code.INVALID,
}


def refused(status: int, headers: Mapping[str, str], body: bytes, key: str) -> SysError:
    """The error an HTTP status other than 200 stands for."""
    said, words = _read(body)
    message = f"the model's provider answered {status}: {_quoted(said, key) or _phrase(status)}"
    code, hint = _meaning(status, f"{words} {said}")
    return SysError(code, message, hint=hint, retry_after_s=wait(headers))


def broken(error: bytes, key: str) -> SysError:
    """The error an `error` object stands for that came where an answer should be."""
    said, words = _read(b'{"error":' + error + b"}")
    message = f"the model's provider failed: {_quoted(said, key) or 'it does not say why'}"
    known = [_BY_WORD[word] for word in words.split() if word in _BY_WORD]
    status = next((int(word) for word in words.split() if word.isdigit()), 0)
    if known and known[0] is not Code.INVALID:
        return SysError(known[0], message)
    code, hint = _meaning(status or (400 if known else 0), f"{words} {said}")
    return SysError(code, message, hint=hint)


def _meaning(status: int, text: str) -> tuple[Code, str]:
    if _BROKE.search(text) or status == HTTPStatus.PAYMENT_REQUIRED:
        return Code.MODEL, "the account at the provider is out of credit"
    if status not in {401, 403, 404, 429} and _CONTEXT.search(text):
        return Code.CONTEXT, "the request is longer than the model's window"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and _REFUSAL.search(text):
        return Code.MODEL, "the provider refuses to answer this"
    return _BY_STATUS.get(status) or _by_class(status)


def _by_class(status: int) -> tuple[Code, str]:
    match status // 100:
        case 0:
            return Code.MODEL, ""
        case 3:
            return Code.MODEL, "redirects are not followed: set the url it points to"
        case 4:
            return Code.INVALID, ""
        case _:
            return Code.UNAVAILABLE, "try again"


def _read(body: bytes) -> tuple[str, str]:
    """The message of an error body, and its code words.  Every provider has its own shape."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace"), ""
    if isinstance(found, list) and found:
        found = found[0]
    words = ""
    for _ in range(2):
        if not isinstance(found, dict):
            break
        words += f" {found.get('type') or ''} {found.get('code') or ''} {found.get('status') or ''}"
        inner = found.get("error") or found.get("message") or found.get("detail")
        if inner is None:
            break
        found = inner
    return found if isinstance(found, str) else msgspec.json.encode(found).decode(), words


def _quoted(said: str, key: str) -> str:
    """One line, cut, without the key: providers like to repeat part of it."""
    line = " ".join(said.split())
    if key:
        line = line.replace(key, "***")
    if len(key) > _KEY_SHOWN:
        line = re.sub(re.escape(key[:_KEY_SHOWN]) + r"\S*", "***", line)
    return line if len(line) <= MESSAGE_CHARACTERS else line[:MESSAGE_CHARACTERS] + "…"


def _phrase(status: int) -> str:
    known = {known.value: known.phrase for known in HTTPStatus}
    return known.get(status, "no reason given")


def wait(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `Retry-After`, which is a number or a date."""
    if milliseconds := _number(headers.get("retry-after-ms", "")):
        return milliseconds / 1000
    said = headers.get("retry-after", "")
    if (seconds := _number(said)) is not None:
        return seconds
    until, now = _date(said), _date(headers.get("date", ""))
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds())


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,9}(\.\d{0,9})?\s*", text) else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
