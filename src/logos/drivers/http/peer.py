"""One end of an HTTP connection, spoken over a stream.

    Peer.hear()        the next event of the other side
    Peer.say(event)    send one

Invariant: a head of more than HEAD_BYTES is refused.
"""

from collections.abc import Callable

import h11
from anyio import EndOfStream
from anyio.abc import SocketStream

HEAD_BYTES = 64 << 10
CHUNK = 1 << 16


class Peer:
    """`stream` may be closed by whoever holds the peer; `wire` is the state of the conversation."""

    def __init__(
        self,
        role: type[h11.CLIENT | h11.SERVER],
        stream: SocketStream,
        moved: Callable[[int, int], None] | None = None,
    ) -> None:
        """`moved` is called with the number of bytes sent and received."""
        self.wire = h11.Connection(role, max_incomplete_event_size=HEAD_BYTES)
        self.stream = stream
        self._moved = moved

    async def hear(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self.wire.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # NEED_DATA is the other sentinel
            if self.wire.they_are_waiting_for_100_continue:
                await self.say(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                data = await self.stream.receive(CHUNK)
            except EndOfStream:
                data = b""
            if self._moved is not None:
                self._moved(0, len(data))
            self.wire.receive_data(data)

    async def say(self, event: h11.Event) -> None:
        if data := self.wire.send(event):
            if self._moved is not None:
                self._moved(len(data), 0)
            await self.stream.send(data)
