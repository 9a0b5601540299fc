"""What enters and leaves a window, as the journal records it.

    Place     a piece of a page: where it begins
    Shown     a piece that was brought back, its text in full, and why
    Refused   a piece that matched and was kept out, and by which rule
    Part      one of several messages of a page
    Cut       a page of which only the head stays
    Skeleton  what is left of an event whose words were forgotten

A page is named by the number of its event; long pages are brought back in pieces.  `pid` is 0
for the process itself and else the process whose journal the page is in.
"""

import msgspec

from logos.abi.ids import Pid, Seq


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    page: Seq
    start: int = 0
    pid: Pid = Pid(0)


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Characters `start:end` of a page; `end` 0: to its end.  `likely` is the probability that it
    was wanted, `why` the reasons that moved its score most.  `time` and `valid_to` are in
    microseconds; a piece with `valid_to` has been superseded since then; `later` is where the same
    speaker seems to have contradicted it since."""

    page: Seq
    start: int = 0
    end: int = 0
    pid: Pid = Pid(0)
    text: str
    score: float = 0.0
    likely: float = 0.0
    why: str = ""
    label: str = ""
    role: str = ""
    subject: str = ""
    group: str = ""
    time: int | None = None
    valid_to: int | None = None
    later: Place | None = None

    @property
    def place(self) -> Place:
        return Place(page=self.page, start=self.start, pid=self.pid)


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    page: Seq
    start: int = 0
    pid: Pid = Pid(0)
    rule: str
    score: float = 0.0


class Cut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first `kept` characters of the page stay; with a `part`, of that message of it."""

    page: Seq
    kept: int
    part: int = 0


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part that one of several messages of a page put into the window, by its number there."""

    page: Seq
    part: int


class Skeleton(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The event `page` as it is read from now on: the same event without the forgotten words."""

    page: Seq
    body: msgspec.Raw
