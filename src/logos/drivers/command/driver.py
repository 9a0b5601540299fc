"""The Tool of command.run.

    Commands.run   a Run -> what the program wrote, and `[exit status N]`

A program that fails is an answer, not an error; an error means that it was never confined or
never ran.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from logos.abi.calls import Run
from logos.abi.driver import Command, Completed, Job, Sandbox
from logos.abi.errors import Code, SysError
from logos.abi.limits import OUTPUT_BYTES
from logos.abi.rights import Cap, attenuates


class Commands:
    """`shared` are folders outside the workspace and the path each has in the tree: a program reads
    those that its process may.  `env` is all it sees of an environment."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        shared: Callable[[], Mapping[str, Path]] = dict,
        env: Mapping[str, str] = {},
    ) -> None:
        self._sandbox = sandbox
        self._shared = shared
        self._env = dict(env)

    async def run(self, job: Job) -> str:
        call = job.call
        if not isinstance(call, Run):
            raise SysError(Code.INVALID, f"{type(call).__name__} is not a command")
        if any("\0" in argument for argument in call.argv) or not call.argv[0]:
            raise SysError(Code.INVALID, "the program or an argument is no text for a command line")
        timeout_s = min(call.timeout_s, job.deadline_s)
        completed = await self._sandbox.run(
            Command(
                argv=call.argv,
                workspace=job.workspace,
                stdin=call.stdin.encode("utf-8", "surrogatepass"),
                env=self._env,
                readable=self._readable(job.caps),
                timeout_s=timeout_s,
                output_bytes=OUTPUT_BYTES,
            )
        )
        return _told(completed, timeout_s)

    def _readable(self, caps: frozenset[Cap]) -> tuple[Path, ...]:
        """Those of which it may read everything."""
        return tuple(
            folder
            for path, folder in sorted(self._shared().items())
            if not attenuates((Cap(verb="read", path=f"{path}/**"),), caps)
        )


def _told(completed: Completed, timeout_s: float) -> str:
    """stdout, then stderr if there is any, then notes, then how it ended."""
    parts = [completed.stdout.decode("utf-8", "backslashreplace")]
    if completed.stderr:
        parts += ["[stderr]", completed.stderr.decode("utf-8", "backslashreplace")]
    if completed.truncated:
        parts.append(f"[more was written; kept the first {OUTPUT_BYTES >> 10} KiB of each stream]")
    if completed.timed_out:
        parts.append(f"[killed: it was not done after {timeout_s:g} s]")
    parts.append(f"[exit status {completed.status}]")
    return "\n".join(part.removesuffix("\n") for part in parts if part)
