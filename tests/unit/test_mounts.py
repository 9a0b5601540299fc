"""The tree of a process: which mount a path leads to, and fs.* on it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from logos.abi.calls import Append, Call, List, Read, Run, Search, Write
from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId, Pid
from logos.abi.mount import Document, Entry
from logos.kernel.mounts import Mounts

pytestmark = pytest.mark.anyio


class Shelf:
    """Texts by path below `place`."""

    def __init__(self, place: str, **texts: str) -> None:
        self.texts = {f"{place}/{name}": text for name, text in texts.items()}

    async def list(self, job: Job, path: str) -> Sequence[Entry]:
        return [
            Entry(name=name.rpartition("/")[2], size=len(text), note="a note")
            for name, text in self.texts.items()
        ]

    async def read(self, job: Job, path: str) -> str:
        if path not in self.texts:
            raise SysError(Code.NOT_FOUND, f"no {path}")
        return self.texts[path]

    async def write(self, job: Job, path: str, text: str) -> None:
        self.texts[path] = text

    async def documents(self, job: Job, path: str) -> Sequence[Document]:
        return [Document(*item) for item in self.texts.items() if item[0].startswith(path)]


def mounts() -> Mounts:
    skills, memory = Shelf("/skills", a="one\ntwo", b="two"), Shelf("/mem", x="m")
    return Mounts({"/skills": skills, "/mem": memory}, {})


async def run(call: Call[str], tree: Mounts | None = None) -> str:
    tool = (tree or mounts()).tool(call)
    assert tool is not None
    done: str = await tool.run(Job(id=CallId("c"), pid=Pid(2), call=call, workspace=Path("/")))
    return done


async def refused(call: Call[str]) -> SysError:
    with pytest.raises(SysError) as caught:
        await run(call)
    return caught.value


@pytest.mark.parametrize("path", ["a", "/home", "/home/a", "/home/../home/a", "/mem/../home/a"])
async def test_files_of_the_workspace_are_its_drivers(path: str) -> None:
    assert mounts().tool(Read(path=path)) is None
    assert mounts().tool(Run(argv=("ls",))) is None


@pytest.mark.parametrize("path", ["/mem/x", "/home/../mem/x", "//mem/x", "/mem/./x/", "../mem/x"])
async def test_a_path_is_the_one_its_capability_was_checked_for(path: str) -> None:
    assert await run(Read(path=path)) == "1\tm\n[no newline at the end]"


async def test_the_root_lists_what_is_mounted() -> None:
    assert await run(List(path="/")) == "home/\nmem/\nskills/"
    assert (await refused(Read(path="/"))).code is Code.INVALID


async def test_what_is_not_mounted_is_not_found_with_what_is() -> None:
    for path in ("/etc/passwd", "/mem2/x", "/me"):
        error = await refused(Read(path=path))
        assert (error.code, error.hint) == (Code.NOT_FOUND, "there are /home, /mem, /skills")


async def test_the_longest_name_wins() -> None:
    tree = Mounts({"/mem": Shelf("/mem", x="m"), "/mem/team": Shelf("/mem/team", x="t")}, {})
    assert "t" in await run(Read(path="/mem/team/x"), tree)
    assert "m" in await run(Read(path="/mem/x"), tree)
    assert tree.names == ["mem"]


async def test_list_read_write() -> None:
    tree = mounts()
    assert await run(List(path="/skills"), tree) == "a\t7\ta note\nb\t3\ta note"
    assert await run(Read(path="/skills/a", first=2), tree) == "2\ttwo\n[no newline at the end]"
    assert await run(Write(path="/skills/c", text="ä"), tree) == "wrote 2 bytes to /skills/c"
    assert await run(Read(path="/skills/c"), tree) == "1\tä\n[no newline at the end]"
    assert (await refused(Append(path="/skills/a", text="x"))).code is Code.DENIED


async def test_search() -> None:
    assert await run(Search(pattern="tw.", path="/skills")) == "/skills/a:2: two\n/skills/b:1: two"
    only = Search(pattern="two", path="/skills", files="b*")
    assert await run(only) == "/skills/b:1: two"
    assert await run(Search(pattern="two", path="/skills", limit=1)) == (
        "/skills/a:2: two\n[1 more matches; go on with offset=1]"
    )
    assert await run(Search(pattern="no", path="/skills")) == "[no match in 2 files]"
    assert (await refused(Search(pattern="(", path="/skills"))).code is Code.INVALID


@pytest.mark.slow
async def test_a_pattern_that_never_ends_is_ended() -> None:
    tree = Mounts({"/mem": Shelf("/mem", x="a" * 60 + "b")}, {})
    tool = tree.tool(call := Search(pattern="(a+)+$", path="/mem"))
    assert tool is not None
    job = Job(id=CallId("c"), pid=Pid(2), call=call, workspace=Path("/"), deadline_s=1)
    with pytest.raises(SysError) as caught:
        await tool.run(job)
    assert caught.value.code is Code.TIMEOUT
