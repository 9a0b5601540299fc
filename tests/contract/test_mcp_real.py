"""Servers that people use, as PyPI and npm have them: each mounted, listed and called.

They are where LOGOS_TEST_SERVERS says (`scripts/servers.sh FOLDER` puts them there); what is not
there is skipped.
"""

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mcp_kernel import Booted, asked, outcome
from mounted import OLD_SERVER, called, opened

from logos.abi.approval import Answer
from logos.abi.driver import Mode
from logos.abi.errors import SysError
from logos.abi.events import Returned
from logos.abi.tools import Place
from logos.drivers.sandbox import LocalSandbox, open_sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SERVERS = Path(os.environ.get("LOGOS_TEST_SERVERS", "/nowhere"))


class Real(NamedTuple):
    """`least` tools it has; one call of it, and a part of what comes back ("!" before: of its
    error)."""

    program: str
    arguments: tuple[str, ...]
    least: int
    tool: str
    given: dict[str, Any]
    says: str
    env: tuple[tuple[str, str], ...] = ()


SAFE = (
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "safe.directory"),  # the repository is not the sandbox's own
    ("GIT_CONFIG_VALUE_0", "*"),
)
ATLASSIAN = {
    "JIRA_URL": "http://127.0.0.1:1",
    "JIRA_PERSONAL_TOKEN": "x",
    "CONFLUENCE_URL": "http://127.0.0.1:1",
    "CONFLUENCE_PERSONAL_TOKEN": "x",
}

REAL = {
    "git": Real(
        "mcp-server-git/bin/mcp-server-git",
        (),
        10,
        "git_log",
        {"repo_path": "{repo}"},
        "first",
        SAFE,
    ),
    "time": Real(
        "mcp-server-time/bin/mcp-server-time",
        ("--local-timezone", "UTC"),
        2,
        "convert_time",
        {"source_timezone": "UTC", "time": "12:00", "target_timezone": "UTC"},
        "12:00",
    ),
    "fetch": Real(
        "mcp-server-fetch/bin/mcp-server-fetch",
        ("--ignore-robots-txt",),
        1,
        "fetch",
        {"url": "http://127.0.0.1:1/"},
        "!127.0.0.1",
    ),
    "sqlite": Real(
        "mcp-server-sqlite/bin/mcp-server-sqlite",
        ("--db-path", "notes.db"),
        5,
        "read_query",
        {"query": "SELECT 6 * 7 AS answer"},
        "42",
    ),
    "filesystem": Real(
        "node/node_modules/.bin/mcp-server-filesystem",
        (".",),
        10,
        "write_file",
        {"path": "note.txt", "content": "kept"},
        "note.txt",
    ),
    "github": Real(
        "node/node_modules/.bin/mcp-server-github",
        (),
        20,
        "search_repositories",
        {"query": "x"},
        "!",
    ),
    "atlassian": Real(
        "mcp-atlassian/bin/mcp-atlassian",
        (),
        40,
        "jira_get_issue",
        {"issue_key": "AB-1"},
        "!",
        tuple(ATLASSIAN.items()),
    ),
}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[LocalSandbox]:
    box = open_sandbox(Mode.FULL, state=tmp_path / "state")
    yield box
    await box.aclose()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("name", REAL)
async def test_a_server_people_use(
    tmp_path: Path, sandbox: LocalSandbox, repo: Path, name: str
) -> None:
    real = REAL[name]
    program = SERVERS / real.program
    if not program.exists():
        pytest.skip(f"{real.program} is not installed")
    place = Place(
        command=(str(program), *real.arguments),
        env=dict(real.env),
        memory_mb=4096,
        readable=(str(SERVERS / "node"), str(repo)),
    )
    given = {k: v.format(repo=repo) if isinstance(v, str) else v for k, v in real.given.items()}
    async with opened(tmp_path, sandbox) as places:
        offers = await places.add(name, place)
        assert len(offers) >= real.least
        call: Callable[[], Any] = lambda: called(  # noqa: E731
            places, tmp_path, f"{name}/{real.tool}", **given
        )
        if real.says.startswith("!"):
            with pytest.raises(SysError) as failed:
                await call()
            assert real.says[1:] in str(failed.value)
        else:
            assert real.says in str(await call())


OLD = SERVERS / "mcp-server-sqlite/bin/python"
"""It brings the SDK of before, which has tasks and questions of the first eras."""


@pytest.mark.skipif(not OLD.exists(), reason="the SDK of before is not installed")
@pytest.mark.parametrize(
    "call",
    [
        ("book", "tea", "booked 3"),
        ("work", "quick", "worked on quick"),
        ("work", "asks", "accept {'many': 3}"),
    ],
)
async def test_questions_and_tasks_of_the_sdk_of_before(
    url: str, world: Any, tmp_path: Path, sandbox: LocalSandbox, call: tuple[str, str, str]
) -> None:
    tool, thing, says = call
    place = Place(command=(str(OLD), str(OLD_SERVER)), readable=(str(OLD_SERVER.parent),))
    booted = Booted(url, world, tmp_path, sandbox)
    async with booted.node({"old": place}) as kernel:
        pid = await booted.begun(kernel, f"old/{tool}", thing=thing)
        if thing != "quick":
            question = await asked(kernel, pid)
            assert f"How many of {thing}?" in question.question
            await kernel.approvals.decide(question.id, Answer.ALLOW, word="3")
        found = await outcome(kernel, pid)
    assert isinstance(found, Returned)
    assert says in bytes(found.value).decode()
