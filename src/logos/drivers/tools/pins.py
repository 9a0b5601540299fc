"""What a server said of its tools when it was first mounted, and whether it still says so.

    Pins(file)                 what was accepted, on disk
    Pinned(name, place, pins)  the place, with only what was accepted
    Pinned.drift()             what has changed since, tool by tool
    Pinned.accept()            take the present state for good

A description is an instruction to whoever reads it, so one that changes after a person looked is
not shown and its tool is not called until a person looks again.

Invariant: what is offered is byte for byte what was accepted.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio.to_thread
import msgspec

from logos.abi.driver import Job, Waited
from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer, Provider


class Pins:
    """`file` holds the accepted offers as JSON; none yet: the first listing is accepted."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offers: dict[str, Offer] | None = None
        if file.exists():
            kept = msgspec.json.decode(file.read_bytes(), type=tuple[Offer, ...])
            self._offers = {offer.name: offer for offer in kept}

    @property
    def offers(self) -> Mapping[str, Offer] | None:
        return self._offers

    async def keep(self, offers: Sequence[Offer]) -> None:
        # `Raw` of a message read from a socket would keep all of it in memory
        encoded = msgspec.json.encode(sorted(offers, key=lambda offer: offer.name))
        await anyio.to_thread.run_sync(replace_file, self._file, encoded)
        own = msgspec.json.decode(encoded, type=tuple[Offer, ...])
        self._offers = {offer.name: offer for offer in own}


class Pinned:
    def __init__(self, name: str, place: Provider, pins: Pins) -> None:
        self._name = name
        self._place = place
        self._pins = pins
        self._drift: dict[str, str] = {}
        self._seen: Sequence[Offer] | None = None
        self._known: Sequence[Offer] = tuple((pins.offers or {}).values())

    def known(self) -> Sequence[Offer]:
        """The same value until it changes."""
        return self._known

    async def offers(self) -> Sequence[Offer]:
        await self._look()
        return self.known()

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        await self._look()
        if why := self._drift.get(tool):
            raise SysError(
                Code.UNCONFIRMED,
                f"{self._name}/{tool} {why}: it is blocked until a person has looked",
                hint=f"a person: logos mount --accept {self._name}",
            )
        return await self._place.call(job, tool, arguments)

    async def forsake(self, job: Job, *, declined: bool) -> None:
        if isinstance(self._place, Waited):
            await self._place.forsake(job, declined=declined)

    async def drift(self) -> Mapping[str, str]:
        await self._look()
        return self._drift

    async def accept(self) -> Mapping[str, str]:
        """What was accepted by this."""
        await self._look()
        accepted = self._drift
        await self._pins.keep(await self._place.offers())
        self._seen = None
        await self._look()
        return accepted

    async def _look(self) -> None:
        offers = await self._place.offers()
        if offers is self._seen:
            return
        if self._pins.offers is None:
            await self._pins.keep(offers)
        accepted = self._pins.offers or {}
        drift = changes(accepted, offers)
        if drift != self._drift or self._seen is None:
            self._drift = drift
            self._known = tuple(offer for offer in accepted.values() if offer.name not in drift)
        self._seen = offers


def changes(accepted: Mapping[str, Offer], offers: Sequence[Offer]) -> dict[str, str]:
    found = {offer.name: offer for offer in offers}
    drift = {name: "is gone from the server" for name in accepted if name not in found}
    for name, offer in found.items():
        if name not in accepted:
            drift[name] = "was not there when the server was accepted"
        elif parts := _differing(accepted[name], offer):
            drift[name] = f"has changed its {' and '.join(parts)}"
    return drift


def _differing(a: Offer, b: Offer) -> list[str]:
    pairs = {
        "description": (a.description, b.description),
        "arguments": (bytes(a.schema), bytes(b.schema)),
        "result": (bytes(a.output), bytes(b.output)),
        "hints": (a.hints, b.hints),
    }
    return [part for part, (old, now) in pairs.items() if old != now]


def replace_file(file: Path, data: bytes) -> None:
    """All of it or nothing, also when the power goes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".tmp")
    with beside.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
