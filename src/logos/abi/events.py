"""What the journal can say.

An event is a fact in the past tense.  It is never changed and never deleted, though its words
may be forgotten (Forgot); a new meaning
is a new event, and a change of shape is a new class with an upcaster
(kernel/journal/upcast.py).

    Spawned                               the first event of every process
    Asked Thought Interrupted             a thought: begun, had, cut short
    Called Blocked Returned Failed        a system call: let in, waiting, answered, refused or failed
    Held Decided                          a call that waits for a person: asked about, answered
    Agreed                                at init: an answer that holds from now on
    Revoked                               rights this process and its descendants have no more
    Received Signalled                    what reached the process from outside
    Told                                  what a client of the gateway said to its process
    Proposed Answered Diverged            a program somebody else wrote: asks for a call, was answered
                                          by a model, did not repeat what it did before
    Started Ended                         a child of this process: begun, gone
    Scheduled Rang                        a timer: set, due
    Idled                                 nothing to do until something arrives
    PagedIn Compacted Pinned              the window: brought back, taken out, kept in
    Remembered Linked Forgot              memory: stored, joined, gone for good
    Warned                                the watchdog said something
    Exited                                the last event of every process
"""

from typing import Any

import msgspec

from logos.abi.agent import Agent, Limits
from logos.abi.approval import Answer, Scope, Standing
from logos.abi.driver import Effect
from logos.abi.errors import Code
from logos.abi.ids import CallId, MailId, Pid, Seq
from logos.abi.messages import Finish, Message, Options, ToolCall, Usage
from logos.abi.paging import Cut, Part, Place, Refused, Shown, Skeleton
from logos.abi.process import Signal
from logos.abi.rights import Cap


class Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag=str.lower
):
    """Base of all events."""


class Spawned(Event, frozen=True, kw_only=True):
    """`limits` are what remains after taking the smaller of what was asked and what the parent
    could give; `at` and `deadline` are microseconds; `workspace` is the
    folder seen as /home; `by` names who asked when it was a person.  `said` are the principal's
    words that a child is born with: its task is its parent's, and the parent may be misled."""

    agent: Agent
    task: str
    at: int
    parent: Pid | None = None
    caps: frozenset[Cap] = frozenset()
    limits: Limits = Limits()
    deadline: int | None = None
    generation: int = 0
    workspace: str = ""
    by: str = ""
    said: tuple[str, ...] = ()
    revoked: frozenset[Cap] = frozenset()


class Asked(Event, frozen=True, kw_only=True):
    """A thought is on its way to `model`; `tokens` and `cost` are the most it can use.  The prompt
    fits into `room` tokens; `estimated` is what it was thought to have before anybody counted.
    `tail` ended the prompt and is not kept in the window.  `prompt` is the SHA-256 of the
    request's canonical bytes, `tools` that of the tools in it, which are kept as a blob, and
    `output` how many tokens the answer could have."""

    model: str
    tokens: int
    cost: int = 0
    room: int = 0
    estimated: int = 0
    tail: str = ""
    prompt: bytes = b""
    tools: bytes = b""
    output: int = 0


class Thought(Event, frozen=True, kw_only=True):
    message: Message
    usage: Usage
    finish: Finish


class Interrupted(Event, frozen=True, kw_only=True):
    """A thought ended without an answer.  `charged` is what it is taken to have cost: what the
    provider said, or the whole reservation when nobody knows.  `lost`: its node went away,
    which is no fault of the model's."""

    code: Code
    message: str
    charged: Usage = Usage()
    lost: bool = False


class Called(Event, frozen=True, kw_only=True):
    """A call was let in.  For a call with an effect this is durable before the effect.
    `decision` is what the information flow said; a call that could only be allowed has none.
    `cap` is the counted right that it used up, at the time `at` (microseconds)."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    prepared: bytes = b""
    decision: dict[str, Any] = {}
    cap: Cap | None = None
    at: int = 0


class Held(Event, frozen=True, kw_only=True):
    """A call waits for a person, at the latest until `until` (microseconds).  `decision` has the
    question and the source of each value.  `doubt`: it was made, and nobody knows what came of it."""

    id: CallId
    name: str
    call: msgspec.Raw
    effect: Effect
    decision: dict[str, Any] = {}
    until: int | None = None
    doubt: bool = False


class Decided(Event, frozen=True, kw_only=True):
    """A person (`by`) answered for these calls; `word` is for the model."""

    mail: MailId
    ids: tuple[CallId, ...]
    answer: Answer
    scope: Scope = Scope.ONCE
    by: str = ""
    word: str = ""


class Agreed(Event, frozen=True, kw_only=True):
    """From now on nobody is asked about the like of this; with `ends`, somebody is again."""

    mail: MailId
    standing: Standing
    by: str = ""
    ends: bool = False


class Revoked(Event, frozen=True, kw_only=True):
    """What these cover is denied from now on, whatever the process holds."""

    mail: MailId
    caps: tuple[Cap, ...]
    by: str = ""


class Blocked(Event, frozen=True, kw_only=True):
    """The call waits for something inside the kernel, at most until `until` (microseconds)."""

    id: CallId
    until: int | None = None


class Returned(Event, frozen=True, kw_only=True):
    id: CallId
    value: msgspec.Raw


class Failed(Event, frozen=True, kw_only=True):
    """The call was refused (no Called before it) or failed."""

    id: CallId
    code: Code
    message: str
    hint: str = ""
    decision: dict[str, Any] = {}


class Received(Event, frozen=True, kw_only=True):
    """A message arrived.  It enters the window, unless `answers` names the call that waited for
    it: then that call returns it."""

    mail: MailId
    text: str
    sender: Pid | None = None
    answers: CallId | None = None


class Told(Event, frozen=True, kw_only=True):
    """A client said `messages`: one page, in the client's own roles, and so no instruction of the
    kernel's.  What a client gives as answers of tools is untrusted.  `options` hold from now on,
    until others come.  A thought follows the last of a turn.  `mail` 0: it came without a letter."""

    mail: MailId = MailId(0)
    messages: tuple[Message, ...] = ()
    options: Options | None = None


class Proposed(Event, frozen=True, kw_only=True):
    """The program of this process, which is no model, asks for these calls."""

    calls: tuple[ToolCall, ...]


class Answered(Event, frozen=True, kw_only=True):
    """The program of this process sent a request to `path` and got this answer.  `request` is the
    SHA-256 of what it sent, whatever the order of its fields; the conversation is `process`'s."""

    request: bytes
    path: str
    status: int
    kind: str
    body: str
    process: Pid | None = None


