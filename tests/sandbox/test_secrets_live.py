"""A planted secret, looked for where it could be seen while things run: in what streams, in errors over
HTTP, in the command lines and environments of processes, inside the sandbox and around it."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from tests.conftest import PATIENCE_S
from tests.sandbox.conftest import need

from logos.abi.agent import Agent
from logos.abi.driver import Command, Mode
from logos.abi.errors import Code, SysError
from logos.abi.ids import CallId
from logos.abi.messages import AnyDelta, Request, ToolCall, gather
from logos.abi.rights import EVERYTHING
from logos.boot import boot
from logos.config import Config, Endpoint, Loaded, Sandbox, Store
from logos.drivers.model import Say, Scripted
from logos.gateway import open_gateway
from logos.vault import Vault, forms

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET = 'sk-planted-4711/+="quoted'

ENVIRON = {"PLANTED_KEY": SECRET, "PATH": "/usr/bin:/bin"}

LOOK = textwrap.dedent("""
    import glob, os, signal
    print(sorted(os.environ.items()))
    for name in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
        try:
            print(name, open(name, "rb").read())
        except OSError as error:
            print(name, error)
    print("LOOKED", flush=True)
    signal.pause()  # while the others look at it
""")


def pieces(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[at : at + size] for at in range(0, len(text), size))


def said(request: Request) -> Say:
    """It repeats the secret in each form, a few characters at a time."""
    last = request.messages[-1].text
    if "fail" in last:
        raise SysError(Code.INVALID, f"401: the key {SECRET} is wrong", hint=f"not {SECRET}")
    forms_ = [form.decode("utf-8", "replace") for form in sorted(forms(SECRET))]
    text = "; ".join(["here it is", *forms_, SECRET])
    arguments = json.dumps({"path": f"/home/{SECRET}"})
    calls = (ToolCall(id=CallId("x"), name="fs_read", arguments=arguments),)
    return Say(text, calls if "call" in last else (), pieces=pieces(text, 5))


def clean(data: bytes) -> bool:
    return not any(form in data for form in forms(SECRET))


@pytest.fixture
def loaded(url: str, tmp_path: Path) -> Loaded:
    config = Config(
        home=str(tmp_path / "home"),
        model="m",
        store=Store(url=url),
        sandbox=Sandbox(mode=Mode.NONE),
        models={"m": Endpoint(key="env:PLANTED_KEY")},
    )
    return Loaded(config, {})


async def test_no_stream_and_no_error_has_it(loaded: Loaded) -> None:
    heard: list[AnyDelta] = []
    vault = Vault(ENVIRON)
    async with (
        boot(loaded, models={"m": Scripted(said)}, vault=vault) as machine,
        open_gateway(machine, loaded.config.gateway, Path(loaded.config.home)) as gateway,
    ):
        kernel = machine.kernel
        agent = Agent(name="a", model="m", tools=("fs.read",), allow=tuple(EVERYTHING))
        pid = await kernel.spawn(agent, "call", by="me")
        stop = kernel.listen(pid, lambda _, delta: heard.append(delta))
        with anyio.fail_after(PATIENCE_S):
            async for told in kernel.records.follow(pid):
                if told.row.kind in ("failed", "exited"):
                    break
        stop()
        found = [
            await asked(gateway.url, path, "say it") for path in ("chat", "responses", "messages")
        ]
        errors = [await asked(gateway.url, path, "fail") for path in ("chat", "messages")]
    message, _ = gather(heard)
    assert clean(json.dumps(str(message)).encode())
    assert clean(str(message).encode())
    assert len(heard) > len(SECRET) // 5
    for body in (*found, *errors):
        assert clean(body), body[:2000]
    for body in found:
        assert clean(spelt(body).encode())
        assert "here it is" in spelt(body)
        assert "[secret PLANTED_KEY]" in spelt(body)
    assert all(b"is wrong" in body for body in errors)


async def asked(url: str, path: str, text: str) -> bytes:
    """What a client is sent, streamed."""
    message = [{"role": "user", "content": text}]
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "chat": ("/v1/chat/completions", {"messages": message}),
        "responses": ("/v1/responses", {"input": text}),
        "messages": ("/v1/messages", {"messages": message, "max_tokens": 500}),
    }
    where, body = bodies[path]
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        answer = await client.post(url + where, json=body | {"model": "m", "stream": True})
        return answer.content


def spelt(body: bytes) -> str:
    """The text that the events of a stream spell."""
    return "".join(_texts(body.decode()))


def _texts(body: str) -> Iterator[str]:
    for line in body.splitlines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line.removeprefix("data: "))
        for choice in event.get("choices", ()):
            yield choice["delta"].get("content") or ""
        delta = event.get("delta")
        if event.get("type") == "response.output_text.delta":
            yield delta
        elif isinstance(delta, dict):
            yield delta.get("text") or ""


async def test_no_process_of_a_sandbox_has_it(
    workspace: Path, open_box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither as it sees itself, nor as the machine's `ps` shows it, in a cold start and a warm one."""
    need(Mode.FULL)
    monkeypatch.setenv("PLANTED_KEY", SECRET)  # what a daemon has and hands to nobody
    for pool in (0, 1):
        box = open_box(Mode.FULL, pool=pool)
        for _ in range(pool + 1):
            around: list[bytes] = []
            argv = ("/usr/bin/python3", "-I", "-c", LOOK)
            command = Command(argv=argv, workspace=workspace, env={"GIVEN": "nothing"})
            async with box.host(command) as hosted:
                with anyio.fail_after(PATIENCE_S):
                    inside = await _until_looked(hosted)
                around = _of_processes(workspace)
            assert b"GIVEN" in inside
            assert clean(inside)
            assert b"PLANTED_KEY" not in inside
            assert around
            assert clean(b"\n".join(around))
            assert any(b"GIVEN" in one for one in around)
        await box.aclose()


async def _until_looked(hosted: Any) -> bytes:
    """What the program has seen; it still runs."""
    inside = b""
    while b"LOOKED" not in inside:
        stream, data = await hosted.hear()
        assert stream == 1, data
        inside += data
    return inside


def _of_processes(workspace: Path) -> list[bytes]:
    """The command lines and environments of all that runs as the workspace's uid."""
    uid = workspace.stat().st_uid
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == uid:
                found += [(process / name).read_bytes() for name in ("cmdline", "environ")]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
