"""Agent programs that people use, as PyPI and npm have them, unchanged but for their base URL.

They are where LOGOS_TEST_CLIENTS says (`scripts/clients.sh FOLDER` puts them there); what is not there
is skipped.  They reach nothing but loopback: anything else goes to a proxy that is not there.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import anyio
import anyio.abc
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from gateway_rig import Rig, looks, rig
from tests.conftest import PATIENCE_S

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.abi.messages import Request, ToolResult
from logos.drivers.model import After, Fail, Say, Step

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CLIENTS = Path(os.environ.get("LOGOS_TEST_CLIENTS", "/nowhere"))
CLAUDE = CLIENTS / "claude/bin/python"
CODEX = CLIENTS / "codex/node_modules/.bin/codex"
LINE = 1 << 20

QUIET = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
}
CONFIG = """\
model = "m"
openai_base_url = "{base}/v1"
check_for_update_on_startup = false
[analytics]
enabled = false
"""


class Player:
    """A model: answers by what was said last."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.flaky = 0

    def __call__(self, request: Request) -> Step:
        said = next(m.text for m in reversed(request.messages) if "SAY" in m.text)
        results = [part for part in request.messages[-1].content if isinstance(part, ToolResult)]
        if results and "can be called now" not in results[-1].content:
            return Say(f"It says {results[-1].content}.")
        if "WEATHER" in said or "SHELL" in said:
            return _call(said, {tool.name for tool in request.tools})
        if "FAIL" in said:
            return Fail(SysError(Code.INVALID, "not like this"))
        if "FLAKY" in said and self.flaky:
            self.flaky -= 1
            return Fail(SysError(Code.UNAVAILABLE, "away"))
        if "NEVER" in said:
            self.asked.set()
            return After(anyio.sleep_forever, Say("too late"))
        return Say(f"You said {said.partition('SAY ')[2].strip()}")


def _call(said: str, names: set[str]) -> Say:
    """In Claude Code a server's tools are found by another tool first."""
    if "WEATHER" in said:
        if "mcp__town__weather" in names:
            return looks(("mcp__town__weather", {"city": "Rome"}), text="Let me see.")
        return looks(("ToolSearch", {"query": "select:mcp__town__weather"}))
    count = "echo $((6 * 7))"
    if "exec_command" in names:
        return looks(("exec_command", {"cmd": count}), text="Let me see.")
    return looks(("Bash", {"command": count, "description": "count"}), text="Let me see.")


class Answer(NamedTuple):
    text: str
    failed: bool = False
    called: tuple[str, ...] = ()


class Program(Protocol):
    tools: tuple[str, ...]
    """What it has, in the player's words."""

    async def ask(self, text: str) -> Answer: ...

    async def leave(self, text: str, asked: anyio.Event) -> None:
        """Ask, and stop it as its user would while it waits for the answer."""
        ...


