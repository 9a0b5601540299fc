"""Every command with input that makes no sense, made from its schema.

The daemon is asked directly, for there are a thousand of them: what the client adds is in test_mistakes.
Whatever is said, there is a code of the table, a message and a hint, in one document and on standard error;
no trace, no colour, no bug; and the daemon answers the next one.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cli.conftest import Place, frames_of, opened
from tests.cli.test_conformance import EVERY, STATUSES
from tests.conftest import PATIENCE_S

from logos.cli import wire
from logos.cli.commands import COMMANDS

pytestmark = pytest.mark.slow

TEXTS = (
    "", "no-such-thing", "/no/such/path", "../nowhere/x", "bad::host", "--", "=", "{}", "\udcff",
    "💥 \x1b[31m\n", "http://127.0.0.1:1/x", "x" * 5000,
)  # fmt: skip
NUMBERS = ("two", "", "-1", "1.5", "nan", "999", "2147483648", "9" * 30)
GOOD = {"string": "nothing", "integer": "999", "number": "1"}
FOLLOWS = ("logs",)
"""Commands that end when the person has seen enough: without a process they show what all do."""


def bad_lines(arguments: dict[str, Any]) -> Iterator[list[str]]:
    """One thing wrong in each, the rest as good as a schema can say."""
    given, required = arguments["properties"], arguments["required"]
    options = {key: one for key, one in given.items() if "x-option" in one}
    places = {key: one for key, one in given.items() if key not in options}
    good = [_good(one) for key, one in places.items() if key in required]
    if good:
        yield []
    if not any(one["type"] == "array" for one in places.values()):
        yield [*map(_good, places.values()), "surplus"]
    for at, one in enumerate(places.values()):
        before = [_good(other) for other in list(places.values())[:at]]
        for value in _bad(one):
            yield [*before, value, *good[at + 1 :]]
    for one in options.values():
        name = one["x-option"]
        if one["type"] == "boolean":
            yield [f"{name}=1", *good]
            continue
        yield [*good, name]
        for value in _bad(one):
            yield [f"{name}={value}", *good]


def _one(argument: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = argument.get("items", argument)
    return found


def _good(argument: dict[str, Any]) -> str:
    one = _one(argument)
    return str(one["enum"][0]) if "enum" in one else GOOD[one["type"]]


def _bad(argument: dict[str, Any]) -> tuple[str, ...]:
    one = _one(argument)
    return ("xyzzy",) if "enum" in one else TEXTS if one["type"] == "string" else NUMBERS


def ask(place: Place, *words: str, enough: bool = False) -> tuple[int, str, str]:
    """Its exit status and what it writes, from the daemon itself; `enough`: Ctrl-C once it has begun."""
    status, wrote = None, {wire.OUT: b"", wire.ERR: b""}
    with place.asked(*words, folder="notes") as daemon:
        daemon.settimeout(PATIENCE_S)
        for kind, payload in opened(frames_of(daemon)):
            if kind == wire.EXIT:
                status = int(payload)
            elif kind == wire.TAKEN and enough:
                daemon.sendall(wire.frame(wire.INTERRUPT, b""))
            elif kind == wire.INPUT:
                daemon.sendall(wire.frame(wire.INPUT, b"\xff\0"))
            elif kind in wrote:
                wrote[kind] += payload
    assert status is not None, f"the daemon went away: {words}"
    return status, wrote[wire.OUT].decode(), wrote[wire.ERR].decode()


@pytest.mark.parametrize("name", [name for name in EVERY if name != "sh"])
def test_no_input_is_answered_with_a_trace_or_without_a_hint(place: Place, name: str) -> None:
    place.data("up")
    for words in bad_lines(COMMANDS[name].schema()["arguments"]):
        status, out, err = ask(place, *name.split(), *words, enough=name in FOLLOWS)
        said = f"{name} {[word[:40] for word in words]}: {status}, {err[:400]}"
        assert status in STATUSES, said
        assert "Traceback" not in out + err, said
        assert "internal" not in err, said
        assert "\x1b" not in err, said
        if not status:
            continue
        code, message, hint = _told(err)
        error = json.loads(out.splitlines()[-1])["error"]
        assert (error["code"], error["exit"]) == (code, status), said
        assert error["message"] in message or "\n" in error["message"], said
        assert hint, said


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["mount", "slow", "sleep", "600"], 130),  # no server of tools: it never answers
        (["logs"], 0),
    ],
)
def test_what_takes_long_ends_when_the_person_has_had_enough(
    place: Place, words: list[str], status: int
) -> None:
    place.data("up")
    ended, out, err = ask(place, *words, enough=True)
    assert ended == status, err
    if status:
        assert _told(err) == (
            "cancelled",
            "stopped",
            "what was done by then stays: see `logos ps -a`",
        )
        assert json.loads(out)["error"]["code"] == "cancelled"
    assert "slow" not in {one["name"] for one in place.data("mounts")}


def _told(err: str) -> tuple[str, str, str]:
    """Code, message and hint as a person reads them."""
    told, _, hint = err[err.index("logos: ") :].partition("\nhint: ")
    code, _, message = told.removeprefix("logos: ").partition(": ")
    return code, message, hint.strip()
