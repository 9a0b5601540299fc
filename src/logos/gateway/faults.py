"""Errors in the vendors' own shapes.

    openai_error, anthropic_error    SysError -> the body
    status, headers                  what goes in front of it

What a client library does about an error follows from its status and from `x-should-retry`, so
both are right even where the words are only ours.
"""

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

CONTEXT_TOO_LONG = 413


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


def status(error: SysError) -> int:
    return _STATUS.get(error.code, error.meaning.http_status)


def headers(error: SysError) -> list[tuple[bytes, bytes]]:
    retry = b"true" if error.meaning.retryable else b"false"
    found = [(b"x-should-retry", retry)]
    if error.retry_after_s is not None:
        found.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
    return found
