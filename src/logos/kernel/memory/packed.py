"""Arrays and names as data, small and quickly read back.

    pack, unpack    an array in the narrowest type that holds it, and back
    Numbered        names by number, numbers by name

Invariant: what is unpacked equals what was packed, value for value.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

K = TypeVar("K", str, tuple[str, str])

_NARROW = (np.int8, np.int16, np.int32, np.int64)


class Packed(NamedTuple):
    """An array: `dtype` as numpy writes it."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def pack(array: NDArray[Any]) -> Packed:
    """Whole numbers narrow; everything else as it is."""
    if array.dtype.kind == "i" and array.size:
        low, high = int(array.min()), int(array.max())
        for kind in _NARROW:
            info = np.iinfo(kind)
            if info.min <= low and high <= info.max:
                array = array.astype(kind)
                break
    return Packed(array.dtype.str, array.shape, array.tobytes())


def unpack(packed: Packed, dtype: DTypeLike) -> NDArray[Any]:
    """A copy that may be written to."""
    return np.frombuffer(packed.data, dtype=packed.dtype).reshape(packed.shape).astype(dtype)


class Numbered(Generic[K]):
    """With `order`, which sorts the names, they are looked up in it until one is added: a dictionary of
    all of them takes longer to make than the few questions that follow."""

    def __init__(self, names: Iterable[K] = (), order: NDArray[np.int32] | None = None) -> None:
        self._names: list[K] = list(names)
        self._order = order
        self._numbers: dict[K, int] = {}
        if order is None:
            self._number_all()

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[K]:
        return iter(self._names)

    def number(self, name: K) -> int:
        """Of `name`, which gets one if it has none."""
        if self._order is not None:
            self._number_all()
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number

    def get(self, name: K) -> int | None:
        if self._order is None:
            return self._numbers.get(name)
        low, high = 0, len(self._order)
        while low < high:
            middle = (low + high) // 2
            number = int(self._order[middle])
            if self._names[number] == name:
                return number
            low, high = (middle + 1, high) if self._names[number] < name else (low, middle)
        return None

    def name(self, number: int) -> K:
        return self._names[number]

    def order(self) -> NDArray[np.int32]:
        """The numbers of the names, sorted by name."""
        names = self._names
        return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int32)

    def _number_all(self) -> None:
        self._order = None
        self._numbers = {name: i for i, name in enumerate(self._names)}
