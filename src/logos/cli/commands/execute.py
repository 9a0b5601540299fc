"""exec: run an unmodified program as a process."""

import shlex
import shutil
from pathlib import Path
from typing import Any

import anyio
import msgspec
from msgspec.structs import replace

from logos.abi.agent import Agent, Limits
from logos.abi.calls import CallTool, Exec, Exit, Hosts, name, tool_name
from logos.abi.driver import Network
from logos.abi.errors import Code, SysError
from logos.abi.events import Diverged, Failed, Proposed
from logos.abi.ids import CallId, Pid, Seq
from logos.abi.messages import ToolCall
from logos.abi.process import Signal
from logos.abi.rights import Cap
from logos.cli.out import Out
from logos.cli.registry import DRY_RUN, Argument, Asked, Command, pair
from logos.cli.shown import line, nano, told_data
from logos.kernel import Told
from logos.places import homes
from logos.vault import Veil

RESTARTS = 20
SIGNALS = {2: Signal.INT, 15: Signal.TERM}


async def execute(asked: Asked) -> int:
    args, machine = asked.arguments, asked.node
    call = await _call(asked)
    agent = _agent(asked, call)
    machine.kernel.tools(agent)
    if args.dry_run:
        _plan(asked, call, agent)
        return 0
    if not machine.programs.confined and not args.network:
        asked.out.note(
            f"sandbox mode {machine.sandbox.mode} gives no network of its own: "
            "the program can reach the machine's"
        )
    arguments = msgspec.json.decode(msgspec.json.encode(call))
    del arguments["call"]
    first = ToolCall(
        id=CallId("run1"), name=tool_name(Exec), arguments=msgspec.json.encode(arguments).decode()
    )
    pid = await machine.kernel.spawn(
        agent,
        " ".join(call.argv),
        limits=Limits(wall_s=args.wall, calls=args.calls, tokens=args.tokens, cost=nano(args.cost)),
        workspace=asked.workspace(args.workspace),
        by=asked.by,
        first=(Proposed(calls=(first,)),),
    )
    if args.detach:
        asked.out.data({"pid": pid}, str(pid))
        return 0
    asked.out.note(asked.out.style(f"process {pid}", "dim"))
    return await watch(asked, pid, Seq(1))


async def _call(asked: Asked) -> Exec:
    args = asked.arguments
    program = _program(asked, args.command[0])
    readable = [asked.here(given) for given in args.readable]
    if nowhere := [folder for folder in readable if not folder.exists()]:
        raise SysError(Code.NOT_FOUND, f"there is no {nowhere[0]}", hint="--readable FOLDER")
    shown = [*homes(program), *readable]
    inside = asked.workspace(args.workspace) == asked.cwd.resolve()
    if not inside:
        shown.append(asked.cwd)
    text = ""
    if args.stdin:
        assert asked.read_input is not None
        text = (await asked.read_input()).decode("utf-8", "surrogateescape")
    return Exec(
        argv=(str(program), *args.command[1:]),
        stdin=text,
        env=dict(map(pair, args.env)),
        folder="" if inside else str(asked.cwd.resolve()),
        readable=tuple(dict.fromkeys(str(folder.resolve()) for folder in shown)),
        network=Network.HOST if args.network else Network.NONE,
        hosts=_hosts(asked),
        restarts=args.restarts if args.restart == "on-failure" else 0,
        strict=args.strict,
        memory_mb=args.memory,
    )


def _program(asked: Asked, word: str) -> Path:
    if "/" in word:
        found = asked.here(word)
        if found.is_file():
            return found
    elif (on_path := shutil.which(word)) is not None:
        return Path(on_path)
    raise SysError(Code.NOT_FOUND, f"there is no program {word}", hint="give its path")


def _hosts(asked: Asked) -> tuple[str, ...]:
    hosts = tuple(asked.arguments.allow_net)
    try:
        msgspec.convert(hosts, Hosts)
    except msgspec.ValidationError as error:
        raise SysError(
            Code.INVALID,
            f"--allow-net {' '.join(hosts)}: one of these is not a host",
            hint="write pypi.org, git.example.org:22 or [2001:db8::1]:443",
        ) from error
    if hosts and asked.arguments.network:
        raise SysError(
            Code.INVALID, "--network is everything, --allow-net some of it", hint="give one of them"
        )
    if hosts and not asked.node.programs.confined:
        raise SysError(
            Code.UNAVAILABLE,
            f"sandbox mode {asked.node.sandbox.mode} cannot hold a program to its hosts",
            hint='see `logos doctor`; sandbox.mode = "full" can',
        )
    return hosts


def _agent(asked: Asked, call: Exec) -> Agent:
    """What it may do: what the agent file allows and `--tool` names, and to be run."""
    args = asked.arguments
    agent = Agent(name=Path(call.argv[0]).name)
    if args.agent:
        path = asked.here(args.agent)
        near = path.is_file()
        agent = asked.node.agents(
            path.stem if near else args.agent, path.parent if near else asked.cwd
        )
    tools = [*agent.tools, name(Exec), name(CallTool)]
    further = (Cap(verb=verb, path=path) for verb, path in call.further())
    allow = [*agent.allow, Cap(verb="run", path=call.target()), *further]
    known = {spec.name for spec in asked.node.functions.specs()}
    for tool in args.tool:
        if tool in known:
            tools.append(tool)
        whole = tool in asked.node.places.tools.places
        if not whole and tool not in known and "/" not in tool:
            raise SysError(Code.NOT_FOUND, f"there is no tool {tool!r}", hint="see `logos mounts`")
        allow.append(Cap(verb="call", path=f"/tools/{tool}/**" if whole else f"/tools/{tool}"))
    return replace(agent, tools=tuple(dict.fromkeys(tools)), allow=tuple(allow), program="hosted")


