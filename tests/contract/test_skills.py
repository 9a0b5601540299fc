"""Skills: what is copied, what is shown of it, and what a hostile one can do."""

import os
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.calls import Call, List, Read, Run, Search, Write
from logos.abi.driver import Job, Mode
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.abi.mount import Mount
from logos.abi.rights import parse
from logos.drivers.command import Commands
from logos.drivers.sandbox import open_sandbox
from logos.drivers.skills import Skills
from logos.drivers.skills.front import front
from logos.kernel.mounts import Mounts

pytestmark = pytest.mark.anyio

HEAD = (
    "---\nname: brand\ndescription: How our letters look. Use it for letters.\nlicense: MIT\n---\n"
)


def written(tmp_path: Path, head: str = HEAD, name: str = "brand") -> Path:
    folder = tmp_path / "from" / name
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text(head + "# Letters\nRun scripts/count.sh on the text.\n")
    script = folder / "scripts" / "count.sh"
    script.write_text('#!/bin/sh\nwc -w < "$1"\n')
    script.chmod(0o755)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("not a part of it")
    return folder


async def run(skills: Mount, call: Call[str]) -> str:
    tool = Mounts({"/skills": skills}, {}).tool(call)
    assert tool is not None
    done: str = await tool.run(Job(id=CallId("c"), pid=Pid(2), call=call, workspace=Path("/")))
    return done


async def refused(skills: Mount, call: Call[str]) -> Code:
    with pytest.raises(SysError) as caught:
        await run(skills, call)
    return caught.value.code


async def test_found_read_and_searched(tmp_path: Path) -> None:
    skills = Skills(tmp_path / "home")
    await skills.install(written(tmp_path))
    listed = await run(skills, List(path="/skills"))
    assert listed == "brand/\tHow our letters look. Use it for letters."
    assert [
        line.split("\t")[0] for line in (await run(skills, List(path="/skills/brand"))).split("\n")
    ] == [
        "SKILL.md",
        "scripts/",
    ]
    read = await run(skills, Read(path="/skills/brand/SKILL.md"))
    assert "Run scripts/count.sh" in read
    found = await run(skills, Search(pattern="wc -w", path="/skills"))
    assert found.startswith("/skills/brand/scripts/count.sh:2:")
    assert await refused(skills, Write(path="/skills/brand/SKILL.md", text="x")) is Code.DENIED
    assert await refused(skills, Read(path="/skills/brand")) is Code.INVALID
    assert await refused(skills, Read(path="/skills/brand/none")) is Code.NOT_FOUND
    assert await refused(skills, Read(path="/skills/brand/.git/config")) is Code.NOT_FOUND
    assert await refused(skills, Read(path="/skills/other/SKILL.md")) is Code.NOT_FOUND
    assert await refused(skills, List(path="/skills/brand/none")) is Code.NOT_FOUND


async def test_a_version_is_what_its_files_are(tmp_path: Path) -> None:
    source, skills = written(tmp_path), Skills(tmp_path / "home")
    first, changed = await skills.install(source, by="uid 7")
    assert changed
    assert await skills.install(source, by="uid 7") == (first, False)
    (source / "scripts" / "count.sh").write_text("#!/bin/sh\necho 0\n")
    assert "wc -w" in await run(skills, Read(path="/skills/brand/scripts/count.sh"))
    second, changed = await skills.install(source)
    assert changed
    assert second.version != first.version
    assert "echo 0" in await run(skills, Read(path="/skills/brand/scripts/count.sh"))
    assert (
        tmp_path / "home" / "brand" / first.version[:16] / "SKILL.md"
    ).exists()  # whoever runs the old one goes on
    again = Skills(tmp_path / "home")
    assert again.shown() == skills.shown() == [second]
    await again.remove("brand")
    assert not (tmp_path / "home" / "brand").exists()
    assert Skills(tmp_path / "home").shown() == []
    with pytest.raises(SysError):
        await again.remove("brand")


async def test_its_scripts_run_in_the_sandbox(tmp_path: Path) -> None:
    """At the path that SKILL.md is shown with; for whoever may read it, and nobody else."""
    skills = Skills(tmp_path / "home")
    await skills.install(written(tmp_path))
    read = await run(skills, Read(path="/skills/brand/SKILL.md"))
    match = re.search(r"commands find them in (\S+)\]", read)
    assert match is not None
    folder, workspace = match[1], tmp_path / "work"
    workspace.mkdir()
    (workspace / "letter.txt").write_text("one two three")
    sandbox = open_sandbox(Mode.FULL, state=tmp_path / "state")
    commands = Commands(sandbox, shared=skills.folders)
    call = Run(argv=(f"{folder}/scripts/count.sh", "letter.txt"))
    may = frozenset({parse("read:/skills/brand/**")})
    job = Job(id=CallId("c"), pid=Pid(2), call=call, workspace=workspace, caps=may)
    assert (await commands.run(job)).split() == ["3", "[exit", "status", "0]"]
    other = msgspec.structs.replace(job, caps=frozenset({parse("read:/skills/other/**")}))
    assert "exit status 0" not in await commands.run(other)
    await sandbox.aclose()


@pytest.mark.parametrize("what", ["link", "folder", "pipe", "second name"])
async def test_only_ordinary_files_are_copied(tmp_path: Path, what: str) -> None:
    source, secret = written(tmp_path), tmp_path / "secret"
    secret.write_text("the owner's")
    planted = source / "scripts" / "planted"
    match what:
        case "link":
            planted.symlink_to(secret)
        case "folder":
            planted.symlink_to(tmp_path)
        case "pipe":
            os.mkfifo(planted)
        case _:
            planted.hardlink_to(secret)
    skills = Skills(tmp_path / "home")
    with pytest.raises(SysError) as caught:
        await skills.install(source)
    assert caught.value.code is Code.INVALID
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize(
    "head",
    [
        "",
        "---\nname: brand\n",
        "---\n---\n",
        "---\n- a\n---\n",
        "---\nname: brand\n---\n",
        "---\nname: Brand\ndescription: d\n---\n",
        "---\nname: ../brand\ndescription: d\n---\n",
        "---\nname: other\ndescription: d\n---\n",
        "---\nname: [brand]\ndescription: d\n---\n",
        f"---\nname: brand\ndescription: {'d' * 1025}\n---\n",
        "---\nname: brand\ndescription: !!python/object/apply:os.system [ls]\n---\n",
        f"---\nname: brand\nmetadata: {'[' * 20_000}\n---\n",
    ],
)
def test_no_skill(head: str) -> None:
    with pytest.raises(SysError) as caught:
        front(head + "text", "brand")
    assert caught.value.code is Code.INVALID
    assert caught.value.hint


def test_hostile_front_matter_is_text() -> None:
    said = front(
        "---\nname: brand\ndescription: 'a\u200b\u202eb {{x}} $(id)'\n"
        "hooks: &a [*a]\nallowed-tools: Bash(*)\n---\n",
        "brand",
    )
    assert said.description == "a\\u{200b}\\u{202e}b {{x}} $(id)"


def test_a_description_with_a_colon() -> None:
    assert front("---\nname: brand\ndescription: letters: ours\n---\n", "brand").description == (
        "letters: ours"
    )


@given(st.text())
def test_any_text_is_a_skill_or_refused(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n", f"---\nname: a\ndescription: {text}\n---\n"):
        try:
            assert front(whole, "a").name == "a"
        except SysError as error:
            assert error.code is Code.INVALID  # noqa: PT017
