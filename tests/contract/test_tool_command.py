"""command.run: what the sandbox is asked, and how the outcome is told."""

import subprocess
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest

from logos.abi.calls import Run, Sleep
from logos.abi.driver import Attend, Command, Completed, Hosted, Job, Layer, Mode, Program
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.abi.rights import parse
from logos.drivers.command import Commands

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Plain:
    """A sandbox of mode `none`: enough to see what the driver asks and tells."""

    mode = Mode.NONE
    asked: Command | None = None

    def layers(self) -> tuple[Layer, ...]:
        return ()

    def host(self, command: Command) -> AbstractAsyncContextManager[Hosted]:
        raise NotImplementedError

    def open(self, command: Command) -> AbstractAsyncContextManager[Program]:
        raise NotImplementedError(command.argv)

    async def run(self, command: Command, attend: Attend | None = None) -> Completed:
        del attend
        self.asked = command
        timed_out = False
        stdout = stderr = b""
        status = 137
        try:
            with anyio.fail_after(command.timeout_s):
                done = await anyio.run_process(
                    list(command.argv),
                    input=command.stdin,
                    cwd=command.workspace,
                    env={"PATH": "/usr/bin:/bin"},
                    stderr=subprocess.PIPE,
                    check=False,
                )
            stdout, stderr, status = done.stdout, done.stderr, done.returncode
        except TimeoutError:
            timed_out = True
        return Completed(
            status=status,
            stdout=stdout[: command.output_bytes],
            stderr=stderr,
            seconds=0.0,
            timed_out=timed_out,
            truncated=len(stdout) > command.output_bytes,
            mode=Mode.NONE,
        )


async def run(workspace: Path, call: Run, deadline_s: float = 5.0) -> str:
    job = Job(id=CallId("1"), pid=Pid(1), call=call, workspace=workspace, deadline_s=deadline_s)
    return await Commands(Plain()).run(job)


async def test_output_then_errors_then_status(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert await run(tmp_path, Run(argv=("ls",))) == "f\n[exit status 0]"
    assert await run(tmp_path, Run(argv=("cat",), stdin="no end")) == "no end\n[exit status 0]"
    script = "echo out; printf err >&2; exit 3"
    assert await run(tmp_path, Run(argv=("sh", "-c", script))) == (
        "out\n[stderr]\nerr\n[exit status 3]"
    )
    assert await run(tmp_path, Run(argv=("true",))) == "[exit status 0]"
    assert (await run(tmp_path, Run(argv=("printf", r"\351\n")))).startswith("\\xe9\n")


async def test_what_was_cut_is_said(tmp_path: Path) -> None:
    shown = await run(tmp_path, Run(argv=("head", "-c", "70000", "/dev/zero")))
    assert shown.endswith(
        "[more was written; kept the first 64 KiB of each stream]\n[exit status 0]"
    )
    shown = await run(tmp_path, Run(argv=("sleep", "60")), deadline_s=0.05)
    assert shown == "[killed: it was not done after 0.05 s]\n[exit status 137]"


async def test_what_the_sandbox_is_asked(tmp_path: Path) -> None:
    sandbox = Plain()
    shared = {"/skills/a": Path("/opt"), "/skills/b": Path("/srv")}
    commands = Commands(sandbox, shared=lambda: shared, env={"LANG": "C"})
    call = Run(argv=("true",), timeout_s=900)
    for right, seen in (
        ("read:/skills/a/**", (Path("/opt"),)),
        ("read:/skills/*/**", (Path("/opt"), Path("/srv"))),
        ("read:/skills/a/SKILL.md", ()),
        ("run:/bin/*", ()),
    ):
        caps = frozenset({parse(right)})
        job = Job(id=CallId("1"), pid=Pid(1), call=call, workspace=tmp_path, caps=caps)
        await commands.run(job)
        assert sandbox.asked is not None
        assert (sandbox.asked.readable, sandbox.asked.env) == (seen, {"LANG": "C"})
        assert sandbox.asked.timeout_s == 60.0


async def test_nonsense_is_refused(tmp_path: Path) -> None:
    for call in (Run(argv=("a\0b",)), Run(argv=("",)), Sleep(seconds=1)):
        with pytest.raises(SysError) as caught:
            await run(tmp_path, call)  # type: ignore[arg-type]  # a Sleep is part of the test
        assert caught.value.code is Code.INVALID
