"""Errors in the vendors' own shapes.

    openai_error, anthropic_error    SysError -> the body
    openai_code                      what a response says in which it comes too late for a status
    openai_status, anthropic_status, headers    what goes in front of it

What a client library does about an error follows from its status and from `x-should-retry`, so
both are right even where the words are only ours.
"""

import math

from logos.abi.errors import Code, SysError
from logos.gateway.dialect import encode

_OPENAI = {
    Code.INVALID: ("invalid_request_error", None),
    Code.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    Code.DENIED: ("invalid_request_error", "permission_denied"),
    Code.UNAUTHENTICATED: ("invalid_request_error", "invalid_api_key"),
    Code.BUDGET: ("insufficient_quota", "insufficient_quota"),
    Code.LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    Code.CONTEXT: ("invalid_request_error", "context_length_exceeded"),
}

_ANTHROPIC = {
    Code.INVALID: "invalid_request_error",
    Code.NOT_FOUND: "not_found_error",
    Code.DENIED: "permission_error",
    Code.UNAUTHENTICATED: "authentication_error",
    Code.BUDGET: "billing_error",
    Code.LIMIT: "rate_limit_error",
    Code.CONTEXT: "invalid_request_error",
    Code.TIMEOUT: "timeout_error",
    Code.UNAVAILABLE: "overloaded_error",
}

_STATUS = {Code.CONTEXT: 400, Code.BUDGET: 429, Code.CANCELLED: 500, Code.STATE: 409}
"""Where the vendors' differ from ours."""

_ANTHROPIC_STATUS = {Code.UNAVAILABLE: 529, Code.BUDGET: 402}


_IN_STREAM = {
    Code.CONTEXT: "context_length_exceeded",
    Code.BUDGET: "insufficient_quota",
    Code.LIMIT: "rate_limit_exceeded",
    Code.INVALID: "invalid_prompt",
    Code.NOT_FOUND: "invalid_prompt",
    Code.DENIED: "invalid_prompt",
}


def openai_code(error: SysError) -> str:
    """What a response that failed says of itself."""
    return _IN_STREAM.get(error.code, "server_error")


def _words(error: SysError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")


def openai_error(error: SysError, request: str) -> bytes:
    del request
    kind, code = _OPENAI.get(error.code, ("server_error", str(error.code)))
    said = {"message": _words(error), "type": kind, "param": None, "code": code}
    return encode({"error": said})


def anthropic_error(error: SysError, request: str) -> bytes:
    kind = _ANTHROPIC.get(error.code, "api_error")
    said = {"type": kind, "message": _words(error)}
    return encode({"type": "error", "error": said, "request_id": request})


def openai_status(error: SysError) -> int:
    return _STATUS.get(error.code, error.meaning.http_status)


def anthropic_status(error: SysError) -> int:
    return _ANTHROPIC_STATUS.get(error.code) or openai_status(error)


def headers(error: SysError) -> list[tuple[bytes, bytes]]:
    retry = b"true" if error.meaning.retryable else b"false"
    found = [(b"x-should-retry", retry)]
    if error.retry_after_s is not None:
        found.append((b"retry-after", str(max(1, math.ceil(error.retry_after_s))).encode()))
    return found
