"""The place of one program: its sub-commands as tools.

    Suite(name, sandbox, command, manifest)   a Provider; nothing is run before it is touched

What there is stands in a person's manifest, or the program says it itself: `PROGRAM --describe`, else
`PROGRAM --help`.  It is asked in a folder of its own; a call runs in the folder of its process, confined
like `command.run`, and each argument is one word of the line.

Invariant: no shell sees a word of a call.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import anyio
import msgspec

from logos.abi.driver import Command, Completed, Job, Network, Sandbox
from logos.abi.errors import Code, SysError
from logos.abi.tools import Offer
from logos.drivers.command.helped import MOST, commands, described, has_usage
from logos.drivers.command.shape import Sub, line, of_described, of_manifest, offer

ASKED_S = 10.0
"""For a program to say what it can do."""

AT_ONCE = 4
HELP_BYTES = 1 << 20
ANSWER_BYTES = 8 << 20
SHORT = 300
SAID = 4000
"""Characters of what a program that failed has written."""

QUIET = {"PAGER": "cat", "MANPAGER": "cat", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}


class Suite:
    """`command` is the program with what it may read and reach; its workspace is where it is asked for help."""

    def __init__(
        self,
        name: str,
        sandbox: Sandbox,
        command: Command,
        manifest: str = "",
        timeout_s: float = 60.0,
    ) -> None:
        self._name = name
        self._sandbox = sandbox
        self._command = command
        self._timeout_s = timeout_s
        self._said: Mapping[str, Mapping[str, Any]] = {}
        self._subs: Mapping[str, Sub] = {}
        self._offers: tuple[Offer, ...] = ()
        self._asking = anyio.Lock()
        self._wrote = b""
        if manifest:
            subs, self._said = of_manifest(manifest)
            self._take(subs)

    alive = False

    def manifests(self) -> Mapping[str, Mapping[str, Any]]:
        return self._said

    def known(self) -> Sequence[Offer]:
        return self._offers

    async def offers(self) -> Sequence[Offer]:
        async with self._asking:  # guards what is found out: it is asked once
            if not self._offers:
                self._take(await self._found())
        return self._offers

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        await self.offers()
        if tool not in self._subs:
            raise SysError(Code.NOT_FOUND, f"{self._name} has no tool {tool!r}")
        sub = self._subs[tool]
        words = line(tool, sub, msgspec.json.decode(arguments or b"{}", type=dict[str, Any]))
        within = min(self._timeout_s, job.deadline_s)
        command = msgspec.structs.replace(
            self._command,
            argv=(*self._command.argv, *words),
            workspace=job.workspace,
            timeout_s=within,
            output_bytes=ANSWER_BYTES,
        )
        done = await self._sandbox.run(command)
        if done.timed_out:
            raise SysError(
                Code.TIMEOUT,
                f"{self._name}/{tool} was not done after {within:g} s and was killed",
                hint="look whether it happened all the same",
            )
        if done.status:
            raise SysError(Code.TOOL, _failed(f"{self._name}/{tool}", done))
        return _value(done, json=bool(sub.json))

    async def stop(self) -> None:
        return

    def _take(self, subs: Mapping[str, Sub]) -> None:
        if self._command.network is Network.HOST:
            subs = {name: _open(sub) for name, sub in subs.items()}
        self._subs = subs
        self._offers = tuple(offer(name, subs[name]) for name in sorted(subs))

    async def _found(self) -> Mapping[str, Sub]:
        if described_ := of_described((await self._asked("--describe")).stdout):
            return described_
        text = await self._help(())
        names = commands(text)
        if not names:
            name = PurePath(self._command.argv[0]).name.lower()
            return {_name(name): described(name, text)} if text else self._silent()
        found: dict[str, Sub] = {}
        room = anyio.CapacityLimiter(AT_ONCE)

        async def look(name: str, summary: str) -> None:
            async with room:
                text = await self._help((name,))
            found[_name(name)] = described(name, text, summary, (name,))

        async with anyio.create_task_group() as tasks:
            for name, summary in list(names.items())[:MOST]:
                tasks.start_soon(look, name, summary)
        return found

    async def _help(self, words: tuple[str, ...]) -> str:
        """A manual's page is second to a usage: git has both."""
        page = ""
        for asked in ("--help", "-h"):
            done = await self._asked(*words, asked)
            text = (done.stdout or done.stderr).decode("utf-8", "replace")
            if has_usage(text):
                return text
            page = page or (text if done.status == 0 else "")
        return page

    async def _asked(self, *words: str) -> Completed:
        command = msgspec.structs.replace(
            self._command,
            argv=(*self._command.argv, *words),
            env=QUIET,
            network=Network.NONE,
            timeout_s=ASKED_S,
            output_bytes=HELP_BYTES,
        )
        command.workspace.mkdir(parents=True, exist_ok=True)
        done = await self._sandbox.run(command)
        self._wrote = done.stderr or self._wrote
        return done

    def _silent(self) -> Mapping[str, Sub]:
        said = self._wrote.decode("utf-8", "backslashreplace").strip()[-SHORT:]
        raise SysError(
            Code.UNAVAILABLE,
            f"{self._command.argv[0]} does not say what it can do{': ' if said else ''}{said}",
            hint="--readable FOLDER lets it read what it needs; or write a manifest: --manifest FILE",
        )


def _name(name: str) -> str:
    return name.replace(" ", "_")


def _open(sub: Sub) -> Sub:
    """Who has the network reaches out, whatever it says."""
    return msgspec.structs.replace(sub, hints=msgspec.structs.replace(sub.hints, open_world=True))


def _failed(name: str, done: Completed) -> str:
    said = (done.stderr or done.stdout).decode("utf-8", "backslashreplace").strip()
    return f"{name} ended with status {done.status}: {said[-SAID:]}"


def _value(done: Completed, *, json: bool) -> msgspec.Raw:
    """Its JSON where it answers so, else its text."""
    if json and not done.truncated:
        try:
            return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(done.stdout)))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            pass  # it says that it can and does not: its text, then
    text = done.stdout.decode("utf-8", "backslashreplace")
    if not text.strip():
        text = done.stderr.decode("utf-8", "backslashreplace")
    if done.truncated:
        text += f"\n[cut after {ANSWER_BYTES >> 20} MiB]"
    return msgspec.Raw(msgspec.json.encode(text))
