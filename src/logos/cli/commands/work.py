"""run, attach, send, kill, wait: start processes and deal with them."""

from pathlib import Path

import anyio
from msgspec.structs import replace

from logos.abi.agent import Agent, Limits
from logos.abi.calls import Exit
from logos.abi.errors import MEANING, Code, SysError
from logos.abi.events import Thought
from logos.abi.ids import Pid, Seq
from logos.abi.messages import AnyDelta, TextDelta
from logos.abi.process import Signal
from logos.cli.commands.execute import show_end
from logos.cli.commands.execute import watch as watch_program
from logos.cli.registry import Argument, Asked, Command
from logos.cli.shown import line, nano, told_data
from logos.kernel import Told

PID = Argument("pid", "number of the process", int)
FROM = Argument("--from", "start after this event", int, default=0, value="SEQ")
SAID = Argument(
    "--said",
    "skip this many characters of the next thought",
    int,
    default=0,
    least=0,
    value="CHARS",
)


async def run(asked: Asked) -> int:
    args, machine = asked.arguments, asked.node
    agent = _agent(asked, args.agent)
    task = args.task
    if task == "-":
        assert asked.read_input is not None
        task = (await asked.read_input()).decode("utf-8", "replace").strip()
    if not task:
        raise SysError(Code.INVALID, "there is no task", hint='logos run AGENT "what it is to do"')
    pid = await machine.kernel.spawn(
        agent,
        task,
        limits=Limits(
            tokens=args.tokens,
            cost=nano(args.cost),
            wall_s=args.wall,
            calls=args.calls,
        ),
        workspace=asked.workspace(args.workspace),
        by=asked.by,
    )
    if args.detach:
        asked.out.data({"pid": pid}, str(pid))
        return 0
    asked.out.note(asked.out.style(f"process {pid}", "dim"))
    return await watch(asked, pid, Seq(1))


def _agent(asked: Asked, name: str) -> Agent:
    """By name, or by the path of its file."""
    if name.endswith(".md"):
        path = asked.cwd / Path(name).expanduser()
        if not path.is_file():
            raise SysError(Code.NOT_FOUND, f"there is no file {path}", hint="see `logos agents`")
        agent = asked.node.agents(path.stem, path.parent)
    else:
        agent = asked.node.agents(name, asked.cwd)
    return replace(agent, model=asked.arguments.model or agent.model or asked.model)


async def attach(asked: Asked) -> int:
    pid = Pid(asked.arguments.pid)
    process = await asked.node.kernel.records.process(pid)  # says so when there is none
    if process.agent.program == "hosted":
        return await watch_program(asked, pid, Seq(getattr(asked.arguments, "from")))
    after, said = Seq(getattr(asked.arguments, "from")), asked.arguments.said
    return await watch(asked, pid, after, said)


class Screen:
    """Shows one process.  Text is shown as it is thought, and not again when it is journaled;
    what is thought before the events that led to it are shown, waits for them.  After each piece a
    next daemon would know how to go on: after which event, and what of the thought under way."""

    def __init__(self, asked: Asked, pid: Pid, *, said: int = 0) -> None:
        self._asked, self._out, self._pid = asked, asked.out, pid
        self._seen = Seq(0)
        self._early: dict[Seq, list[str]] = {}
        self._thought: Seq | None = None
        self._said = ""
        self._before = said  # of the thought under way, by another daemon

    def hear(self, began: Seq, delta: AnyDelta) -> None:
        if not isinstance(delta, TextDelta) or self._out.json:
            return
        if began == self._thought:
            with self._asked.together():
                self._say(delta.text)
                self._resume()
        else:
            self._early.setdefault(began, []).append(delta.text)

    def _say(self, text: str) -> None:
        self._said += text
        self._out.text(text)

    def _resume(self) -> None:
        said = self._before + len(self._said)
        more = ["--said", str(said)] if said else []
        words = ["attach", str(self._pid), "--from", str(self._seen), *more]
        self._asked.resume([*words, *self._asked.same])

    def show(self, told: Told) -> None:
        with self._asked.together():
            self._show(told)
            self._seen = told.row.seq
            self._resume()

    def _show(self, told: Told) -> None:
        row, event = told
        if row.kind == "asked":
            self._thought, self._before = row.seq, 0
            for text in self._early.pop(row.seq, ()):
                self._say(text)
        if self._said and row.kind in ("thought", "interrupted"):
            self._out.text("\n")
        if self._before and isinstance(event, Thought) and not self._out.json:
            self._out.text(event.message.text[self._before :] + "\n")
        elif not (isinstance(event, Thought) and self._said and self._said == event.message.text):
            self._out.item(told_data(told), line(event, self._out))
        if row.kind in ("thought", "interrupted"):
            self._thought, self._said, self._before = None, "", 0