def _plan(asked: Asked, call: Exec, agent: Agent) -> None:
    data: dict[str, Any] = {
        "argv": list(call.argv),
        "sandbox": asked.node.sandbox.mode,
        "network": call.network if asked.node.programs.confined else Network.HOST,
        "connects": list(call.hosts),
        "starts_in": call.folder or "its workspace",
        "writes": asked.arguments.workspace or "a folder of its own",
        "reads": list(call.readable),
        "allow": sorted(map(str, agent.allow)),
        "restarts": call.restarts,
    }
    said = {k: ", ".join(v) or "nothing" if isinstance(v, list) else v for k, v in data.items()}
    said["argv"] = shlex.join(call.argv)
    asked.out.data(data, "\n".join(f"{key:10} {value}" for key, value in said.items()))


async def watch(asked: Asked, pid: Pid, after: Seq) -> int:
    """What the program writes, as it writes it, until its process has exited; its exit status."""
    machine, out = asked.node, asked.out
    veils = {number: Veil(machine.vault) for number in (1, 2)}

    def ear(stream: int, data: bytes) -> None:
        for number in (1, 2) if not stream else ():  # another run begins
            show(number, veils[number].end())
        if stream:
            show(stream, veils[stream].feed(data))

    def show(stream: int, data: bytes) -> None:
        if not data:
            return
        if out.json:
            text = data.decode("utf-8", "replace")
            out.item(
                {"type": "output", "stream": ("stdout", "stderr")[stream - 1], "text": text}, ""
            )
        else:
            out.raw(stream, data)

    stop = machine.programs.listen(pid, ear)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pass_on, asked, pid)
            async for told in machine.kernel.records.follow(pid, after):
                with asked.together():
                    _show(asked, told)
                    asked.resume(["attach", str(pid), "--from", str(told.row.seq), *asked.same])
            tasks.cancel_scope.cancel()
    finally:
        stop()
        ear(0, b"")
    return show_end(out, await machine.kernel.records.wait(pid))


def show_end(out: Out, ended: Exit) -> int:
    """The last line, which comes with the exit status."""
    out.last()
    if out.json:
        data = {"pid": ended.pid, "status": ended.status, "answer": ended.answer}
        out.item({"type": "result", **data}, "")
    return ended.status


def _show(asked: Asked, told: Told) -> None:
    """In JSON every event; people see what the program writes, and what they could not know."""
    if asked.out.json:
        asked.out.item(told_data(told), "")
        return
    event = told.event
    of_run = isinstance(event, Failed) and event.id.startswith("run")
    if (of_run or isinstance(event, Diverged)) and (text := line(event, asked.out)):
        asked.out.note(text)


async def _pass_on(asked: Asked, pid: Pid) -> None:
    async for number in asked.signals:
        if number in SIGNALS:
            try:
                await asked.node.kernel.signal(pid, SIGNALS[number], reason=f"by {asked.by}")
            except SysError as error:
                if error.code is not Code.STATE:  # else it has just ended, and says how
                    raise


EXEC = Command(
    "exec",
    "run any program as a process, with models and tools provided by the kernel",
    execute,
    (
        Argument("command", "-- PROGRAM ARGUMENTS…", many=True),
        Argument(
            "--agent", "name or file of the agent whose tools and rights it gets", value="NAME"
        ),
        Argument(
            "--tool", "a function, a mount, or MOUNT/TOOL it may call", many=True, value="NAME"
        ),
        Argument(
            "--restart",
            "whether to start it again when it or the node fails",
            choices=("no", "on-failure"),
            default="no",
        ),
        Argument("--restarts", "the most restarts", int, default=RESTARTS, least=0),
        Argument("--strict", "end it if it does not repeat itself after a restart", bool),
        Argument("--env", "NAME=VALUE, set in its environment", many=True, value="NAME=VALUE"),
        Argument("--readable", "a further folder it may read", many=True, value="FOLDER"),
        Argument(
            "--workspace",
            "the folder it may change (default: one of its own)",
            short="-w",
            value="FOLDER",
        ),
        Argument(
            "--allow-net",
            "HOST or HOST:PORT it may connect to; may be given several times",
            many=True,
            value="HOST",
        ),
        Argument("--network", "let it use all of the machine's network", bool),
        Argument("--stdin", "pass standard input to it", bool),
        Argument(
            "--memory", "memory it may use, in megabytes", int, default=2048, least=64, value="MB"
        ),
        Argument("--wall", "limit in seconds", float, value="SECONDS"),
        Argument("--calls", "limit of system calls", int),
        Argument("--tokens", "limit on tokens, over all its model requests", int),
        Argument("--cost", "limit in dollars", float, value="DOLLARS"),
        Argument("--detach", "print the pid and leave", bool, short="-d"),
        DRY_RUN,
    ),
    effect="write",
    idempotent=False,
    stream=True,
    details="It finds the kernel where it looks for its vendor: OPENAI_BASE_URL, ANTHROPIC_BASE_URL "
    "and their keys. Its tools are an MCP server at LOGOS_MCP_URL. It sees the current folder and "
    "its own interpreter, changes its workspace, and reaches no network but what --allow-net names "
    "(through a proxy: HTTP_PROXY and HTTPS_PROXY). Ctrl-C and TERM reach it; its exit status is "
    "this command's.",
    leaves=True,
)
