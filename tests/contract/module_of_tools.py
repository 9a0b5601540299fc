"""Functions to be mounted."""

import datetime as dt
import enum
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

if TYPE_CHECKING:
    from logos.nowhere import Nothing  # type: ignore[import-not-found]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: float
    y: float = 0.0


def area(width: float, height: float = 1.0) -> float:
    """The area of a rectangle.

    Args:
        width: in metres
        height: in metres
    """
    return width * height


area.effect = "pure"  # type: ignore[attr-defined]


async def paint(
    where: Point,
    colour: Colour,
    mode: Literal["thin", "thick"] = "thin",
    times: Annotated[int, "how often"] | None = None,
) -> dict[str, object]:
    """Paint a point."""
    print("painting")
    return {"where": where, "colour": colour, "mode": mode, "times": times}


def note(text: str) -> list[str]:
    """Write it down, and say what is there."""
    Path("note").write_text(text)
    return sorted(os.listdir())


def see(path: str) -> str:
    """What is there."""
    return Path(path).read_text()


def die() -> None:
    """End the process."""
    os._exit(3)


def odd() -> object:
    """What is not JSON."""
    return object()


def later(day: dt.date, price: Decimal) -> list[object]:
    """Of types that JSON has as texts."""
    return [day + dt.timedelta(days=1), price * 2, Path("a")]


def untyped(thing: "Nothing") -> object:
    """Its type is there for a type checker only."""
    return thing


def numbers() -> Iterator[int]:
    """One after the other."""
    yield from (1, 2)


def uncountable() -> float:
    """A number that JSON lacks."""
    return float("nan")


def surrogate() -> str:
    """A text that no bytes of UTF-8 are."""
    return "a\udcff"


def leave() -> None:
    """As a script ends."""
    sys.exit("it leaves")


def asking() -> str:
    """What is typed, though nobody types."""
    return input()


def _hidden() -> None:
    """Nobody's."""
