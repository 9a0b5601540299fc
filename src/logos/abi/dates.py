"""Dates and times as people write them.  Pure.

microseconds    an ISO date or time -> microseconds since the Unix epoch
"""

from datetime import UTC, datetime

from logos.abi.errors import Code, SysError


def microseconds(text: str) -> int:
    """UTC unless the text names a zone.  Raise `invalid`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "write 2026-12-31 or 2026-12-31T18:00Z"
        raise SysError(Code.INVALID, f"{text!r} is not a date or time", hint=hint) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1_000_000)
