"""The secrets that have been looked up on this machine, so that nothing shown or stored contains
them.

    Vault(environ)            the environment to look secrets up in, and those known so far
    Vault.keep(name, value)   from now on this value is a secret
    Vault.clean(data)         the bytes, with `[secret NAME]` for every form of every secret in them
    Veil(vault).feed(data)    the same for a stream, also where a secret comes in two pieces

A driver that sends a secret may get it back: in an error, an echo, a page.  What comes in is
cleaned before it is journaled, so no prompt, row, log or answer contains it.  A value is recognised
in the forms in which programs commonly write it: as JSON, percent-encoded, base64, hexadecimal.
"""

import base64
import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

LEAST = 8
"""Bytes.  A shorter value would be found in unrelated words."""

_TELLING = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD)$")
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


class Vault(Mapping[str, str]):
    """Variables whose names suggest a secret are treated as one."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = {} if environ is None else environ
        self._forms: dict[bytes, bytes] = {}
        self._sorted: list[bytes] = []
        for name, value in self._environ.items():
            if _TELLING.search(name) and "/" not in value[:1]:
                self.keep(name, value)

    def __getitem__(self, name: str) -> str:
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    @property
    def knows(self) -> bool:
        """Is there anything to look for?"""
        return bool(self._forms)

    def keep(self, name: str, value: str) -> bool:
        """False: the value is too short to be looked for."""
        if len(value.encode("utf-8", "surrogatepass")) < LEAST:
            return False
        instead = f"[secret {_NAME.sub('_', name)}]".encode()
        for form in forms(value):
            self._forms.setdefault(form, instead)
        longest = sorted(self._forms.items(), key=lambda item: -len(item[0]))
        self._forms = dict(longest)  # a secret within a longer secret is removed with it
        self._sorted = sorted(self._forms)
        return True

    def clean(self, data: bytes) -> bytes:
        """Returns the same object when it contains no secret."""
        for form, instead in self._forms.items():
            if form in data:
                data = data.replace(form, instead)
        return data

    def text(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        cleaned = self.clean(data)
        return text if cleaned is data else cleaned.decode("utf-8", "surrogatepass")

    def begins(self, data: bytes) -> int:
        """Where something begins, at the end of the data, that may turn into a secret; the length
        of the data if nothing does."""
        longest = len(next(iter(self._forms), b""))
        start = max(0, len(data) - longest + 1)
        while start < len(data):
            if not self._may_become(data[start:]):
                start += 1
            elif end := self._across(data, start):
                start = end
            else:
                return start
        return len(data)

    def _may_become(self, tail: bytes) -> bool:
        place = bisect_left(self._sorted, tail)
        return place < len(self._sorted) and self._sorted[place].startswith(tail)

    def _across(self, data: bytes, at: int) -> int:
        """The end of a whole secret that begins before `at` and ends after it; 0 if there is
        none."""
        for form in self._forms:
            found = data.find(form, max(0, at - len(form) + 1))
            if 0 <= found < at < found + len(form):
                return found + len(form)
        return 0


class Veil:
    """Holds back what may be the beginning of a secret until it is one, or is not."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        if not self._vault.knows:
            return data
        data = self._held + data
        at = self._vault.begins(data)
        self._held = data[at:]
        return self._vault.clean(data[:at])

    def end(self) -> bytes:
        """What is still held back, which did not become a secret."""
        data, self._held = self._held, b""
        return self._vault.clean(data)


def forms(value: str) -> set[bytes]:
    """The forms in which programs write a value; none is shorter than LEAST."""
    raw = value.encode("utf-8", "surrogatepass")
    once = json.dumps(value, ensure_ascii=False)[1:-1]
    ascii_ = json.dumps(value)[1:-1]
    found = {value, once, ascii_, json.dumps(once, ensure_ascii=False)[1:-1]}
    found |= {json.dumps(ascii_)[1:-1], quote(raw, safe=""), quote(raw), quote_plus(raw)}
    found |= {repr(value)[1:-1], value[::-1]}
    data = {form.encode("utf-8", "surrogatepass") for form in found}
    data |= {raw.hex().encode(), raw.hex().upper().encode(), raw.hex(":").encode()}
    for before in range(3):
        data |= _within_base64(raw, before)
    return {form for form in data if len(form) >= LEAST}


def _within_base64(raw: bytes, before: int) -> set[bytes]:
    """The base64 characters that do not depend on what surrounds the value, at this offset."""
    whole = base64.b64encode(b"\0" * before + raw)
    first = -(-before * 8 // 6)
    core = whole[first : (before + len(raw)) * 8 // 6]
    return {core, core.replace(b"+", b"-").replace(b"/", b"_")}
