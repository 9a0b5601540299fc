"""Errors in the vendors' own formats.

    Refused                          an error that names the field at fault
    absent(what, id)                 there is none, as far as this client can see
    openai_error, anthropic_error    SysError -> the body
    openai_code                      the code inside a response, when it is too late for a status
    openai_status, anthropic_status, headers    the head that goes with it

Client libraries react to the status and to `x-should-retry`, so both are correct even where the
wording is our own.
"""

import math

import msgspec

from logos.abi.errors import Code, SysError

_encode = msgspec.json.Encoder().encode

NO_MODEL = "model_not_found"

_OPENAI = {
    Code.INVALID: ("invalid_request_error", None),
    Code.NOT_FOUND: ("invalid_request_error", NO_MODEL),
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


TOO_LONG = 413


class Refused(SysError):  # noqa: N818 - as it is said
    """`param` is the path of the field at fault, `word` what OpenAI calls what is wrong with it,
    `status` that of HTTP where the code has another."""

    def __init__(
        self,
        message: str,
        param: str | None = None,
        word: str | None = None,
        *,
        code: Code = Code.INVALID,
        hint: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.param, self.word, self.status = param, word, status


def absent(what: str, id_: object) -> Refused:
    return Refused(f"there is no {what} {id_!r}", code=Code.NOT_FOUND)


def openai_code(error: SysError) -> str:
    """What a response that failed says of itself."""
    return _IN_STREAM.get(error.code, "server_error")


def _words(error: SysError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")


def openai_error(error: SysError, request: str) -> bytes:
    del request
    kind, word = _OPENAI.get(error.code, ("server_error", str(error.code)))
    param = None
    if isinstance(error, Refused):
        param, word = error.param, error.word
    said = {"message": _words(error), "type": kind, "param": param, "code": word}
    return _encode({"error": said})


def anthropic_error(error: SysError, request: str) -> bytes:
    kind = _ANTHROPIC.get(error.code, "api_error")
    if _status(error) == TOO_LONG:
        kind = "request_too_large"
    said = {"type": kind, "message": _words(error)}
    named = {"request_id": request} if request else {}
    return _encode({"type": "error", "error": said} | named)


def openai_status(error: SysError) -> int:
    return _status(error) or _STATUS.get(error.code, error.meaning.http_status)


def anthropic_status(error: SysError) -> int:
    return _ANTHROPIC_STATUS.get(error.code) or openai_status(error)


def _status(error: SysError) -> int | None:
    return error.status if isinstance(error, Refused) else None


def headers(error: SysError) -> list[tuple[bytes, bytes]]:
    retry = b"true" if error.meaning.retryable else b"false"
    found = [(b"x-should-retry", retry)]
    if error.retry_after_s is not None:
        found.append((b"retry-after", str(max(1, math.ceil(error.retry_after_s))).encode()))
    return found
