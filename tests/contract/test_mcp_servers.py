"""MCP servers: both eras, lazily started, shared, stopped, started anew; what they say is pinned."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
import pytest
from mounted import called, job, opened, raw, sdk
from tests.conftest import PATIENCE_S

from logos.abi.driver import Command, Mode, Reply, Wanted
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.drivers.mcp import Server, Times, over_stdio
from logos.drivers.sandbox import LocalSandbox, open_sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[LocalSandbox]:
    """Confines nothing, but is one."""
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    yield box
    await box.aclose()


@pytest.mark.slow
async def test_a_server_by_the_official_sdk(tmp_path: Path, sandbox: LocalSandbox) -> None:
    async with opened(tmp_path, sandbox, {"probe": sdk()}) as places:
        assert (await places.shown())[0].state == "ready"
        assert await called(places, tmp_path, "probe/echo", text="hé") == "hé"
        assert await called(places, tmp_path, "probe/add", a=1, b=2) == {"sum": 3}
        assert len(await called(places, tmp_path, "probe/large", kib=5000)) == 5000 << 10
        with pytest.raises(SysError, match="Error executing tool fail") as failed:
            await called(places, tmp_path, "probe/fail")
        assert failed.value.code is Code.TOOL
        assert (await places.shown())[0].state == "running"
        (offer,) = [o for o in places.tools.places["probe"].known() if o.name == "add"]
        assert set(msgspec.json.decode(offer.schema)["required"]) == {"a", "b"}


@pytest.mark.slow
async def test_callers_share_a_server_and_its_dead_are_replaced(
    tmp_path: Path, sandbox: LocalSandbox
) -> None:
    async with opened(tmp_path, sandbox, {"probe": sdk()}) as places:
        first = await called(places, tmp_path, "probe/pid")
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(lambda: called(places, tmp_path, "probe/slow", seconds=0.05))
        with pytest.raises(SysError) as died:
            await called(places, tmp_path, "probe/die")
        assert died.value.code is Code.UNAVAILABLE
        assert "look whether" in died.value.hint
        second = await called(places, tmp_path, "probe/pid")
        assert second != first


@pytest.mark.slow
async def test_nothing_a_server_started_outlives_it(tmp_path: Path) -> None:
    full = open_sandbox(Mode.FULL, state=tmp_path / "state")
    async with opened(tmp_path, full, {"probe": sdk()}) as places:
        assert await called(places, tmp_path, "probe/breed") > 0
        before = _sleepers()
        assert before
    assert not _sleepers() & before


def _sleepers() -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"600"]:
            found.add(int(folder.name))
    return found


async def test_the_first_era_and_a_server_that_chats(tmp_path: Path, sandbox: LocalSandbox) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw("chatty"), "plain": raw()}) as places:
        assert await called(places, tmp_path, "raw/echo", text="a") == "a"
        assert await called(places, tmp_path, "plain/echo", text="b") == "b"
        shown = await called(places, tmp_path, "plain/hidden")
        assert shown == "[image: image/png, 300 bytes]\nand text"


async def test_wrong_arguments_are_refused_before_the_server_hears_of_them(
    tmp_path: Path, sandbox: LocalSandbox
) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw()}) as places:
        await called(places, tmp_path, "raw/echo", text="a")
        for arguments, said in (({}, "needs text"), ({"text": "a", "loud": 1}, "not take loud")):
            with pytest.raises(SysError, match=said) as wrong:
                await called(places, tmp_path, "raw/echo", **arguments)
            assert wrong.value.code is Code.INVALID
            assert "takes text" in wrong.value.hint
        with pytest.raises(SysError) as absent:
            await called(places, tmp_path, "raw/ecko", text="a")
        assert (absent.value.code, absent.value.hint) == (Code.NOT_FOUND, "did you mean echo?")
        with pytest.raises(SysError, match="nothing is mounted at /tools/rw"):
            await called(places, tmp_path, "rw/echo", text="a")


async def test_a_server_that_cannot_start_says_why_and_rests(
    tmp_path: Path, sandbox: LocalSandbox
) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw("fails"), "absent": raw("old")}) as places:
        with pytest.raises(SysError, match="no licence found") as failed:
            await called(places, tmp_path, "raw/echo", text="a")
        assert failed.value.code is Code.UNAVAILABLE
        for _ in range(4):
            with pytest.raises(SysError) as failed:
                await called(places, tmp_path, "raw/echo", text="a")
        assert failed.value.retry_after_s is not None
        with pytest.raises(SysError, match="speaks MCP '1999-01-01'"):
            await called(places, tmp_path, "absent/echo", text="a")


async def test_one_that_never_answers_is_given_up(tmp_path: Path, sandbox: LocalSandbox) -> None:
    place = raw("mute")
    command = Command(argv=place.command, workspace=tmp_path / "work")
    async with anyio.create_task_group() as tasks:
        server = Server("raw", over_stdio(sandbox, command), tasks, Times(start_s=0.2))
        with pytest.raises(SysError, match=r"does not answer in 0\.2 s") as failed:
            await server.offers()
        assert failed.value.code is Code.UNAVAILABLE
        assert not server.alive


@pytest.mark.parametrize("how", ["floods", "garbage"])
async def test_what_it_writes_beside_its_answers_hinders_nobody(
    tmp_path: Path, sandbox: LocalSandbox, how: str
) -> None:
    """Nine megabytes of log for each message, or bytes that are no text and no JSON."""
    async with opened(tmp_path, sandbox, {"raw": raw(how)}) as places:
        for text in "abc":
            assert await called(places, tmp_path, "raw/echo", text=text) == text


@pytest.mark.slow
async def test_an_answer_without_an_end_is_given_up(tmp_path: Path, sandbox: LocalSandbox) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw("endless")}) as places:
        with pytest.raises(SysError, match="sent more than 32 MiB at once"):
            await called(places, tmp_path, "raw/echo", text="a")


async def test_a_call_is_never_made_twice(tmp_path: Path, sandbox: LocalSandbox) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw("drop")}) as places:
        with pytest.raises(SysError, match="the server has ended"):
            await called(places, tmp_path, "raw/echo", text="a")
    assert (tmp_path / "mounts" / "raw" / "work" / "taken").read_text() == "x"


async def test_what_changed_since_it_was_accepted_is_blocked_until_a_person_looks(
    tmp_path: Path, sandbox: LocalSandbox
) -> None:
    work = tmp_path / "mounts" / "raw" / "work"
    async with opened(tmp_path, sandbox) as places:
        offers = await places.add("raw", raw(), by="somebody")
        assert [offer.name for offer in offers] == ["echo", "hidden"]
    (work / "drifted").touch()
    async with opened(tmp_path, sandbox) as places:  # kept by the home
        with pytest.raises(SysError, match="changed its description") as blocked:
            await called(places, tmp_path, "raw/echo", text="a")
        assert blocked.value.code is Code.UNCONFIRMED
        assert "logos mount --accept raw" in blocked.value.hint
        with pytest.raises(SysError, match="was not there when"):
            await called(places, tmp_path, "raw/extra")
        assert await called(places, tmp_path, "raw/hidden")  # the others go on
        (shown,) = await places.shown()
        assert set(shown.blocked) == {"echo", "extra"}
        listed = await places.tools.tree.list(job(tmp_path, "x"), "/tools/raw")
        assert [entry.name for entry in listed] == ["hidden"]
        assert set(await places.accept("raw")) == {"echo", "extra"}
        assert await called(places, tmp_path, "raw/echo", text="a") == "a"
    async with opened(tmp_path, sandbox) as places:
        assert await called(places, tmp_path, "raw/echo", text="a") == "a"
        await places.remove("raw")
        assert not (tmp_path / "mounts" / "raw").exists()
        with pytest.raises(SysError, match="nothing is mounted as raw"):
            await places.remove("raw")


async def test_unseen_characters_are_seen(tmp_path: Path, sandbox: LocalSandbox) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw()}) as places:
        await called(places, tmp_path, "raw/echo", text="a")
        text = await places.tools.tree.read(job(tmp_path, "x"), "/tools/raw/hidden")
        assert r"a\u{200b}b\u{202e}c\u{e0041}" in text


@pytest.mark.parametrize(("how", "said"), [("twice", "echo twice"), ("misnamed", "is not a name")])
async def test_a_name_that_misleads_is_refused(
    tmp_path: Path, sandbox: LocalSandbox, how: str, said: str
) -> None:
    async with opened(tmp_path, sandbox) as places:
        with pytest.raises(SysError, match=said):
            await places.add("raw", raw(how))
        assert not (tmp_path / "mounts" / "raw").exists()
        await places.add("raw", raw())
        with pytest.raises(SysError, match="/tools/raw is taken"):
            await places.add("raw", raw())


async def test_an_idle_server_is_stopped_and_comes_back(
    tmp_path: Path, sandbox: LocalSandbox
) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw(idle_s=0.1)}) as places:
        assert await called(places, tmp_path, "raw/echo", text="a") == "a"
        with anyio.fail_after(PATIENCE_S):
            while (await places.shown())[0].state == "running":  # noqa: ASYNC110 - as people look
                await anyio.sleep(0.02)
        assert await called(places, tmp_path, "raw/echo", text="b") == "b"


async def test_the_tree_shows_schemas_and_finds_by_words(
    tmp_path: Path, sandbox: LocalSandbox
) -> None:
    async with opened(tmp_path, sandbox, {"raw": raw()}) as places:
        tree, asked = places.tools.tree, job(tmp_path, "x")
        (folder,) = await tree.list(asked, "/tools")
        assert (folder.name, folder.kind, folder.note) == ("raw", "folder", "not looked into yet")
        assert [e.name for e in await tree.list(asked, "/tools/raw")] == ["echo", "hidden"]
        shown = await tree.read(asked, "/tools/raw/echo")
        assert '"tool": "raw/echo"' in shown
        assert '"required"' in shown
        assert (await tree.find(asked, "/tools", "repeat text again", 5)).startswith(
            "/tools/raw/echo"
        )
        (document,) = await tree.documents(asked, "/tools/raw/echo")
        assert document.path == "/tools/raw/echo"
        with pytest.raises(SysError, match="nothing is mounted at /tools/other"):
            await tree.read(asked, "/tools/other/x")
        with pytest.raises(SysError, match="there is no /tools/raw/no"):
            await tree.read(asked, "/tools/raw/no")


@pytest.mark.slow
async def test_a_stdio_server_has_no_network_unless_granted(tmp_path: Path) -> None:
    full = open_sandbox(Mode.FULL, state=tmp_path / "state")
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    settings = {"shut": sdk(), "open": sdk(network=True)}
    async with opened(tmp_path, full, settings) as places:
        with pytest.raises(SysError, match="Error executing"):
            await called(places, tmp_path, "shut/connect", host="127.0.0.1", port=port)
        assert await called(places, tmp_path, "open/connect", host="127.0.0.1", port=port)
    await listener.aclose()
    await full.aclose()


@pytest.mark.slow
async def test_a_server_asks_a_person(tmp_path: Path, sandbox: LocalSandbox) -> None:
    """Of the era without a connection: the call is made again with the answer."""
    async with opened(tmp_path, sandbox, {"probe": sdk()}) as places:
        asking = job(tmp_path / "process", "probe/order", {"thing": "tea"})
        with pytest.raises(Wanted) as caught:
            await places.tools.run(asking)
        assert caught.value.question == "How many of tea?"
        assert b"many" in bytes(caught.value.form)
        for word in ('{"many": 3}', "3"):
            reply = Reply(word=word, state=caught.value.state)
            answer = await places.tools.run(msgspec.structs.replace(asking, reply=reply))
            assert b"accept: {'many': 3} of tea (kept)" in bytes(answer)


async def test_a_mount_says_what_it_would_not_heed(tmp_path: Path, sandbox: LocalSandbox) -> None:
    """Who writes `--host` of a server believes that it reaches no other."""
    async with opened(tmp_path, sandbox) as places:
        for place, odd in (
            (raw(hosts=("a.example",)), "hosts"),
            (raw(headers={"a": "b"}), "headers"),
            (Place(url="http://127.0.0.1:9/mcp", env={"A": "b"}, network=True), "env, network"),
            (Place(openapi="api.json", own=True), "own"),
            (Place(program=("ls",), idle_s=5), "idle_s"),
        ):
            with pytest.raises(SysError, match=f"does not heed {odd}") as caught:
                await places.add("odd", place)
            assert caught.value.code is Code.INVALID
