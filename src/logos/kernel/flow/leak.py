"""Confidential values, and whether a text gives one away.  Pure.

    Secrets.add(label, text)     a value of a secret class
    Secrets.guard(label, text)   a longer text that only some may read
    Secrets.found(text)          the classes the text gives away, whole, in part or encoded
    Secrets.pieces(text)         those classes, and the part of the text that gives each away
    Secrets.reading(text)        who may read it, as far as guarded text is in it

Invariant: a secret is found also when it is reversed, spaced out, in base64, in hexadecimal,
escaped for a link, or when half of it (and at least six characters) is there.
"""

import base64
import binascii
import re
from urllib.parse import quote, unquote

from logos.kernel.flow.value import words

SHORTEST = 4
_WHOLE = 8
"""A shorter secret is looked for whole."""
_WIDEST = 24
"""Words over which a secret may be spaced out."""
RUN = 4
"""Guarded text is recognised by so many words in a row."""

_SPACE = re.compile(r"[\s\-_.,:;|/\\]+")


class Secrets:
    def __init__(self) -> None:
        self._pieces: dict[str, str] = {}
        self._sizes: set[int] = set()
        self._runs: dict[int, frozenset[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._pieces or self._runs)

    @property
    def classes(self) -> frozenset[str]:
        """All that are known."""
        return frozenset(self._pieces.values())

    @property
    def readers(self) -> frozenset[str] | None:
        """Who may read all of it.  None: anybody."""
        every = list(self._runs.values())
        return frozenset.intersection(*every) if every else None

    def add(self, label: str, text: str) -> None:
        if len(text) < SHORTEST:
            return
        forms = {text, text[::-1], text.encode().hex(), quote(text, safe="")}
        forms |= {_b64(text), base64.b32encode(text.encode()).decode().rstrip("=")}
        for form in map(_squeeze, forms):
            size = len(form) if len(form) < _WHOLE else max(6, (len(form) + 1) // 2)
            self._sizes.add(size)
            for start in range(len(form) - size + 1):
                self._pieces[form[start : start + size]] = label

    def guard(self, readers: frozenset[str], text: str) -> None:
        for run in _word_runs(text):
            old = self._runs.get(run)
            self._runs[run] = readers if old is None else old & readers

    def found(self, text: str) -> frozenset[str]:
        if not self._pieces:
            return frozenset()
        classes: set[str] = set()
        for form in _readings(text):
            for size in self._sizes:
                for start in range(len(form) - size + 1):
                    label = self._pieces.get(form[start : start + size])
                    if label is not None:
                        classes.add(label)
        return frozenset(classes)

    def pieces(self, text: str) -> list[tuple[str, str]]:
        """(class, part of the text): the least that gives a secret away, for who gets the text."""
        tokens = text.split()
        found: list[tuple[str, str]] = []
        if not (missing := set(self.found(text))):
            return []
        for width in range(1, _WIDEST):
            for start in range(len(tokens) - width + 1):
                part = " ".join(tokens[start : start + width])
                found += [(label, part) for label in sorted(self.found(part) & missing)]
            missing -= {label for label, _ in found}
            if not missing:
                break
        return found + [(label, text) for label in sorted(missing)]

    def reading(self, text: str) -> frozenset[str] | None:
        """None: anybody."""
        readers: frozenset[str] | None = None
        if self._runs:
            for run in _word_runs(text):
                some = self._runs.get(run)
                if some is not None:
                    readers = some if readers is None else readers & some
        return readers


def _readings(text: str) -> set[str]:
    """The text as it is and as it decodes."""
    forms = {text, unquote(text)}
    for token in re.findall(r"[A-Za-z0-9+/_-]{8,}={0,2}", text):
        padded = token.rstrip("=") + "=" * (-len(token.rstrip("=")) % 4)
        try:
            forms.add(base64.b64decode(padded, altchars=b"-_").decode("utf-8", "ignore"))
        except (binascii.Error, ValueError):
            continue
    return {_squeeze(form) for form in forms}


def _squeeze(text: str) -> str:
    return _SPACE.sub("", text).lower()


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


def _word_runs(text: str) -> list[int]:
    low = words(text)
    if len(low) < RUN:
        return [hash(tuple(low))] if len(low) > 1 else []
    return [hash(tuple(low[i : i + RUN])) for i in range(len(low) - RUN + 1)]
