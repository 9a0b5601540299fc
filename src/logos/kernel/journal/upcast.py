"""Event bytes of any version -> current events.

An event class is never edited once released.  When its shape must change, a new class gets
a new tag, and UPCAST gets the function from the old bytes to it; the old bytes become a
fixture of tests/unit/test_upcast.py.
"""

from collections.abc import Callable, Sequence

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent
from logos.kernel.journal.chain import Row, body_of
from logos.vault import Vault

_DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)

UPCAST: dict[str, Callable[[bytes], AnyEvent]] = {}
"""Tag of a retired event -> its decoder.  None has been retired yet."""


def decode(row: Row) -> AnyEvent:
    """Raise `not_found` when the body was forgotten, `internal` when it cannot be read."""
    if row.body is None:
        raise SysError(Code.NOT_FOUND, f"event {row.seq} of process {row.pid} was forgotten")
    try:
        upcast = UPCAST.get(row.kind)
        return _DECODER.decode(row.body) if upcast is None else upcast(row.body)
    except msgspec.DecodeError as error:
        raise SysError(
            Code.INTERNAL,
            f"event {row.seq} of process {row.pid} cannot be read: {error}",
            hint="`logos audit verify` says whether it was changed",
        ) from error


def without_secrets(
    vault: Vault, events: Sequence[AnyEvent]
) -> tuple[Sequence[AnyEvent], Sequence[bytes] | None]:
    """The events without known secrets, with their encoded bodies if encoding was needed to
    look."""
    if not vault.knows:
        return events, None
    kept, bodies = [], []
    for event in events:
        body = body_of(event)
        cleaned = vault.clean(body)
        kept.append(event if cleaned is body else _DECODER.decode(cleaned))
        bodies.append(cleaned)
    return kept, bodies
