"""Values of a database as JSON has them, and back.  Pure but for asking a statement what it takes.

    given(statement, values)   parameters as the database wants them; raise `invalid`
    told(value)                a value of a row as JSON

Invariant: a value that JSON lacks becomes a text that PostgreSQL reads again.
"""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec

from logos.abi.errors import Code, SysError

_PLAIN = str | int | float | bool | None
_FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timetz": time.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamptz": datetime.fromisoformat,
    "bytea": base64.b64decode,
}


def given(statement: Any, values: Sequence[Any]) -> list[Any]:
    kinds = [one.name for one in statement.get_parameters()]
    if len(kinds) != len(values):
        raise SysError(
            Code.INVALID, f"the statement has {len(kinds)} parameters, and {len(values)} were given"
        )
    try:
        return [_given(kind, value) for kind, value in zip(kinds, values, strict=True)]
    except (ValueError, ArithmeticError) as error:
        raise SysError(Code.INVALID, f"a parameter is not of its type: {error}") from error


def _given(kind: str, value: Any) -> Any:
    if kind in _FROM_TEXT and isinstance(value, str):
        return _FROM_TEXT[kind](value)
    if kind == "numeric" and isinstance(value, str | int | float):
        return Decimal(str(value))
    if kind in ("text", "varchar") and isinstance(value, int | float):
        return str(value)
    if kind in ("json", "jsonb"):
        return msgspec.json.encode(value).decode()
    return value


def told(value: Any) -> Any:
    if isinstance(value, asyncpg.Record):
        return {key: told(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [told(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value if isinstance(value, _PLAIN) else _text(value)


def _text(value: Any) -> str:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds()} seconds"
        case bytes():
            return base64.b64encode(value).decode()
        case asyncpg.Range():
            return _range(value)
        case asyncpg.BitString():
            return str(value.as_string()).replace(" ", "")
        case _:
            return str(value)


def _range(value: "asyncpg.Range[Any]") -> str:
    if value.isempty:
        return "empty"
    low, high = ("" if end is None else f'"{told(end)}"' for end in (value.lower, value.upper))
    return f"{'[' if value.lower_inc else '('}{low},{high}{']' if value.upper_inc else ')'}"
