"""What a process keeps at the paths of its own memory: a fold of its journal.  Pure.

    Shelf.apply(seq, at, event)    one more event
    Shelf.standing(path, as_of)    what stands there: nothing, one thing, or things that disagree
    Shelf.history(path)            every version, with the time in which it held
    Shelf.below(folder, as_of)     what stands at or below it, by path; `paths`: where anything ever did
    Shelf.edges, Shelf.walk        typed edges, and what they lead to
    Shelf.fit(events)              no core block is longer than it may be
    entry(path, text, ...)         what is to stand at a path
    todo_list(items)               the same of what is to be done

Nothing is overwritten: a version stays, and says from when to when it held.  Of most entries the
newer closes the older.  A fact closes older facts about the same thing from the same source, or
from any if it names none; facts from different sources that differ stand side by side, each saying
which it contradicts.  Long texts are not held here: a version names its event, which has it.

Invariant: forgetting and then folding is folding what was left.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Forgot, Linked, Remembered
from logos.abi.ids import Seq
from logos.kernel.memory.paths import ARCHIVE, CORE, FACTS, TODO

CORE_CHARS = 4000
"""Characters a core block may have if nothing else was said."""

HEAD_CHARS = 80

_LEFT: msgspec.json.Decoder[Remembered] = msgspec.json.Decoder(Remembered)


@dataclass(frozen=True, slots=True)
class Version:
    """One text at one path.  `text` is None where only the event has it; `head` is how it begins.
    Microseconds; `since` and `until` bound when it held, `closed` when it was said not to."""

    path: str
    seq: Seq
    at: int
    head: str
    size: int
    since: int
    text: str | None = None
    closed: int | None = None
    kind: str = "document"
    subject: str = ""
    relation: str = ""
    role: str = ""
    source: str = ""
    group: str = ""
    digest: bytes = b""
    ends: bool = False
    restores: Seq | None = None
    until: int | None = None
    contradicts: tuple[Seq, ...] = ()

    def holds(self, at: int | None) -> bool:
        """At this moment; None: now, as far as anybody has said."""
        if self.ends:
            return False
        if at is None:
            return self.until is None
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Edge:
    source: str
    relation: str
    target: str
    seq: Seq


@dataclass(slots=True)
class Shelf:
    """`seq` is the last event taken in."""

    seq: Seq = field(default_factory=lambda: Seq(0))
    _versions: dict[str, list[Version]] = field(default_factory=dict)
    _paths: dict[Seq, str] = field(default_factory=dict)
    _limits: dict[str, int] = field(default_factory=dict)
    _edges: dict[tuple[str, str, str], Seq] = field(default_factory=dict)
    _near: dict[str, dict[tuple[str, str, str], None]] = field(default_factory=dict)

    def apply(self, seq: Seq, at: int, event: AnyEvent) -> None:
        match event:
            case Remembered(path=path):
                self._versions.setdefault(path, []).append(_version(seq, at, event))
                self._paths[seq] = path
                if event.limit:
                    self._limits[path] = event.limit
            case Linked():
                self._link(seq, event)
            case Forgot():
                self._forget(event)
            case _:
                pass
        self.seq = seq

    # -- what is there -----------------------------------------------------------------------

    def standing(self, path: str, as_of: int | None = None) -> list[Version]:
        found = [version for version in self.history(path) if version.holds(as_of)]
        if len(found) < 2:  # noqa: PLR2004
            return found
        return [replace(one, contradicts=_against(one, found)) for one in found]

    def one(self, path: str) -> Version | None:
        """The newest that stands there now."""
        if path.startswith(f"{FACTS}/"):
            standing = self.standing(path)
            return standing[-1] if standing else None
        newest = max(self._versions.get(path, ()), key=_order, default=None)
        return newest if newest and newest.closed is None and not newest.ends else None

    def history(self, path: str) -> list[Version]:
        """By the time from which they held; of those that began together, as they were said."""
        found = self._versions.get(path, ())
        return timed(found, several=path.startswith(f"{FACTS}/"))

    def below(self, folder: str, as_of: int | None = None) -> list[Version]:
        found: list[Version] = []
        for path in self.paths(folder):
            found += self.standing(path, as_of)
        return found

    def paths(self, folder: str) -> list[str]:
        """At or below it, also where nothing stands any more."""
        return sorted(self._under(folder))

    def pages(self, folder: str) -> list[Seq]:
        """Every version of everything at or below a path."""
        return sorted(v.seq for path in self._under(folder) for v in self._versions[path])

    def changes(self, path: str) -> int:
        """How often it was set or ended."""
        return len(self._versions.get(path, ()))

    def limit(self, path: str) -> int:
        return self._limits.get(path, CORE_CHARS)

    def fit(self, events: Iterable[AnyEvent]) -> None:
        """Raise `limit` for a core block that is too long, with the limits that come with it."""
        limits: dict[str, int] = {}
        for event in events:
            if not isinstance(event, Remembered) or not event.path.startswith(f"{CORE}/"):
                continue
            most = event.limit or limits.get(event.path) or self.limit(event.path)
            limits[event.path] = most
            if len(event.text) > most:
                raise SysError(
                    Code.LIMIT,
                    f"{event.path} takes {most} characters",
                    hint=f"shorten it by {len(event.text) - most}, or keep the rest in {ARCHIVE}",
                )

    def before(self, path: str) -> Version | None:
        """What an undo brings back: the version before the one that stands there, as often as
        it is undone."""
        versions = self._versions.get(path, [])
        at = len(versions) - 1
        by_seq = {version.seq: n for n, version in enumerate(versions)}
        while at >= 0 and (restored := versions[at].restores) is not None:
            at = by_seq.get(restored, -1)
        return versions[at - 1] if at > 0 else None

    def path(self, seq: Seq) -> str | None:
        """Where the page of this event stands or stood."""
        return self._paths.get(seq)

    def _under(self, folder: str) -> Iterator[str]:
        lead = folder.rstrip("/") + "/"
        return (path for path in self._versions if path == folder or path.startswith(lead))

    def __len__(self) -> int:
        return len(self._versions)

    # -- edges -------------------------------------------------------------------------------

    def edges(self, node: str) -> list[Edge]:
        """From it and to it, oldest first.  A page that is a version of an entry has those of the entry, and
        the entry those of its pages."""
        if node.isdecimal():
            names = {node, self._paths.get(Seq(int(node)), node)}
        else:
            names = {node, *(str(version.seq) for version in self._versions.get(node, ()))}
        found = {Edge(*key, self._edges[key]) for name in names for key in self._near.get(name, ())}
        return sorted(found, key=lambda edge: edge.seq)

    def walk(
        self, start: str, relations: Iterable[str] = (), *, steps: int = 2, most: int = 50
    ) -> list[tuple[int, Edge]]:
        """The edges on the way out from a node, nearest first, each once: how many steps, and which.  An
        edge is followed either way; only those of `relations`, if any are named."""
        return list(islice(self._outward(start, frozenset(relations), steps), most))

    def _outward(
        self, start: str, wanted: frozenset[str], steps: int
    ) -> Iterator[tuple[int, Edge]]:
        seen, told = {start}, set[Edge]()
        ahead = deque([(0, start)])
        while ahead:
            far, node = ahead.popleft()
            for edge in self.edges(node) if far < steps else ():
                if edge in told or (wanted and edge.relation not in wanted):
                    continue
                told.add(edge)
                yield far + 1, edge
                other = edge.target if edge.source == node else edge.source
                if other not in seen:
                    seen.add(other)
                    ahead.append((far + 1, other))

    def _link(self, seq: Seq, event: Linked) -> None:
        key = (event.source, event.relation, event.target)
        self._edges.pop(key, None)
        for node in (event.source, event.target):
            self._near.get(node, {}).pop(key, None)
        if not event.removed:
            self._edges[key] = seq
            for node in (event.source, event.target):
                self._near.setdefault(node, {})[key] = None

    # -- forgetting --------------------------------------------------------------------------

    def _forget(self, event: Forgot) -> None:
        for skeleton in event.left:
            if (path := self._paths.get(skeleton.page)) is not None:
                left = _LEFT.decode(skeleton.body)
                self._versions[path] = [
                    _version(v.seq, v.at, left) if v.seq == skeleton.page else v
                    for v in self._versions[path]
                ]


def timed(versions: Sequence[Version], *, several: bool) -> list[Version]:
    """When each of them held.  `several`: some may stand at a time, from different sources."""
    ordered = sorted(versions, key=_order)
    return [
        replace(one, until=_until(ordered, n, several=several)) for n, one in enumerate(ordered)
    ]


def _order(version: Version) -> tuple[int, Seq]:
    return version.since, version.seq


def _until(ordered: Sequence[Version], n: int, *, several: bool) -> int | None:
    """When number `n` of them ceased to hold: the next one closes it, or it was said so."""
    one = ordered[n]
    ends = [] if one.closed is None else [one.closed]
    for later in range(n + 1, len(ordered)):
        if not several or ordered[later].source in ("", one.source):
            ends.append(ordered[later].since)
            break
    return min(ends, default=None)


def _against(one: Version, standing: Sequence[Version]) -> tuple[Seq, ...]:
    return tuple(other.seq for other in standing if other.text != one.text)


def _version(seq: Seq, at: int, event: Remembered) -> Version:
    text = event.text
    return Version(
        path=event.path,
        seq=seq,
        at=at,
        head=" ".join(text[: 2 * HEAD_CHARS].split())[:HEAD_CHARS],
        size=len(text.encode("utf-8", "surrogatepass")),
        since=at if event.valid_from is None else event.valid_from,
        text=None if event.path.startswith(f"{ARCHIVE}/") else text,
        closed=event.valid_to,
        kind=event.kind,
        subject=event.subject,
        relation=event.relation,
        role=event.role,
        source=event.source,
        group=event.group,
        digest=event.digest,
        ends=event.ends,
        restores=event.restores or None,
    )


def entry(
    path: str,
    text: str,
    *,
    about: tuple[str, str] = ("", ""),
    since: int | None = None,
    source: str = "",
) -> Remembered:
    """What is to stand at a path of one's own memory.  Below /mem/facts it is a fact, `about` a subject
    and what is said of it: what its path says, unless they are named."""
    fact = path.startswith(f"{FACTS}/")
    subject, relation = path.split("/")[3:5] if fact else about
    return Remembered(
        path=path,
        text=text,
        kind="fact" if fact else "document",
        subject=about[0] or subject,
        relation=about[1] or relation,
        source=source,
        valid_from=since,
    )


def todo_list(items: Iterable[str]) -> Remembered:
    """Of one line each; without any there is no list any more."""
    texts = [" ".join(item.split()).removeprefix("- ") for item in items]
    lines = [f"- {text}" if text[:3] in ("[x]", "[ ]") else f"- [ ] {text}" for text in texts]
    return Remembered(path=TODO, text="\n".join(lines), ends=not lines)
