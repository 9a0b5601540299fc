"""What a command sees and leaves, and what happens when things go wrong around it."""

# ruff: noqa: ASYNC240, PTH208

import os
import select
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from tests.conftest import PATIENCE_S

from logos.abi.calls import Write
from logos.abi.driver import Command, Completed, Job, Mode, Network
from logos.abi.ids import CallId, Pid
from logos.drivers.sandbox import LocalSandbox
from logos.drivers.sandbox import machine as machines
from logos.drivers.workspace import Workspace

MODES = pytest.mark.parametrize("mode", [Mode.FULL, Mode.NO_NAMESPACES])
Open = Callable[..., LocalSandbox]

pytestmark = pytest.mark.anyio


def shell(script: str, workspace: Path, **more: object) -> Command:
    return Command(argv=("sh", "-c", script), workspace=workspace, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_command_runs(mode: Mode, workspace: Path, open_box: Open) -> None:
    box = open_box(mode)
    done = await box.run(
        shell(
            "cat; pwd; echo $NAME; echo no >&2; exit 7", workspace, stdin=b"in\n", env={"NAME": "n"}
        )
    )
    place = "/workspace" if mode is Mode.FULL else str(workspace)
    assert done == Completed(
        status=7,
        stdout=f"in\n{place}\nn\n".encode(),
        stderr=b"no\n",
        seconds=done.seconds,
        mode=mode,
    )
    assert box.mode is mode


@MODES
async def test_much_input_and_output(mode: Mode, workspace: Path, open_box: Open) -> None:
    data = bytes(range(256)) * 4096
    done = await open_box(mode).run(
        Command(argv=("cat",), workspace=workspace, stdin=data, output_bytes=len(data))
    )
    assert done.stdout == data
    assert not done.truncated


@MODES
async def test_output_over_the_bound_is_cut(mode: Mode, workspace: Path, open_box: Open) -> None:
    done = await open_box(mode).run(
        shell("head -c 5000 /dev/zero; head -c 5000 /dev/zero >&2", workspace, output_bytes=4096)
    )
    assert (len(done.stdout), len(done.stderr), done.truncated) == (4096, 4096, True)
    assert done.status == 0


@MODES
async def test_a_program_that_is_not_there(mode: Mode, workspace: Path, open_box: Open) -> None:
    box = open_box(mode)
    done = await box.run(Command(argv=("no-such-program",), workspace=workspace))
    assert done.status == 127
    (workspace / "plain").write_text("no program")
    done = await box.run(Command(argv=("./plain",), workspace=workspace))
    assert done.status == 126


@MODES
async def test_a_signal_is_told_as_a_shell_tells_it(
    mode: Mode, workspace: Path, open_box: Open
) -> None:
    done = await open_box(mode).run(shell("kill -SEGV $$", workspace))
    assert done.status == 128 + 11


@MODES
async def test_a_program_made_in_the_workspace_may_run(
    mode: Mode, workspace: Path, open_box: Open
) -> None:
    script = "printf '#!/bin/sh\necho made' > it; chmod +x it; ./it"
    assert (await open_box(mode).run(shell(script, workspace))).stdout == b"made\n"


@MODES
async def test_files_stay_and_the_next_run_can_change_them(
    mode: Mode, workspace: Path, open_box: Open
) -> None:
    box = open_box(mode)
    (workspace / "ours").write_text("0")
    await box.run(shell("mkdir d; echo 1 > d/f; chmod 600 d/f; echo 1 > ours", workspace))
    put = Write(path="d/put", text="0")
    await Workspace().run(Job(id=CallId("2.1"), pid=Pid(2), call=put, workspace=workspace))
    another = open_box(mode)
    done = await another.run(shell("echo 2 >> d/f && echo 2 > ours && echo 2 >d/put", workspace))
    assert done.status == 0, done.stderr
    assert (workspace / "d" / "f").read_text() == "1\n2\n"


@MODES
async def test_a_workspace_whose_uid_is_taken_changes_hands(
    mode: Mode, workspace: Path, tmp_path: Path, open_box: Open
) -> None:
    await open_box(mode).run(shell("echo 1 > f; ln -s /etc/shadow link", workspace))
    first = workspace.stat().st_uid
    uids = machines.look(tmp_path).uids
    assert uids is not None
    fd = os.open(workspace, os.O_RDONLY)
    held = uids.lease(fd)
    os.close(fd)
    try:
        assert held.uid == first
        done = await open_box(mode).run(shell("echo 2 > f", workspace))
    finally:
        held.close()
    assert done.status == 0
    assert workspace.stat().st_uid != first
    assert (workspace / "link").lstat().st_uid == workspace.stat().st_uid
    assert Path("/etc/shadow").stat().st_uid == 0


@MODES
async def test_readable_folders_are_read_only(mode: Mode, workspace: Path, open_box: Open) -> None:
    shown = workspace.parent / "shown"
    shown.mkdir()
    (shown / "f").write_text("shown")
    shown.chmod(0o777)
    script = f"cat {shown}/f; echo x > {shown}/g"
    done = await open_box(mode).run(shell(script, workspace, readable=(shown,)))
    assert done.stdout == b"shown"
    assert done.status != 0
    assert os.listdir(shown) == ["f"]


@pytest.mark.slow
async def test_a_workspace_below_a_private_folder(tmp_path: Path, open_box: Open) -> None:
    """pytest's folders are 0700: the uid could not even walk to the workspace."""
    box = open_box(Mode.FULL)
    work, shown = tmp_path / "private" / "work", tmp_path / "shown"
    for folder in (work, shown):
        folder.mkdir(parents=True)
    work.parent.chmod(0o700)
    (shown / "f").write_text("shown")
    done = await box.run(shell(f"cat {shown}/f > f", work, readable=(shown,)))
    assert done.status == 0, done.stderr
    assert (work / "f").read_text() == "shown"


@MODES
async def test_the_network_is_there_only_when_asked_for(
    mode: Mode, workspace: Path, open_box: Open
) -> None:
    box = open_box(mode)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as server:
        port = server.extra(anyio.abc.SocketAttribute.local_port)

        async def greet(client: anyio.abc.SocketStream) -> None:
            async with client:
                await client.send(b"hello")

        code = f"import socket; print(socket.create_connection(('127.0.0.1', {port})).recv(9))"
        argv = ("/usr/bin/python3", "-I", "-c", code)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, greet)
            found = [
                (await box.run(Command(argv=argv, workspace=workspace, network=network))).stdout
                for network in Network
            ]
            tasks.cancel_scope.cancel()
    assert dict(zip(Network, found, strict=True)) == {
        Network.NONE: b"",
        Network.HOST: b"b'hello'\n",
    }


