"""The Tool of command.run.

    Commands.run   a Run -> what the program wrote, and `[exit status N]`

A program that fails is an answer, not an error; an error means that it was never confined or
never ran.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from logos.abi.calls import Run
from logos.abi.driver import Attend, Command, Completed, Job, Mode, Refused, Sandbox, WayOut
from logos.abi.errors import Code, SysError
from logos.abi.limits import OUTPUT_BYTES
from logos.abi.rights import Cap, attenuates

WAY = 3128
"""The port of a command's own loopback behind which its way out is."""


class Commands:
    """`shared` are folders outside the workspace and the path each has in the tree: a program reads
    those that its process may.  `env` is all it sees of an environment; `way` carries what it
    sends, without it nothing does."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        way: WayOut | None = None,
        shared: Callable[[], Mapping[str, Path]] = dict,
        env: Mapping[str, str] = {},
    ) -> None:
        self._sandbox = sandbox
        self._way = way
        self._shared = shared
        self._env = dict(env)

    async def run(self, job: Job) -> str:
        call = job.call
        if not isinstance(call, Run):
            raise SysError(Code.INVALID, f"{type(call).__name__} is not a command")
        if any("\0" in argument for argument in call.argv) or not call.argv[0]:
            raise SysError(
                Code.INVALID, "the program or an argument is not text for a command line"
            )
        timeout_s = min(call.timeout_s, job.deadline_s)
        way = self._open(call)
        refused: list[str] = []
        completed = await self._sandbox.run(
            Command(
                argv=call.argv,
                workspace=job.workspace,
                stdin=call.stdin.encode("utf-8", "surrogatepass"),
                env={**self._env, **(way.variables(WAY, call.hosts) if way else {})},
                readable=self._readable(job.caps),
                timeout_s=timeout_s,
                output_bytes=OUTPUT_BYTES,
                doors=(WAY,) if way else (),
            ),
            _attending(way, job, call, refused) if way else None,
        )
        return _told(completed, timeout_s, refused)

    def _open(self, call: Run) -> WayOut | None:
        """Raise `unavailable` where nothing would hold a program to its hosts."""
        if not call.hosts:
            return None
        if self._way is None or self._sandbox.mode is not Mode.FULL:
            raise SysError(
                Code.UNAVAILABLE,
                f"the sandbox here ({self._sandbox.mode}) cannot hold a program to its hosts, "
                "so none is reached",
                hint="run it without `hosts`; the operator finds what is missing with `logos doctor`",
            )
        return self._way

    def _readable(self, caps: frozenset[Cap]) -> tuple[Path, ...]:
        """Those of which it may read everything."""
        return tuple(
            folder
            for path, folder in sorted(self._shared().items())
            if not attenuates((Cap(verb="read", path=f"{path}/**"),), caps)
        )


def _attending(way: WayOut, job: Job, call: Run, refused: list[str]) -> Attend:
    @asynccontextmanager
    async def attend(doors: tuple[int, ...]) -> AsyncGenerator[None]:
        shut: Refused = ()
        try:
            async with way.open(doors[0], job, call.hosts) as shut:
                yield
        finally:
            refused.extend(shut)

    return attend


def _told(completed: Completed, timeout_s: float, refused: Refused = ()) -> str:
    """stdout, then stderr if there is any, then notes, then how it ended."""
    parts = [completed.stdout.decode("utf-8", "backslashreplace")]
    if completed.stderr:
        parts += ["[stderr]", completed.stderr.decode("utf-8", "backslashreplace")]
    if completed.truncated:
        parts.append(f"[more was written; kept the first {OUTPUT_BYTES >> 10} KiB of each stream]")
    if refused:
        parts += ["[not reached]", *refused]
    if completed.timed_out:
        parts.append(f"[killed: it was not done after {timeout_s:g} s]")
    parts.append(f"[exit status {completed.status}]")
    return "\n".join(part.removesuffix("\n") for part in parts if part)
