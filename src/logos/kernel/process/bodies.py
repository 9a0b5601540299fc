"""The bodies of mail: what processes, people and clients can say to a process.

    Note, Turn               a message; what a client of the gateway says
    Order, Death             a signal; the exit of a child
    Verdict, Agreement       a person's answer; a standing answer
    Revocation               withdrawn rights
    Deposit, Erase           something to remember; something to forget
    Squeeze                  compact the window, or rewrite its digest
    encode, decode           to bytes, and back
    erasure, squeeze, is_note    what such bytes are, before they are taken

A letter may wait while nodes are replaced: what one version wrote here, the next one must read.
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
    """A message, and what is known of its provenance."""

    text: str
    carries: dict[str, Any] = {}


class Turn(msgspec.Struct, frozen=True, tag="turn", omit_defaults=True):
    """What a client of the gateway says.  `options` are given only when they changed, `metadata`
    only when the client files the conversation under it.  `silent`: no
    thought follows."""

    messages: tuple[Message, ...] = ()
    options: Options | None = None
    metadata: dict[str, str] | None = None
    silent: bool = False


class Order(msgspec.Struct, frozen=True, tag="order"):
    """A signal."""

    signal: Signal
    reason: str = ""


class Death(msgspec.Struct, frozen=True, tag="death"):
    """The exit of a child, for its parent."""

    status: int
    answer: str = ""
    used: Usage = Usage()
    calls: int = 0
    carries: dict[str, Any] = {}


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """A person's answer about calls that wait for one."""

    ids: tuple[CallId, ...]
    answer: Answer
    scope: Scope = Scope.ONCE
    by: str = ""
    word: str = ""


class Deposit(msgspec.Struct, frozen=True, tag="deposit"):
    """Entries to be remembered, linked or pinned."""

    items: Annotated[tuple[Remembered | Linked | Pinned, ...], msgspec.Meta(min_length=1)]


class Erase(msgspec.Struct, frozen=True, tag="erase"):
    """Forget these pages, and every version of what is kept at or below `path`."""

    pages: tuple[Seq, ...] = ()
    path: str = ""
    reason: str = ""


class Squeeze(msgspec.Struct, frozen=True, tag="squeeze", omit_defaults=True):
    """Take most of the window out, except these pages and what it has about `about`.  With `told`
    nothing leaves: the lines written by `model` go into the digest that the compaction `base`
    made."""

    keep: tuple[Seq, ...] = ()
    about: str = ""
    told: tuple[str, ...] = ()
    model: str = ""
    base: Seq = Seq(0)


class Agreement(msgspec.Struct, frozen=True, tag="agreement"):
    """For init: a standing answer, so that the same question need not be asked again; with `ends`,
    its withdrawal."""

    standing: Standing
    by: str = ""
    ends: bool = False


class Revocation(msgspec.Struct, frozen=True, tag="revocation"):
    """Withdrawn rights; the receiver passes this on to its children."""

    caps: tuple[Cap, ...]
    by: str = ""


AnyMail = Agreement | Revocation | Note | Turn | Order | Death | Verdict | Deposit | Erase | Squeeze
_DECODER: msgspec.json.Decoder[AnyMail] = msgspec.json.Decoder(AnyMail)

encode, decode = msgspec.json.encode, _DECODER.decode


def erasure(body: bytes) -> Erase | None:
    """The erasure it asks for, if it is one: whoever takes it must look into the journal first."""
    mail = decode(body)
    return mail if isinstance(mail, Erase) else None


def squeeze(body: bytes) -> Squeeze | None:
    """The compaction it asks for, if it is one."""
    mail = decode(body)
    return mail if isinstance(mail, Squeeze) else None


def is_note(body: bytes) -> bool:
    """Is it a message, which waits until the process listens?"""
    return isinstance(decode(body), Note | Turn)
