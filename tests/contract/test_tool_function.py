"""tool.call: functions with their signatures as schemas."""

import threading
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import msgspec
import pytest

from logos.abi.calls import CallTool, Sleep
from logos.abi.driver import Effect, Job
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.drivers.function import Functions

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Point:
    x: int
    y: int = 0


def made() -> Functions:
    functions = Functions()

    @functions.register(effect=Effect.PURE)
    def add(a: int, b: int = 2) -> int:
        """Add two numbers.

        Args:
            a: the first one
            b (int): the second one
        """
        return a + b

    @functions.register(name="move-point")
    async def move(point: Point, way: Literal["up", "down"], *, by: int = 1) -> Point:
        """Move a point.

        :param way: where to
        """
        return Point(point.x, point.y + (by if way == "up" else -by))

    @functions.register(effect=Effect.IDEMPOTENT)
    def pay(amount: float, key: CallId) -> str:
        return f"{amount} under {key}"

    @functions.register()
    def fails(how: str = "badly") -> Any:
        if how == "politely":
            raise SysError(Code.LIMIT, "not so fast", hint="wait")
        if how == "object":
            return object()
        raise KeyError(how)

    @functions.register()
    async def stuck() -> None:
        await anyio.sleep_forever()

    @functions.register()
    def thread() -> str:
        return threading.current_thread().name

    return functions


FUNCTIONS = made()


async def call(tool: str, arguments: str = "{}", deadline_s: float = 5.0) -> Any:
    wanted = CallTool(tool=tool, arguments=msgspec.Raw(arguments.encode()))
    job = Job(id=CallId("7.1"), pid=Pid(7), call=wanted, workspace=None, deadline_s=deadline_s)  # type: ignore[arg-type]  # functions have none
    return msgspec.json.decode(await FUNCTIONS.run(job))


async def refused(tool: str, arguments: str = "{}", deadline_s: float = 5.0) -> SysError:
    with pytest.raises(SysError) as caught:
        await call(tool, arguments, deadline_s)
    return caught.value


async def test_calls() -> None:
    assert await call("add", '{"a": 1}') == 3
    assert await call("move-point", '{"point": {"x": 1}, "way": "up", "by": 3}') == {"x": 1, "y": 3}
    assert await call("pay", '{"amount": 1.5}') == "1.5 under 7.1"
    assert await call("thread") != threading.current_thread().name


async def test_signature_and_docstring_are_the_declaration() -> None:
    specs = {spec.name: spec for spec in FUNCTIONS.specs()}
    assert list(specs) == sorted(specs)
    assert specs["add"].description == "Add two numbers."
    assert msgspec.json.decode(specs["add"].schema) == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "the first one"},
            "b": {"type": "integer", "description": "the second one", "default": 2},
        },
        "required": ["a"],
        "additionalProperties": False,
    }
    move = msgspec.json.decode(specs["move-point"].schema)
    assert move["properties"]["way"] == {"enum": ["down", "up"], "description": "where to"}
    assert move["properties"]["point"] == {"$ref": "#/$defs/Point"}
    assert list(move["$defs"]) == ["Point"]
    assert "key" not in msgspec.json.decode(specs["pay"].schema)["properties"]
    assert FUNCTIONS.effect(CallTool(tool="add", arguments=msgspec.Raw(b"{}"))) is Effect.PURE
    assert FUNCTIONS.effect(CallTool(tool="fails", arguments=msgspec.Raw(b"{}"))) is Effect.EFFECT


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "message"),
    [
        ("add", '{"a": "1"}', Code.INVALID, "add: Expected `int`, got `str` - at `$.a`"),
        ("add", '{"a": 1, "c": 1}', Code.INVALID, "add: Object contains unknown field `c`"),
        ("add", "[1]", Code.INVALID, "add: Expected `object`, got `array`"),
        ("add", "{", Code.INVALID, "add: Input data was truncated"),
        ("pay", '{"amount": 1, "key": "x"}', Code.INVALID, "pay: Object contains unknown field"),
        ("ad", "{}", Code.NOT_FOUND, "no tool 'ad'"),
        ("fails", "{}", Code.TOOL, "fails failed: KeyError: 'badly'"),
        ("fails", '{"how": "politely"}', Code.LIMIT, "not so fast"),
        ("fails", '{"how": "object"}', Code.TOOL, "fails returned object, which is not JSON"),
    ],
)
async def test_errors(tool: str, arguments: str, code: Code, message: str) -> None:
    error = await refused(tool, arguments)
    assert error.code is code
    assert error.message.startswith(message)


async def test_a_call_ends_at_its_deadline() -> None:
    assert (await refused("stuck", deadline_s=0.01)).code is Code.TIMEOUT


async def test_what_cannot_be_a_tool_is_refused_at_once() -> None:
    functions = Functions()

    def variadic(*values: int) -> None: ...
    def strange(value: object | set[complex]) -> None: ...
    def fine() -> None: ...

    for function, options, message in (
        (variadic, {}, "cannot be passed by name"),
        (strange, {}, "not JSON"),
        (fine, {"name": "a.b"}, "is not a name for a tool"),
        (fine, {"effect": Effect.KERNEL}, "not part of the kernel"),
    ):
        with pytest.raises(SysError, match=message):
            functions.register(**options)(function)
    functions.register()(fine)
    with pytest.raises(SysError, match="already"):
        functions.register()(fine)


async def test_only_calls_of_functions() -> None:
    job = Job(id=CallId("1"), pid=Pid(1), call=Sleep(seconds=1), workspace=None)  # type: ignore[arg-type]  # none needed
    with pytest.raises(SysError):
        await FUNCTIONS.run(job)
