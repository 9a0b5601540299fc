"""Arrays and names as data, small and quickly read back.

    pack, unpack    an array in the narrowest type that holds it, and back; `view` without a copy
    narrow          the narrowest of these types
    Numbered        names by number, numbers by name
    Terms           the same for very many: sorted, in one text

Invariant: what is unpacked equals what was packed, value for value.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from logos.kernel.memory.slips import one_slip

K = TypeVar("K", str, tuple[str, str])

_NARROW = (np.int8, np.int16, np.int32, np.int64)
_LATELY = 1 << 14


class Packed(NamedTuple):
    """An array: `dtype` as numpy writes it."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


def pack(array: NDArray[Any]) -> Packed:
    """Whole numbers narrow; everything else as it is."""
    array = narrow(array) if array.dtype.kind == "i" else array
    return Packed(array.dtype.str, array.shape, memoryview(array.tobytes()))


def narrow(array: NDArray[Any]) -> NDArray[Any]:
    if not array.size:
        return array.astype(_NARROW[0])
    low, high = int(array.min()), int(array.max())
    for kind in _NARROW:
        info = np.iinfo(kind)
        if info.min <= low and high <= info.max:
            break
    return array.astype(kind, copy=False)


def unpack(packed: Packed, dtype: DTypeLike) -> NDArray[Any]:
    """A copy that may be written to."""
    return view(packed).astype(dtype)


def view(packed: Packed) -> NDArray[Any]:
    """As it lies there, to be read."""
    return np.frombuffer(packed.data, dtype=packed.dtype).reshape(packed.shape)


class Numbered(Generic[K]):
    def __init__(self, names: Iterable[K] = ()) -> None:
        self._names: list[K] = list(names)
        self._numbers: dict[K, int] = {name: i for i, name in enumerate(self._names)}

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[K]:
        return iter(self._names)

    def number(self, name: K) -> int:
        """Of `name`, which gets one if it has none."""
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number

    def get(self, name: K) -> int | None:
        return self._numbers.get(name)

    def first(self, size: int) -> "Numbered[K]":
        """Those that have the lowest numbers."""
        return self if size >= len(self) else Numbered(self._names[:size])

    def name(self, number: int) -> K:
        return self._names[number]


class Terms:
    """The first are sorted and stand in one text, a line each, where they are found by halving; a
    dictionary of them all takes ten times the memory, and longer to make than the few questions that
    follow.  Those that came since are in one, until `settle` sorts them in."""

    def __init__(self, text: bytes = b"") -> None:
        self._text = text
        self._starts = _starts(text)
        self._late: dict[str, int] = {}
        self._met: dict[str, int | None] = {}  # among the sorted ones: what was looked for lately

    def __len__(self) -> int:
        return len(self._starts) - 1 + len(self._late)

    @property
    def nbytes(self) -> int:
        return len(self._text) + 4 * len(self._starts) + 120 * (len(self._late) + len(self._met))

    def number(self, name: str) -> int:
        """Of `name`, which gets one if it has none."""
        number = self.get(name)
        if number is None:
            number = self._late[name] = len(self)
            self._met.pop(name, None)
        return number

    def get(self, name: str) -> int | None:
        number = self._late.get(name)
        if number is not None:
            return number
        if name in self._met:
            return self._met[name]
        if len(self._met) >= _LATELY:
            self._met.clear()
        number = self._met[name] = self._find(name.encode())
        return number

    def slips(self, name: str) -> list[str]:
        """Those that are one slip away."""
        late = "".join(f"{one}\n" for one in self._late).encode()
        sorted_ = one_slip(self._text, self._starts, name)
        return sorted_ + one_slip(late, _starts(late), name)

    def settle(self) -> NDArray[np.int64]:
        """Sort everything; the numbers that what had 0, 1, 2 … has now."""
        if not self._late:
            return np.arange(len(self))
        before = self._text.decode().split("\n")[:-1]
        late = sorted(self._late)
        places = np.array([bisect_left(before, name) for name in late], dtype=np.int64)
        old = np.arange(len(before))
        moved = np.empty(len(self), dtype=np.int64)
        moved[: len(before)] = old + np.searchsorted(places, old, side="right")
        moved[[self._late[name] for name in late]] = places + np.arange(len(late))
        self._text = ("\n".join(sorted(before + late)) + "\n").encode()
        self._starts = _starts(self._text)
        few, at = len(self._met) + len(late) <= _LATELY, moved.tolist()
        met = (*self._met.items(), *self._late.items()) if few else ()
        self._met = {name: at[old] for name, old in met if old is not None}
        self._late = {}
        return moved

    def rest(self) -> None:
        """Keep no more than must be kept."""
        self._met = {}

    def text(self) -> bytes:
        """The sorted ones, a line each."""
        return self._text

    def _find(self, name: bytes) -> int | None:
        text, starts = self._text, self._starts
        low, high = 0, len(starts) - 1
        while low < high:
            middle = (low + high) >> 1
            if text[starts[middle] : starts[middle + 1] - 1] < name:
                low = middle + 1
            else:
                high = middle
        found = low + 1 < len(starts) and text[starts[low] : starts[low + 1] - 1] == name
        return low if found else None


def _starts(text: bytes) -> "array[int]":
    """Where each line begins, and where the last one ends."""
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")) + 1
    out = array("i", [0])
    out.frombytes(ends.astype(np.int32).tobytes())
    return out