class Claude:
    """The Claude Agent SDK with Claude Code below it."""

    tools = ("WEATHER", "SHELL")

    def __init__(self, process: anyio.abc.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._said = process.stdin
        self._lines = BufferedByteReceiveStream(process.stdout)

    @classmethod
    @asynccontextmanager
    async def opened(cls, base: str, home: Path) -> AsyncGenerator["Claude"]:
        environ = QUIET | {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "any"}
        program = Path(__file__).parent / "claude_program.py"
        words = [str(CLAUDE), str(program)]
        async with running(words, home, environ, subprocess.PIPE) as process:
            yield cls(process)

    async def _tell(self, **said: Any) -> None:
        await self._said.send(json.dumps(said).encode() + b"\n")

    async def _told(self) -> Answer:
        found = json.loads(await self._lines.receive_until(b"\n", LINE))
        return Answer(str(found["answer"]), found["failed"], tuple(found["called"]))

    async def ask(self, text: str) -> Answer:
        await self._tell(say=text)
        return await self._told()

    async def leave(self, text: str, asked: anyio.Event) -> None:
        await self._tell(say=text)
        await asked.wait()
        await self._tell(interrupt=True)
        await self._told()


class Codex:
    """Codex CLI; each turn is a run of it, which goes on with the thread of the one before."""

    tools = ("SHELL",)

    def __init__(self, home: Path) -> None:
        self._home = home
        self._thread = ""

    @classmethod
    @asynccontextmanager
    async def opened(cls, base: str, home: Path) -> AsyncGenerator["Codex"]:
        (home / ".codex").mkdir()
        (home / ".codex/config.toml").write_text(CONFIG.format(base=base))
        yield cls(home)

    @asynccontextmanager
    async def _run(self, text: str) -> AsyncGenerator[anyio.abc.Process]:
        words = [str(CODEX), "exec", "-s", "danger-full-access"]
        words += ["resume", self._thread] if self._thread else []
        words += ["--json", "--skip-git-repo-check", text]
        environ = QUIET | {"OPENAI_API_KEY": "any", "CODEX_API_KEY": "any"}
        async with running(words, self._home, environ) as process:
            yield process

    async def ask(self, text: str) -> Answer:
        said, called, failed = "", [], False
        async with self._run(text) as process:
            async for event in events(process):
                item = event.get("item", {})
                match event["type"], item.get("type"):
                    case "thread.started", _:
                        self._thread = event["thread_id"]
                    case "item.completed", "agent_message":
                        said = item["text"]
                    case "item.completed", "command_execution":
                        called.append("exec_command")
                    case "turn.failed", _:
                        said, failed = event["error"]["message"], True
                    case _:
                        pass
            await process.wait()
        return Answer(said, failed, tuple(called))

    async def leave(self, text: str, asked: anyio.Event) -> None:
        async with self._run(text) as process:
            await asked.wait()
            process.send_signal(signal.SIGINT)
            await process.wait()


async def events(process: anyio.abc.Process) -> AsyncIterator[Any]:
    assert process.stdout is not None
    lines = BufferedByteReceiveStream(process.stdout)
    while True:
        try:
            line = await lines.receive_until(b"\n", LINE)
        except (anyio.IncompleteRead, anyio.EndOfStream):
            return
        if line.startswith(b"{"):
            yield json.loads(line)


@asynccontextmanager
async def running(
    words: list[str], home: Path, environ: dict[str, str], stdin: int = subprocess.DEVNULL
) -> AsyncGenerator[anyio.abc.Process]:
    given = {"PATH": os.environ["PATH"], "HOME": str(home)} | environ
    process = await anyio.open_process(
        words, env=given, cwd=home, stdin=stdin, stderr=sys.stderr, start_new_session=True
    )
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
            await process.aclose()


PROGRAMS: dict[str, tuple[Path, Any]] = {
    "claude-agent-sdk": (CLAUDE, Claude.opened),
    "codex": (CODEX, Codex.opened),
}

Opened = tuple[Program, Rig, Player]


@pytest.fixture(params=sorted(PROGRAMS))
async def opened(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    needed, opening = PROGRAMS[request.param]
    if not needed.exists():
        pytest.skip(f"{request.param} is not installed")
    home = tmp_path / "theirs"
    home.mkdir()
    player = Player()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(rig(url, tmp_path / "ours", player))
        yield await stack.enter_async_context(opening(one.base, home)), one, player


async def test_a_conversation_with_tools(opened: Opened) -> None:
    program, one, _ = opened
    with anyio.fail_after(PATIENCE_S):
        assert (await program.ask("SAY hello")).text == "You said hello"
        for tool in program.tools:
            answer = await program.ask(f"SAY {tool}")
            assert ("sunny in Rome" if tool == "WEATHER" else "42") in answer.text
            assert answer.called
        assert (await program.ask("SAY thanks")).text == "You said thanks"
    (pid,) = await one.conversations()
    kinds = await one.kinds(pid)
    assert kinds.count("spawned") == 1
    assert kinds.count("thought") >= 2 + 2 * len(program.tools)
    assert not (await one.machine.kernel.records.audit()).broken


async def test_a_stream_that_is_left(opened: Opened) -> None:
    program, one, player = opened
    with anyio.fail_after(PATIENCE_S):
        await program.leave("SAY NEVER", player.asked)
        await interrupted(one, (await one.conversations())[-1])


async def interrupted(one: Rig, pid: Pid) -> None:
    async for told in one.machine.kernel.records.follow(pid):
        if told.row.kind == "interrupted":
            return


async def test_an_error(opened: Opened) -> None:
    program, one, _ = opened
    with anyio.fail_after(PATIENCE_S):
        answer = await program.ask("SAY FAIL")
    assert answer.failed
    assert "not like this" in answer.text
    for pid in await one.conversations():
        assert "exited" not in await one.kinds(pid)


async def test_a_retry_of_its_own(opened: Opened) -> None:
    program, one, player = opened
    player.flaky = 1
    with anyio.fail_after(PATIENCE_S):
        assert (await program.ask("SAY FLAKY")).text == "You said FLAKY"
    (pid,) = await one.conversations()
    kinds = await one.kinds(pid)
    assert kinds.count("interrupted") == 1
    assert kinds.count("thought") == 1
