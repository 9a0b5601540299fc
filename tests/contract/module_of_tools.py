"""Functions to be mounted."""

import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal


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


def _hidden() -> None:
    """Nobody's."""
