"""Listeners to processes.

    Hearing.listen(pid, ear)       each delta, with the event that began the thought
    Hearing.attend(pid, witness)   each event, or those of some kinds, once it is on disk
    Hearing.heard, committed       called by the thinker and the writer
    Cleaned(vault, ear)            the deltas of one thought, without secrets in or across them

Deltas are provisional; events are certain.  Nothing is kept for later listeners.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import msgspec

from logos.abi.events import AnyEvent
from logos.abi.ids import Pid, Seq
from logos.abi.messages import AnyDelta, CallDelta, Finished, ReasonDelta, TextDelta
from logos.kernel import journal
from logos.kernel.journal import Entry
from logos.vault import Vault, Veil

Ear: TypeAlias = Callable[[Seq, AnyDelta], None]
Witness: TypeAlias = Callable[[Seq, AnyEvent], None]


class Hearing:
    def __init__(self) -> None:
        self._ears: dict[Pid, list[Any]] = {}
        self._witnesses: dict[Pid, list[Any]] = {}

    def listen(self, pid: Pid, ear: Ear) -> Callable[[], None]:
        return _kept(self._ears, pid, ear)

    def attend(self, pid: Pid, witness: Witness, kinds: Collection[str] = ()) -> Callable[[], None]:
        return _kept(self._witnesses, pid, (witness, kinds))

    def heard(self, pid: Pid, began: Seq, delta: AnyDelta) -> None:
        for ear in tuple(self._ears.get(pid, ())):
            ear(began, delta)

    def committed(self, entries: Sequence[Entry]) -> None:
        if not self._witnesses:
            return
        for entry in entries:
            if witnesses := tuple(self._witnesses.get(entry.head.pid, ())):
                for row in entry.rows:
                    told = [who for who, kinds in witnesses if not kinds or row.kind in kinds]
                    event = journal.decode(row) if told else None
                    for witness in told:
                        witness(row.seq, event)


class Cleaned:
    """Text, reasoning, and the arguments of each call are separate streams."""

    def __init__(self, vault: Vault, ear: Callable[[AnyDelta], None]) -> None:
        self._vault = vault
        self._ear = ear
        self._text = Veil(vault)
        self._reason = Veil(vault)
        self._refuses = False
        self._calls: dict[int, Veil] = {}

    def __call__(self, delta: AnyDelta) -> None:
        if not self._vault.knows:
            self._ear(delta)
            return
        match delta:
            case TextDelta(text=text):
                self._refuses = delta.refusal
                self._say(self._text.feed(_bytes(text)))
            case ReasonDelta(text=text):
                self._reasons(self._reason.feed(_bytes(text)))
            case CallDelta(index=index, arguments=arguments):
                veil = self._calls.setdefault(index, Veil(self._vault))
                piece = _text(veil.feed(_bytes(arguments)))
                if piece or delta.id or delta.name:
                    name = self._vault.text(delta.name)
                    self._ear(msgspec.structs.replace(delta, name=name, arguments=piece))
            case Finished():
                self._reasons(self._reason.end())
                self._say(self._text.end())
                for index, veil in self._calls.items():
                    if rest := _text(veil.end()):
                        self._ear(CallDelta(index=index, arguments=rest))
                self._ear(delta)
            case _:
                data = self._vault.clean(msgspec.json.encode(delta))
                self._ear(msgspec.json.decode(data, type=type(delta)))

    def _say(self, data: bytes) -> None:
        if data:
            self._ear(TextDelta(text=_text(data), refusal=self._refuses))

    def _reasons(self, data: bytes) -> None:
        if data:
            self._ear(ReasonDelta(text=_text(data)))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _kept(them: dict[Pid, list[Any]], pid: Pid, one: Any) -> Callable[[], None]:
    them.setdefault(pid, []).append(one)

    def stop() -> None:
        them[pid].remove(one)
        if not them[pid]:
            del them[pid]

    return stop
