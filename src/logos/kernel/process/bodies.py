"""The bodies of mail: what processes, people and clients can say to a process.

    Note, Turn               a message; what a client of the gateway says
    Order, Death             a signal; a child's exit
    Verdict, Agreement       a person's answer; one that holds from now on
    Revocation               rights that are gone
    Deposit, Erase           something for the space of the receiver; what it is to forget
    Squeeze                  its window is to be compacted, or its digest written anew
    encode, decode           as bytes, and back
    erasure, squeeze, is_note    what is asked of such bytes before they are taken

A letter may lie in the mail while nodes change: what is on disk here is read by the next one.
"""

from typing import Annotated, Any

import msgspec

from logos.abi.approval import Answer, Scope, Standing
from logos.abi.events import Linked, Pinned, Remembered
from logos.abi.ids import CallId, Seq
from logos.abi.messages import Message, Options, Usage
from logos.abi.process import Signal
from logos.abi.rights import Cap


class Note(msgspec.Struct, frozen=True, tag="note", omit_defaults=True):
    """A message, and what is known of it."""

    text: str
    carries: dict[str, Any] = {}


class Turn(msgspec.Struct, frozen=True, tag="turn", omit_defaults=True):
    """What a client of the gateway says.  `options` only when they differ from those before; what it
    files the conversation under when it says so.  `silent`: no thought follows."""

    messages: tuple[Message, ...] = ()
    options: Options | None = None
    metadata: dict[str, str] | None = None
    silent: bool = False


class Order(msgspec.Struct, frozen=True, tag="order"):
    """A signal."""

    signal: Signal
    reason: str = ""


class Death(msgspec.Struct, frozen=True, tag="death"):
    """A child's exit, for its parent."""

    status: int
    answer: str = ""
    used: Usage = Usage()
    calls: int = 0
    carries: dict[str, Any] = {}


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """A person's answer about calls that wait for it."""

    ids: tuple[CallId, ...]
    answer: Answer
    scope: Scope = Scope.ONCE
    by: str = ""
    word: str = ""


class Deposit(msgspec.Struct, frozen=True, tag="deposit"):
    """What is to be remembered, linked or pinned."""

    items: Annotated[tuple[Remembered | Linked | Pinned, ...], msgspec.Meta(min_length=1)]


class Erase(msgspec.Struct, frozen=True, tag="erase"):
    """These pages, and every version of what is kept at or below `path`, are to be forgotten."""

    pages: tuple[Seq, ...] = ()
    path: str = ""
    reason: str = ""


class Squeeze(msgspec.Struct, frozen=True, tag="squeeze", omit_defaults=True):
    """Most of the window is to leave, but these pages and what it has about something.  With `told`
    nothing leaves: these lines of `model` go into the digest that the compaction `base` has left."""

    keep: tuple[Seq, ...] = ()
    about: str = ""
    told: tuple[str, ...] = ()
    model: str = ""
    base: Seq = Seq(0)


class Agreement(msgspec.Struct, frozen=True, tag="agreement"):
    """For init: what nobody need be asked about any more; with `ends`, is asked about again."""

    standing: Standing
    by: str = ""
    ends: bool = False


class Revocation(msgspec.Struct, frozen=True, tag="revocation"):
    """Rights that are gone; who gets it hands it on to its children."""

    caps: tuple[Cap, ...]
    by: str = ""


AnyMail = Agreement | Revocation | Note | Turn | Order | Death | Verdict | Deposit | Erase | Squeeze
_DECODER: msgspec.json.Decoder[AnyMail] = msgspec.json.Decoder(AnyMail)

encode, decode = msgspec.json.encode, _DECODER.decode


def erasure(body: bytes) -> Erase | None:
    """What it asks to be forgotten, if it does: whoever takes it must look into the journal."""
    mail = decode(body)
    return mail if isinstance(mail, Erase) else None


def squeeze(body: bytes) -> Squeeze | None:
    """What it asks to leave the window, if it does."""
    mail = decode(body)
    return mail if isinstance(mail, Squeeze) else None


def is_note(body: bytes) -> bool:
    """Something said, which waits until it is listened to."""
    return isinstance(decode(body), Note | Turn)
