"""The window and the memory behind it: paged in, compacted, pinned; stored, linked, erased."""

from logos.abi.events.base import Event
from logos.abi.ids import CallId, MailId, Seq
from logos.abi.messages import Usage
from logos.abi.paging import Cut, Part, Place, Refused, Shown, Skeleton


class PagedIn(Event, frozen=True, kw_only=True):
    """Memory was asked `question`, and `pages` enter the window in the form given here; `used`
    matched too, and were in the window already.  `confidence` is how likely memory held an answer.
    `by` is the call that asked; None: the kernel did, before a thought."""

    question: str
    pages: tuple[Shown, ...] = ()
    confidence: float = 0.0
    by: CallId | None = None
    used: tuple[Place, ...] = ()
    refused: tuple[Refused, ...] = ()


class Compacted(Event, frozen=True, kw_only=True):
    """The turns of the events `out`, the messages `parts` and the paged-in pieces `unpaged` leave
    the window, and of the pages `cut` only the head stays.  `digest` stands for everything that is
    out; `model` wrote part of it and used `usage` for that.  `by` is the call, `mail` the letter
    that asked for it; neither: the window was full."""

    out: tuple[Seq, ...] = ()
    parts: tuple[Part, ...] = ()
    digest: str = ""
    unpaged: tuple[Place, ...] = ()
    cut: tuple[Cut, ...] = ()
    model: str = ""
    usage: Usage = Usage()
    by: CallId | None = None
    mail: MailId = MailId(0)


class Pinned(Event, frozen=True, kw_only=True):
    """A pinned page stays in the window until it is unpinned."""

    page: Seq
    pinned: bool = True
    mail: MailId = MailId(0)


class Remembered(Event, frozen=True, kw_only=True):
    """`text` is now stored at `path` of the space; the earlier text stays readable.

    `kind` is the kind of stream it belongs to: people, chat, tool, document, fact or summary.
    `subject` is who speaks or what it is about, `relation` what a fact says of it, `role` whose
    words they are.  `time` is when it was said; it holds from `valid_from` (by default, when it was
    remembered) to `valid_to`.  All times are microseconds.  `group` is the conversation or file it
    belongs to, `source` where it comes from, `digest` the SHA-256 of that.  `ends`: nothing is
    stored there any more. `limit` is the new maximum length of a core block, in characters.
    `restores` is the earlier event whose text this repeats.  `by` is the call, `mail` the letter
    that brought it; a letter that brings several names itself in the first.
    """

    path: str
    text: str = ""
    kind: str = "document"
    subject: str = ""
    relation: str = ""
    role: str = ""
    time: int | None = None
    valid_from: int | None = None
    valid_to: int | None = None
    group: str = ""
    source: str = ""
    digest: bytes = b""
    ends: bool = False
    limit: int = 0
    restores: Seq = Seq(0)
    by: CallId | None = None
    mail: MailId = MailId(0)


class Linked(Event, frozen=True, kw_only=True):
    """An edge of type `relation` between two nodes of the space: paths, or page numbers."""

    source: str
    relation: str
    target: str
    removed: bool = False
    by: CallId | None = None
    mail: MailId = MailId(0)


class Forgot(Event, frozen=True, kw_only=True):
    """The words of the events `pages`, and every copy of them in this journal, are erased for good;
    the hashes of these events stay.  `left` is what they are read as from now on."""

    pages: tuple[Seq, ...]
    left: tuple[Skeleton, ...] = ()
    reason: str = ""
    by: CallId | None = None
    mail: MailId = MailId(0)