async def test_full_has_a_loopback_of_its_own(workspace: Path, open_box: Open) -> None:
    code = textwrap.dedent("""
        import socket
        s = socket.create_server(("127.0.0.1", 0))
        c = socket.create_connection(s.getsockname())
        s.accept()[0].send(b"x")
        print(c.recv(1))
    """)
    argv = ("/usr/bin/python3", "-I", "-c", code)
    done = await open_box(Mode.FULL).run(Command(argv=argv, workspace=workspace))
    assert done.stdout == b"b'x'\n"


@MODES
async def test_workspaces_have_uids_of_their_own(
    mode: Mode, workspace: Path, open_box: Open
) -> None:
    """Each waits at a FIFO until the other is there: they do run at once."""
    box = open_box(mode)
    folders = [workspace.parent / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        os.mkfifo(folder / "here")
        os.mkfifo(folder / "go")

    def meet() -> None:
        for folder in folders:
            (folder / "here").read_bytes()
        for folder in folders:
            (folder / "go").write_bytes(b"x")

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, meet)
            for folder in folders:
                tasks.start_soon(box.run, shell("echo > here; cat go", folder))
    assert len({folder.stat().st_uid for folder in folders}) == 3


@MODES
async def test_commands_of_one_workspace_take_turns(
    mode: Mode, workspace: Path, open_box: Open
) -> None:
    box = open_box(mode)
    script = "mkdir busy && sleep 0.05 && rmdir busy"
    found: list[int] = []

    async def once() -> None:
        found.append((await box.run(shell(script, workspace))).status)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(once)
    assert found == [0, 0, 0]


DAEMONS = "(setsid sh -c 'sleep 60 & echo > here; sleep 60' &) ; sleep 60"


@MODES
async def test_cancelling_leaves_nobody(
    mode: Mode, workspace: Path, open_box: Open, of_uid: Callable[[int], set[int]]
) -> None:
    box = open_box(mode)
    os.mkfifo(workspace / "here")
    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(box.run, shell(DAEMONS, workspace))
            await anyio.to_thread.run_sync((workspace / "here").read_bytes)
            uid = workspace.stat().st_uid
            assert len(of_uid(uid)) >= 3
            tasks.cancel_scope.cancel()
    assert of_uid(uid) == set()


@pytest.mark.slow
@MODES
def test_killing_the_driver_leaves_nobody(
    open_box: Open, mode: Mode, workspace: Path, tmp_path: Path, of_uid: Callable[[int], set[int]]
) -> None:
    open_box(mode)
    os.mkfifo(workspace / "here")
    script = textwrap.dedent(f"""
        import anyio
        from pathlib import Path
        from logos.abi.driver import Command, Mode
        from logos.drivers.sandbox import open_sandbox
        command = Command(argv=("sh", "-c", {DAEMONS!r}), workspace=Path({str(workspace)!r}))
        anyio.run(open_sandbox(Mode({mode.value!r}), state=Path({str(tmp_path)!r})).run, command)
    """)
    with subprocess.Popen([sys.executable, "-c", script]) as driver:
        (workspace / "here").read_bytes()
        fds = [os.pidfd_open(pid) for pid in of_uid(workspace.stat().st_uid)]
        driver.kill()
    assert len(fds) >= 3
    waiting = select.poll()
    for fd in fds:
        waiting.register(fd, select.POLLIN)
    left = len(fds)
    while left:
        ended = waiting.poll(10_000)
        assert ended, "somebody outlived the driver"
        for fd, _ in ended:
            waiting.unregister(fd)
            os.close(fd)
        left -= len(ended)
    assert of_uid(workspace.stat().st_uid) == set()
