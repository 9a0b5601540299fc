"""What a memory says twice, and what it says that something newer replaced.  Pure.

    tidied(versions, texts)   the entries to close, each with the one that stands for it

Two entries are the same when they differ in case, space and punctuation alone: numbers, names and words
are what they say.  Two facts are about the same when subject, relation and source are; the one
that holds from later on stays.  What different sources say differently is a contradiction and stays
one.  What was imported from a file is the file's.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from logos.abi.events import Linked, Remembered
from logos.kernel.memory.paths import ARCHIVE, FACTS, slug
from logos.kernel.memory.shelf import Version

SAME, REPLACED = "same-as", "replaced-by"

_WORD = re.compile(r"\w+")
_LEAST = 3
"""Words of an entry that is compared."""


class Closed(NamedTuple):
    """What `source` says at `path` is closed because of `kept`: SAME or REPLACED."""

    path: str
    why: str
    kept: str
    source: str = ""

    @property
    def events(self) -> tuple[Remembered, Linked]:
        return (
            Remembered(path=self.path, source=self.source, ends=True),
            Linked(source=self.path, relation=self.why, target=self.kept),
        )


def tidied(versions: Sequence[Version], texts: Sequence[str]) -> list[Closed]:
    """Of what stands now, each with its text."""
    pairs = list(zip(versions, texts, strict=True))
    return [*_replaced(pairs), *_repeated(pairs)]


def _replaced(pairs: Iterable[tuple[Version, str]]) -> Iterable[Closed]:
    about: dict[tuple[str, str, str], list[Version]] = {}
    for version, _ in pairs:
        if version.path.startswith(f"{FACTS}/") and version.subject and version.relation:
            key = (slug(version.subject), slug(version.relation), version.source)
            about.setdefault(key, []).append(version)
    for versions in about.values():
        newest = max(versions, key=lambda version: (version.since, version.seq))
        for version in versions:
            if version.path != newest.path:
                yield Closed(version.path, REPLACED, newest.path, version.source)


def _repeated(pairs: Iterable[tuple[Version, str]]) -> Iterable[Closed]:
    """The one that was there first stays."""
    first: dict[tuple[str, ...], str] = {}
    for version, text in sorted(pairs, key=lambda pair: pair[0].seq):
        if not version.path.startswith(f"{ARCHIVE}/") or version.source.startswith("file:"):
            continue
        words = tuple(_WORD.findall(text.casefold()))
        kept = first.setdefault((version.subject, version.source, *words), version.path)
        if kept != version.path and len(words) >= _LEAST:
            yield Closed(version.path, SAME, kept, version.source)
