"""ps, tree, show, journal, logs: see what processes do and did."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio

from logos.abi.events import AnyEvent
from logos.abi.events import Asked as AskedEvent
from logos.abi.ids import Pid, Seq
from logos.cli.commands.work import FROM, PID
from logos.cli.registry import Argument, Asked, Command
from logos.cli.shown import age, line, listed_data, moment, money, plain, told_data, when
from logos.kernel import Listed, Seen, Told, Window, view


async def ps(asked: Asked) -> int:
    kernel = asked.node.kernel
    listed = await kernel.records.list(everyone=asked.arguments.all)
    now = kernel.now()
    rows = [
        (
            one.pid,
            one.parent,
            one.status if one.exit_status is None else f"exited({one.exit_status})",
            one.agent,
            age(one.spawned_at, now),
            one.thoughts,
            one.calls,
            one.tokens,
            money(one.cost),
            one.task,
        )
        for one in listed
    ]
    columns = (
        "PID",
        "PARENT",
        "STATUS",
        "AGENT",
        "AGE",
        "THOUGHTS",
        "CALLS",
        "TOKENS",
        "COST",
        "TASK",
    )
    asked.out.table(columns, rows, [listed_data(one) for one in listed])
    return 0


async def tree(asked: Asked) -> int:
    listed = await asked.node.kernel.records.list(everyone=asked.arguments.all)
    children: dict[Pid | None, list[Listed]] = {}
    known = {one.pid for one in listed}
    for one in listed:
        children.setdefault(one.parent if one.parent in known else None, []).append(one)
    lines: list[str] = []

    def draw(one: Listed, lead: str, tail: str) -> None:
        status = one.status if one.exit_status is None else f"exited({one.exit_status})"
        task = " ".join(one.task.split())[:60]
        lines.append(f"{lead}{one.pid} {one.agent} [{status}] {task}".rstrip())
        below = children.get(one.pid, [])
        for n, child in enumerate(below):
            last = n == len(below) - 1
            draw(child, tail + ("└─ " if last else "├─ "), tail + ("   " if last else "│  "))

    for root in children.get(None, []):
        draw(root, "", "")
    asked.out.data([listed_data(one) for one in listed], "\n".join(lines))
    return 0


async def show(asked: Asked) -> int:
    pid, part = Pid(asked.arguments.pid), asked.arguments.part
    records = asked.node.kernel.records
    if part == "window":
        _show_window(asked, pid, await records.window(pid))
        return 0
    process = await records.process(pid)
    data = plain(process)
    asked.out.data({"pid": pid} | data, _facts(asked, pid, data))
    return 0


def _show_window(asked: Asked, pid: Pid, window: Window) -> None:
    seen = view(window)
    text = "\n".join(
        line
        for one in seen
        for line in (_head(asked, one), _parts(one.message), *_brought(asked, one))
    )
    facts = {
        "tokens": window.total,
        "turns_out": window.out,
        "thoughts": window.requests,
        "ratio": round(window.ratio, 3),
        "todo": window.todo[1],
    }
    foot = f"── {window.total} tokens, {window.out} turns out of the window"
    lines = [text, asked.out.style(foot, "dim"), *_refusals(asked, window)]
    data = {"pid": pid, **facts, "parts": plain(seen), "refused": plain(window.refused)}
    asked.out.data(data, "\n".join(lines))


def _head(asked: Asked, one: Seen) -> str:
    pages = f" · page {','.join(map(str, one.pages))}" if one.pages else ""
    marks = "".join(
        f" · {mark}"
        for mark, there in (
            ("pinned", one.pinned and one.part == "body"),
            (f"wanted {one.uses}x", one.uses),
            ("head only", one.shortened),
        )
        if there
    )
    head = f"── {one.part} · {one.role}{pages} · {one.tokens} tokens{marks}"
    return asked.out.style(head, "dim")


def _brought(asked: Asked, one: Seen) -> list[str]:
    """Why each piece came."""
    return [
        asked.out.style(
            f"   page {piece.page}+{piece.start}: score {piece.score:.1f}, "
            f"likely {piece.likely:.0%} ({piece.why})",
            "dim",
        )
        for piece in one.brought
    ]


def _refusals(asked: Asked, window: Window) -> list[str]:
    return [
        asked.out.style(f"   kept out: page {one.page}+{one.start}, {one.rule}", "dim")
        for one in window.refused
    ]


def _parts(message: Any) -> str:
    lines = []
    for part in plain(message)["content"]:
        kind = part.pop("part")
        said = f"→ {part['name']}({part['arguments']})" if kind == "toolcall" else f"{kind} {part}"
        lines.append(str(part.get("text") or part.get("content") or said))
    return "\n".join(lines)


def _facts(asked: Asked, pid: Pid, data: dict[str, Any]) -> str:
    agent = data.pop("agent", {})
    lines = [asked.out.style(f"process {pid}: {agent.get('name')}", "bold")]
    data.pop("watch", None)  # hashes
    data.pop("said", None)  # the task again, and messages
    data["tools"] = agent.get("tools", ())
    for time in ("started", "deadline"):
        data[time] = when(data[time]) if data.get(time) else None
    data["caps"] = [f"{cap['verb']}:{cap['path']}" for cap in data.get("caps", ())]
    for key, value in data.items():
        if value not in ((), [], {}, "", None):
            first, *more = _fact(value).splitlines()
            lines += [f"  {key:12} {first}", *(f"{'':15}{one}" for one in more)]
    return "\n".join(lines)


def _fact(value: Any) -> str:
    """A value as a person writes it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_fact(one)}" for key, one in value.items())
    return str(value)