class Diverged(Event, frozen=True, kw_only=True):
    """Started again, the program did `did` before it had repeated `left` things of its journal."""

    did: str
    left: int


class Signalled(Event, frozen=True, kw_only=True):
    mail: MailId
    signal: Signal
    sender: Pid | None = None
    reason: str = ""


class Started(Event, frozen=True, kw_only=True):
    pid: Pid
    limits: Limits = Limits()


class Ended(Event, frozen=True, kw_only=True):
    """A child exited; `used` is what it and its descendants spent, `calls` how many they made."""

    mail: MailId
    pid: Pid
    status: int
    answer: str = ""
    used: Usage = Usage()
    calls: int = 0


class Scheduled(Event, frozen=True, kw_only=True):
    """An empty `cron` ends the schedule of `text`."""

    cron: str
    text: str
    next: int = 0


class Rang(Event, frozen=True, kw_only=True):
    """The timer of `text` was due; it is next due at `next` (microseconds)."""

    text: str
    next: int


class Idled(Event, frozen=True, kw_only=True):
    pass


class Warned(Event, frozen=True, kw_only=True):
    """The process is told `text`; until `paused_until` it may not go on."""

    text: str
    paused_until: int | None = None


class PagedIn(Event, frozen=True, kw_only=True):
    """Memory was asked `question` and `pages` enter the window as they stand here; `used` fitted,
    too, and were there already.  `confidence` is how likely memory held an answer.  `by` is the
    call that asked; None: the kernel did, before a thought."""

    question: str
    pages: tuple[Shown, ...] = ()
    confidence: float = 0.0
    by: CallId | None = None
    used: tuple[Place, ...] = ()
    refused: tuple[Refused, ...] = ()


class Compacted(Event, frozen=True, kw_only=True):
    """The turns of the events `out`, the messages `parts` and the brought-back pieces `unpaged` leave
    the window, and of the pages `cut` only the head stays.  `digest` stands for all that is out."""

    out: tuple[Seq, ...] = ()
    parts: tuple[Part, ...] = ()
    digest: str = ""
    unpaged: tuple[Place, ...] = ()
    cut: tuple[Cut, ...] = ()


class Pinned(Event, frozen=True, kw_only=True):
    """A pinned page stays in the window until it is unpinned."""

    page: Seq
    pinned: bool = True
    mail: MailId = MailId(0)


class Remembered(Event, frozen=True, kw_only=True):
    """`text` stands at `path` of the space now; what stood there before stays readable as it was.

    `kind` is the kind of stream it belongs to: people, chat, tool, document, fact or summary.
    `subject` is who speaks or what it is about, `relation` what a fact says of it, `role` whose
    words they are.  `time` is when it was said; it holds from `valid_from` (else from when it was
    remembered) to `valid_to`.  All of them in microseconds.  `group` is the conversation or file it
    is a part of, `source` where it comes from, `digest` the SHA-256 of that.  `ends`: nothing
    stands there any more.  `limit` is the most characters a core block may have from now on.
    `restores` is the earlier event whose text this is again.  `by` is the call, `mail` the letter
    that brought it; a letter that brings several names itself in the first."""

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
    """An edge of type `relation` between two nodes of the space: paths, or numbers of pages."""

    source: str
    relation: str
    target: str
    removed: bool = False
    by: CallId | None = None
    mail: MailId = MailId(0)


class Forgot(Event, frozen=True, kw_only=True):
    """The words of the events `pages`, and every copy of them in this journal, are gone for good;
    the hashes of these events stay.  `left` is what they are read as from now on."""

    pages: tuple[Seq, ...]
    left: tuple[Skeleton, ...] = ()
    reason: str = ""
    by: CallId | None = None
    mail: MailId = MailId(0)


class Exited(Event, frozen=True, kw_only=True):
    """`status` 0: done; 128 + n: killed by a signal; else the exit status of `code`."""

    status: int
    answer: str = ""
    code: Code | None = None


AnyEvent = (
    Spawned
    | Asked
    | Thought
    | Interrupted
    | Called
    | Held
    | Decided
    | Agreed
    | Revoked
    | Blocked
    | Returned
    | Failed
    | Received
    | Told
    | Proposed
    | Answered
    | Diverged
    | Signalled
    | Started
    | Ended
    | Scheduled
    | Rang
    | Idled
    | Warned
    | PagedIn
    | Compacted
    | Pinned
    | Remembered
    | Linked
    | Forgot
    | Exited
)
