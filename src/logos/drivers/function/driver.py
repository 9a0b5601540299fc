"""The registry of Python functions, and the Tool of tool.call.

    Functions.register   makes a decorator that makes a function a tool
    Functions.specs      what models are shown
    Functions.manifests  what the information flow is told of them
    Functions.effect     what may be done about a call after a crash
    Functions.run        carries a CallTool out

Only JSON goes in and comes out; whatever a function raises comes out as `tool`.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import msgspec

from logos.abi.calls import CallTool
from logos.abi.driver import Effect, Job
from logos.abi.errors import Code, SysError
from logos.abi.messages import ToolSpec
from logos.drivers.function.schema import Arguments, arguments_of, documented, schema_of

F = TypeVar("F", bound=Callable[..., Any])
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class _Entry:
    function: Callable[..., Any]
    spec: ToolSpec
    effect: Effect
    arguments: Arguments
    manifest: Mapping[str, Any]


class Functions:
    """`threads` bounds how many functions that are not coroutines run at once."""

    def __init__(self, *, threads: int = 32) -> None:
        self._entries: dict[str, _Entry] = {}
        self._threads = threads
        self._limiter: anyio.CapacityLimiter | None = None

    def register(
        self,
        *,
        name: str = "",
        effect: Effect = Effect.EFFECT,
        manifest: Mapping[str, Any] | None = None,
    ) -> Callable[[F], F]:
        """Make a tool of a function.  A parameter of type CallId gets the id of the call, which
        stays the same when an idempotent call is made again after a crash.

        `manifest` says what it does to the world and what its arguments stand for, as a file of
        manifests does.  Without one the worst that its name and its parameters allow is assumed,
        except that a pure function only looks."""

        def added(function: F) -> F:
            self._add(function, name or function.__name__, effect, manifest)
            return function

        return added

    def specs(self) -> tuple[ToolSpec, ...]:
        """Sorted by name: the same tools give the same bytes whatever the order of registering."""
        return tuple(self._entries[name].spec for name in sorted(self._entries))

    def manifests(self) -> dict[str, Mapping[str, Any]]:
        return {name: entry.manifest for name, entry in self._entries.items() if entry.manifest}

    def effect(self, call: CallTool) -> Effect:
        return self._entry(call.tool).effect

    async def run(self, job: Job) -> msgspec.Raw:
        call = job.call
        if not isinstance(call, CallTool):
            raise SysError(Code.INVALID, f"{type(call).__name__} is not a call of a function")
        entry = self._entry(call.tool)
        arguments = _converted(entry, call.arguments)
        if entry.arguments.call_id is not None:
            arguments[entry.arguments.call_id] = job.id
        value = None
        with anyio.move_on_after(job.deadline_s) as scope:
            try:
                value = await self._called(entry.function, arguments)
            except SysError:
                raise
            except Exception as error:  # why: the function is not ours and may raise anything
                raise SysError(
                    Code.TOOL, f"{call.tool} failed: {type(error).__name__}: {error}"
                ) from error
        if scope.cancelled_caught:
            raise SysError(Code.TIMEOUT, f"{call.tool} took longer than {job.deadline_s:g} s")
        return _encoded(call.tool, value)

    def _add(
        self,
        function: Callable[..., Any],
        name: str,
        effect: Effect,
        manifest: Mapping[str, Any] | None,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise SysError(
                Code.INVALID, f"{name!r} is not a name for a tool", hint="letters, digits, _ and -"
            )
        if name in self._entries:
            raise SysError(Code.CONFLICT, f"there is a tool {name} already")
        if effect is Effect.KERNEL:
            raise SysError(Code.INVALID, f"{name}: a function is not part of the kernel")
        arguments = arguments_of(function, name)
        description = documented(inspect.getdoc(function) or "")[0]
        spec = ToolSpec(name=name, description=description, schema=schema_of(arguments.type))
        looks = {"impact": "read"} if effect is Effect.PURE else {}
        told = looks if manifest is None else manifest
        self._entries[name] = _Entry(function, spec, effect, arguments, told)

    def _entry(self, name: str) -> _Entry:
        if entry := self._entries.get(name):
            return entry
        near = get_close_matches(name, self._entries, n=3) or sorted(self._entries)[:8]
        hint = f"there is {', '.join(near)}" if near else "no function is registered"
        raise SysError(Code.NOT_FOUND, f"no tool {name!r}", hint=hint)

    async def _called(self, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(**arguments)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._threads)
        # A thread cannot be killed: on cancellation it is left to end by itself, unheard.
        return await anyio.to_thread.run_sync(
            lambda: function(**arguments), abandon_on_cancel=True, limiter=self._limiter
        )


def _converted(entry: _Entry, arguments: msgspec.Raw) -> dict[str, Any]:
    struct = entry.arguments.type
    try:
        given = msgspec.json.decode(arguments or b"{}", type=struct)
    except msgspec.MsgspecError as error:
        fields = ", ".join(struct.__struct_fields__) or "none"
        raise SysError(
            Code.INVALID,
            f"{entry.spec.name}: {error}",
            hint=f"arguments: {fields}",
        ) from error
    return {name: getattr(given, name) for name in struct.__struct_fields__}


def _encoded(name: str, value: Any) -> msgspec.Raw:
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise SysError(
            Code.TOOL, f"{name} returned {type(value).__name__}, which is not JSON: {error}"
        ) from error