async def journal(asked: Asked) -> int:
    pid, after = Pid(asked.arguments.pid), Seq(getattr(asked.arguments, "from"))
    records = asked.node.kernel.records
    await records.process(pid)  # says so when there is none
    _resumes(asked, ["journal", str(pid)], after)
    async for told in records.events(pid, after):
        with asked.together():
            _entry(asked, told)
            _resumes(asked, ["journal", str(pid)], told.row.seq)
    return 0


def _resumes(asked: Asked, words: Sequence[str], after: int) -> None:
    """A next daemon goes on after this one."""
    asked.resume([*words, "--from", str(after), *asked.same])


def _entry(asked: Asked, told: Told) -> None:
    row = told.row
    text = line(told.event, asked.out) or _plain(told.event)
    first, *rest = text.splitlines() or [""]
    more = f"  (+{len(rest)} lines)" if rest else ""
    chain = asked.out.style(row.hash.hex()[:8], "dim")
    asked.out.item(
        told_data(told) | {"hash": row.hash.hex(), "prev": row.prev.hex()},
        f"{row.seq:5} {moment(row.at)} {chain} {row.kind:11} {first}{more}",
    )


def _plain(event: AnyEvent) -> str:
    match event:
        case AskedEvent():
            return f"{event.model}: at most {event.tokens} tokens"
        case _:
            data = plain(event)
            data.pop("event", None)
            return ", ".join(f"{key}={value}" for key, value in data.items())


async def logs(asked: Asked) -> int:
    """Without a pid: what everybody does, as it happens."""
    records, given = asked.node.kernel.records, asked.arguments
    pid, after, words = Pid(given.pid), Seq(getattr(given, "from")), ["logs"]
    source: AsyncIterator[Told]
    if pid:
        await records.process(pid)  # says so when there is none
        words += [str(pid), *(["--follow"] if given.follow else [])]
        source = records.follow(pid, after) if given.follow else records.events(pid, after)
    else:
        after = after or Seq(await records.newest())
        source = records.feed(after)
    _resumes(asked, words, after)
    async with anyio.create_task_group() as tasks:

        async def leave() -> None:
            await asked.interrupted.wait()
            asked.out.note("")  # the terminal has written ^C
            tasks.cancel_scope.cancel()

        tasks.start_soon(leave)
        async for told in source:
            with asked.together():
                _logged(asked, told)
                _resumes(asked, words, told.row.seq if pid else told.row.id)
        tasks.cancel_scope.cancel()
    return 0


def _logged(asked: Asked, told: Told) -> None:
    text = line(told.event, asked.out)
    lead = asked.out.style(f"{moment(told.row.at)} {told.row.pid:>6}", "dim")
    asked.out.item(told_data(told), None if text is None else f"{lead} {text}")


ALL_TOO = Argument("--all", "include those that have exited", bool, short="-a")

PS = Command("ps", "list processes", ps, (ALL_TOO,))
TREE = Command("tree", "show processes as a tree: who started whom", tree, (ALL_TOO,))
SHOW = Command(
    "show",
    "show the state of a process, or what its model sees",
    show,
    (PID, Argument("part", "which", choices=("state", "window"), default="state")),
)
JOURNAL = Command(
    "journal",
    "show every event of a process, with its hash",
    journal,
    (PID, FROM),
    stream=True,
)
LOGS = Command(
    "logs",
    "show what a process did; without a pid, what all processes do from now on",
    logs,
    (
        Argument("pid", "number of the process", int, default=0),
        Argument("--follow", "continue until it exits", bool, short="-f"),
        Argument(
            "--from",
            "start after this event; without a pid, after this position in the feed",
            int,
            default=0,
            value="SEQ",
        ),
    ),
    stream=True,
    leaves=True,
)
