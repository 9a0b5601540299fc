"""One answer on its way, from the gateway into the journal and to the program.

    Flight.known(event)    an answer that is in the journal
    Flight.take(message)   what the gateway sends
    Flight.land(journal)   it has all come: keep it, then let go of the last piece
    Flight.give(send)      to the program, as it comes

The last piece is held back until the whole answer is on disk: a program cannot act on one that
would not be there when it is started again.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio

from logos.abi.events import Answered
from logos.abi.ids import Pid

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

OK, REDIRECT = 200, 300
KEPT = ("x-request-id", "request-id", "retry-after", "x-should-retry")


class Flight:
    """`landed`: it is all here and in the journal, or never will be."""

    def __init__(self) -> None:
        self.status = 0
        self.kind = ""
        self.process: Pid | None = None
        self.landed = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._held = b""
        self._changed = anyio.Event()

    @classmethod
    def known(cls, event: Answered) -> "Flight":
        flight = cls()
        flight.status, flight.kind, flight.process = event.status, event.kind, event.process
        flight._pieces = [event.body.encode()]
        flight.landed = True
        return flight

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            for name, value in message["headers"]:
                self._header(name.decode("latin-1").lower(), value)
        elif body := message.get("body", b""):
            if self._held:
                self._pieces.append(self._held)
            self._held = body
        self._change()

    def _header(self, name: str, value: bytes) -> None:
        if name == "content-type":
            self.kind = value.decode("latin-1")
        elif name == "x-logos-pid" and value.isdigit():
            self.process = Pid(int(value))
        elif name in KEPT:
            self._headers.append((name.encode(), value))

    @property
    def good(self) -> bool:
        """Worth keeping: what went wrong may go right when it is asked again."""
        return OK <= self.status < REDIRECT

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces) + self._held

    def land(self) -> None:
        self._pieces.append(self._held)
        self._held = b""
        self.landed = True
        self._change()

    async def give(self, send: Send) -> None:
        while not self.status:
            await self._changed.wait()
        kind = [(b"content-type", self.kind.encode("latin-1"))]
        headers = [*kind, *self._headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        given = 0
        while not (self.landed and given == len(self._pieces)):
            if given == len(self._pieces):
                await self._changed.wait()
                continue
            pieces, given = self._pieces[given:], len(self._pieces)
            await send({"type": "http.response.body", "body": b"".join(pieces), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