async def watch(asked: Asked, pid: Pid, after: Seq, said: int = 0) -> int:
    """Show a process until it exits (its exit status) or the person leaves (0)."""
    kernel, out = asked.node.kernel, asked.out
    screen = Screen(asked, pid, said=said)
    stop = kernel.listen(pid, screen.hear)
    ended: Exit | None = None
    try:
        async with anyio.create_task_group() as tasks:

            async def leave() -> None:
                await asked.interrupted.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(leave)
            async for told in kernel.records.follow(pid, after):
                screen.show(told)
            ended = await kernel.records.wait(pid)
            tasks.cancel_scope.cancel()
    finally:
        stop()
    if ended is None:
        out.note(f"\ndetached: process {pid} goes on.  Come back: logos attach {pid}")
        return 0
    return show_end(out, ended)


async def send(asked: Asked) -> int:
    pid = Pid(asked.arguments.pid)
    await asked.node.kernel.send(pid, asked.arguments.text)
    asked.out.data({"pid": pid}, f"sent to process {pid}")
    return 0


async def kill(asked: Asked) -> int:
    signal = Signal(asked.arguments.signal)
    pids = [Pid(pid) for pid in asked.arguments.pid]
    for pid in pids:
        await asked.node.kernel.signal(pid, signal, reason=f"by {asked.by}")
    asked.out.data({"pids": pids, "signal": signal}, f"{signal} sent to {_list(pids)}")
    return 0


async def wait(asked: Asked) -> int:
    pids = [Pid(pid) for pid in asked.arguments.pid]
    for pid in pids:
        await asked.node.kernel.records.process(pid)  # says so when there is none
    asked.resume(["wait", *map(str, pids), *asked.same])
    ended = []
    for pid in pids:
        exit_ = await _unless_interrupted(asked, pid)
        if exit_ is None:
            asked.out.note(f"not waiting any more: process {pid} goes on")
            return MEANING[Code.CANCELLED].exit_status
        ended.append(exit_)
    text = "\n".join(f"process {e.pid} exited with {e.status}: {e.answer}" for e in ended)
    data = [{"pid": e.pid, "status": e.status, "answer": e.answer} for e in ended]
    asked.out.data(data, text)
    return next((e.status for e in ended if e.status), 0)


async def _unless_interrupted(asked: Asked, pid: Pid) -> Exit | None:
    found: Exit | None = None
    async with anyio.create_task_group() as tasks:

        async def leave() -> None:
            await asked.interrupted.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(leave)
        found = await asked.node.kernel.records.wait(pid)
        tasks.cancel_scope.cancel()
    return found


def _list(pids: list[Pid]) -> str:
    return ", ".join(map(str, pids))


RUN = Command(
    "run",
    "start an agent on a task and watch it work; Ctrl-C leaves it running",
    run,
    (
        Argument("agent", "name of an agent, or the path of its file"),
        Argument("task", "what it should do; - reads standard input"),
        Argument("--detach", "print the pid and leave", bool, short="-d"),
        Argument(
            "--workspace",
            "folder it works in (default: one of its own)",
            short="-w",
            value="FOLDER",
        ),
        Argument("--model", "model to use instead of the agent's", default="", value="NAME"),
        Argument("--tokens", "limit, input and output together", int),
        Argument("--cost", "limit in dollars", float, value="DOLLARS"),
        Argument("--wall", "limit in seconds", float, value="SECONDS"),
        Argument("--calls", "limit of system calls", int),
    ),
    effect="write",
    idempotent=False,
    stream=True,
    leaves=True,
)
ATTACH = Command(
    "attach",
    "watch a process from its beginning; Ctrl-C leaves it running",
    attach,
    (PID, FROM, SAID),
    stream=True,
    leaves=True,
)
SEND = Command(
    "send",
    "send a message to a process",
    send,
    (PID, Argument("text", "the message")),
    effect="write",
    idempotent=False,
)
KILL = Command(
    "kill",
    "send a signal: term lets it wrap up, kill ends it now, int interrupts its thought",
    kill,
    (
        Argument("pid", "processes", int, many=True),
        Argument(
            "--signal",
            "which",
            choices=tuple(s.value for s in Signal),
            default=Signal.TERM.value,
            short="-s",
        ),
    ),
    effect="write",
)
WAIT = Command(
    "wait",
    "wait until processes exit; the exit status is the first one that is not 0",
    wait,
    (Argument("pid", "processes", int, many=True),),
    leaves=True,
)
