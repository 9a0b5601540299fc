"""Failures as A2A has them: a status, a number for JSON-RPC, and a reason that a client can tell apart.

Wrong                 one of the protocol's own
over_http, over_rpc   SysError -> what is answered
"""

from typing import Any, NamedTuple

from logos.abi.errors import Code, SysError

Json = dict[str, Any]


class Meant(NamedTuple):
    """What gRPC calls it, and its numbers over HTTP and in JSON-RPC."""

    status: str
    http: int
    rpc: int


NO_METHOD, NO_CONTENT = "METHOD_NOT_FOUND", "CONTENT_TYPE_NOT_SUPPORTED"
NO_PUSH, NO_VERSION = "PUSH_NOTIFICATION_NOT_SUPPORTED", "VERSION_NOT_SUPPORTED"
NO_TASK, ENDED, NOT_SO, INVALID = (
    "TASK_NOT_FOUND",
    "TASK_NOT_CANCELABLE",
    "UNSUPPORTED_OPERATION",
    "INVALID_PARAMS",
)
_CANNOT, _WRONG = "FAILED_PRECONDITION", "INVALID_ARGUMENT"
_MEANT = {
    NO_TASK: Meant("NOT_FOUND", 404, -32001),
    ENDED: Meant(_CANNOT, 400, -32002),
    NO_PUSH: Meant(_CANNOT, 400, -32003),
    NOT_SO: Meant(_CANNOT, 400, -32004),
    NO_CONTENT: Meant(_WRONG, 400, -32005),
    NO_VERSION: Meant(_CANNOT, 400, -32009),
    NO_METHOD: Meant("NOT_FOUND", 404, -32601),
    INVALID: Meant(_WRONG, 400, -32602),
}
_REASONS = {Code.NOT_FOUND: NO_TASK, Code.INVALID: INVALID, Code.STATE: NOT_SO}
_STATUS = {
    Code.UNAUTHENTICATED: "UNAUTHENTICATED",
    Code.DENIED: "PERMISSION_DENIED",
    Code.LIMIT: "RESOURCE_EXHAUSTED",
    Code.BUDGET: "RESOURCE_EXHAUSTED",
    Code.TIMEOUT: "DEADLINE_EXCEEDED",
    Code.UNAVAILABLE: "UNAVAILABLE",
}
_INTERNAL = -32603


class Wrong(SysError):  # noqa: N818 - as it is said
    def __init__(self, code: Code, message: str, reason: str, *, hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.reason = reason


def _found(error: SysError) -> tuple[str, Meant]:
    reason = error.reason if isinstance(error, Wrong) else _REASONS.get(error.code)
    if reason is not None:
        return reason, _MEANT[reason]
    status = _STATUS.get(error.code, "INTERNAL")
    return error.code.upper(), Meant(status, error.meaning.http_status, _INTERNAL)


def _details(error: SysError, reason: str) -> list[Json]:
    hint = {"metadata": {"hint": error.hint}} if error.hint else {}
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    return [info | {"domain": "a2a-protocol.org"} | hint]


def over_http(error: SysError) -> tuple[int, Json]:
    """Its status, and the body."""
    reason, meant = _found(error)
    said = {"code": meant.http, "status": meant.status, "message": error.message}
    return meant.http, {"error": said | {"details": _details(error, reason)}}


def over_rpc(error: SysError) -> Json:
    reason, meant = _found(error)
    return {"code": meant.rpc, "message": error.message, "data": _details(error, reason)}
