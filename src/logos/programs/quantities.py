"""Quantities as people write them: `200k`, `$0.50`, `10m`.

    number    200k, 1.5M, 3_000   -> int
    dollars   $0.50, 0.5, 50 cents -> nano-dollars
    seconds   10m, 1h30m, 90       -> float

A text that could mean two things is refused, never guessed.
"""

import re
from decimal import Decimal

from logos.abi.errors import Code, SysError

_SCALE = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_UNIT_S = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
_NUMBER = re.compile(r"(\d[\d_,]*(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)


def number(text: str) -> int:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2].lower() not in _SCALE:
        raise SysError(Code.INVALID, f"{text!r} is not a count", hint="write 200000, 200k or 1.5M")
    value = _decimal(match[1]) * _SCALE[match[2].lower()]
    if value != int(value):
        raise SysError(Code.INVALID, f"{text!r} is not a whole number")
    return int(value)


def dollars(text: str) -> int:
    match = re.fullmatch(
        r"\$?\s*(\d[\d_,]*(?:\.\d+)?)\s*(usd|dollars?|cents?|¢)?", text.strip(), re.IGNORECASE
    )
    if match is None or ("$" in text and match[2]):
        raise SysError(
            Code.INVALID, f"{text!r} is not an amount of money", hint="write $0.50 or 50 cents"
        )
    nano = 10**7 if (match[2] or "").lower() in {"cent", "cents", "¢"} else 10**9
    return int(_decimal(match[1]) * nano)


def seconds(text: str) -> float:
    rest = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", rest):
        return float(rest)
    pieces = list(_NUMBER.finditer(rest))
    if not pieces or "".join(p[0] for p in pieces) != re.sub(r"(?<=[a-z])\s+", "", rest):
        raise SysError(Code.INVALID, f"{text!r} is not a time", hint="write 90s, 10m or 1h30m")
    total = Decimal(0)
    for piece in pieces:
        if piece[2].lower() not in _UNIT_S:
            raise SysError(
                Code.INVALID, f"{text!r}: unknown unit {piece[2]!r}", hint="use s, m, h or d"
            )
        total += _decimal(piece[1]) * _UNIT_S[piece[2].lower()]
    return float(total)


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace("_", "").replace(",", ""))
