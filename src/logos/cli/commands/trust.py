"""approvals, approve, deny, why, caps, revoke, stop: what agents may do, and who says so."""

from collections.abc import Sequence
from typing import Any

from logos.abi.approval import Answer, Approval, Scope
from logos.abi.errors import Code, SysError
from logos.abi.ids import INIT, Pid, Seq
from logos.abi.process import Signal
from logos.abi.rights import parse
from logos.cli.commands.work import PID
from logos.cli.registry import Argument, Asked, Command
from logos.cli.shown import plain, when
from logos.kernel import explained

QUESTION = Argument("question", "its number, as `logos approvals` shows it")


async def approvals(asked: Asked) -> int:
    kernel = asked.node.kernel.approvals
    if asked.arguments.always:
        known = await kernel.standing()
        lines = [f"{n}  {_like(one)}" for n, one in enumerate(known, 1)]
        asked.out.data(plain(known), "\n".join(lines) or "no answer stands")
        return 0
    found = await kernel.pending()
    text = "\n\n".join(_question(asked, one) for one in found)
    asked.out.data([_data(one) for one in found], text or "nothing waits for you")
    return 0


def _like(one: Any) -> str:
    values = ", ".join(f"{name}={value!r}" for name, value in one.values)
    return f"{one.agent}: {one.tool}({values}) by rule {one.rule}"


def _data(one: Approval) -> dict[str, Any]:
    data: dict[str, Any] = plain(one)
    return data


def _question(asked: Asked, one: Approval) -> str:
    """What would happen, where each value comes from, and how to answer."""
    lines = [asked.out.style(f"{one.id}  {one.agent}: {one.task[:100]}", "bold"), one.question]
    for decision in one.decisions:
        lines += [
            f"  {v['argument']} = {v.get('value', '')!r} is {v.get('source', 'fixed')}"
            + (f", seen in {', '.join(v['pages'])}" if v.get("pages") else "")
            + f" ({v['rule']})"
            for v in decision.get("values", ())
            if v["argument"]
        ]
    if one.until is not None:
        lines.append(f"  until {when(one.until)}")
    lines.append(asked.out.style(f"  logos approve {one.id}    logos deny {one.id}", "dim"))
    return "\n".join(lines)


async def approve(asked: Asked) -> int:
    scope = Scope.ALWAYS if asked.arguments.always else Scope.ONCE
    return await _answer(asked, Answer.ALLOW, Scope.TASK if asked.arguments.task else scope)


async def deny(asked: Asked) -> int:
    if asked.arguments.always:
        number = asked.arguments.question
        if not number.isdigit():
            raise SysError(
                Code.INVALID, f"{number!r} is not a number", hint="logos approvals --always"
            )
        ended = await asked.node.kernel.approvals.forget(int(number), asked.by)
        asked.out.data(plain(ended), f"asked about again: {_like(ended)}")
        return 0
    return await _answer(asked, Answer.DENY, Scope.ONCE)


async def _answer(asked: Asked, answer: Answer, scope: Scope) -> int:
    one = await asked.node.kernel.approvals.decide(
        asked.arguments.question,
        answer,
        scope=scope,
        by=asked.by,
        word=getattr(asked.arguments, "word", ""),
    )
    said = "approved" if answer is Answer.ALLOW else "denied"
    text = f"{said}: {', '.join(one.names)} of process {one.pid}"
    asked.out.data({"id": one.id, "pid": one.pid, "answer": answer, "scope": scope}, text)
    return 0


async def why(asked: Asked) -> int:
    pid, seq = Pid(asked.arguments.pid), Seq(asked.arguments.seq)
    kernel = asked.node.kernel
    found = await explained(kernel.asker, kernel.records, pid, seq)
    data = plain(found)
    given = ", ".join(f"{k}={v!r}" for k, v in found.arguments.items())
    decision = found.decision
    lines = [
        asked.out.style(f"{found.tool}({given})", "bold"),
        f"{decision.get('verdict', 'not decided')} by rule {decision.get('rule', '-')}",
    ]
    lines += [
        f"  {v['argument'] or 'the call'}: {v['verdict']} by {v['rule']}"
        + (f"; {v.get('value', '')!r} is {v.get('source', 'fixed')}" if v["argument"] else "")
        + (f", seen in {', '.join(v['pages'])}" if v.get("pages") else "")
        for v in decision.get("values", ())
    ]
    lines += [f"  page {p.seq}: {p.what}, {p.label.integrity.name.lower()}" for p in found.pages]
    lines += [f"  {a.answer} ({a.scope}) by {a.by or 'a person'} {a.word}" for a in found.answers]
    asked.out.data(data, "\n".join([*lines, found.outcome]))
    return 0


async def caps(asked: Asked) -> int:
    process = await asked.node.kernel.records.process(Pid(asked.arguments.pid))
    held, gone = sorted(map(str, process.caps)), sorted(map(str, process.revoked))
    lines = [*held, *(f"{one}  (taken back)" for one in gone)]
    asked.out.data({"caps": held, "revoked": gone}, "\n".join(lines) or "none")
    return 0


async def revoke(asked: Asked) -> int:
    pid, cap = Pid(asked.arguments.pid), parse(asked.arguments.cap)
    await asked.node.kernel.approvals.revoke(pid, [cap], asked.by)
    text = f"process {pid} and its descendants have no {cap} any more"
    asked.out.data({"pid": pid, "revoked": str(cap)}, text)
    return 0


async def stop(asked: Asked) -> int:
    kernel = asked.node.kernel
    pids = [Pid(pid) for pid in asked.arguments.pid]
    if asked.arguments.all:
        pids = [one.pid for one in await kernel.records.list() if one.pid != INIT]
    elif not pids:
        raise SysError(Code.INVALID, "which process?", hint="logos stop PID, or logos stop --all")
    await _signal(asked, pids)
    text = f"stopped: {len(pids)}; `logos kill -s cont PID` lets one go on"
    asked.out.data({"pids": pids, "signal": Signal.STOP}, text)
    return 0


async def _signal(asked: Asked, pids: Sequence[Pid]) -> None:
    """Who has exited meanwhile needs no stopping."""
    for pid in pids:
        try:
            await asked.node.kernel.signal(pid, Signal.STOP, reason=f"by {asked.by}")
        except SysError as error:
            if error.code is not Code.STATE or not asked.arguments.all:
                raise


APPROVALS = Command(
    "approvals",
    "list the calls that wait for a person, where their values come from, and the rule that asks",
    approvals,
    (Argument("--always", "list the standing answers instead", bool),),
)
APPROVE = Command(
    "approve",
    "approve a waiting call, exactly as shown",
    approve,
    (
        QUESTION,
        Argument("--word", "the answer to a tool's question, as JSON", default=""),
        Argument("--task", "also approve its values for the rest of the task", bool),
        Argument(
            "--always", "also approve the same agent, tool and destinations from now on", bool
        ),
    ),
    effect="write",
    idempotent=False,
)
DENY = Command(
    "deny",
    "refuse a waiting call",
    deny,
    (
        QUESTION,
        Argument("--word", "what the model is told", default=""),
        Argument(
            "--always", "withdraw a standing answer: its number in `approvals --always`", bool
        ),
    ),
    effect="write",
    idempotent=False,
)
WHY = Command(
    "why",
    "explain a call: its arguments, where they came from, the rule, who agreed, and the result",
    why,
    (PID, Argument("seq", "number of an event of the call", int)),
)
CAPS = Command("caps", "list the rights of a process", caps, (PID,))
REVOKE = Command(
    "revoke",
    "withdraw a right from a process and all its descendants, from the next call on",
    revoke,
    (PID, Argument("cap", "verb:/path, as `logos caps` shows it")),
    effect="write",
)
STOP = Command(
    "stop",
    "pause processes until they are continued; --all pauses everything at once",
    stop,
    (
        Argument("pid", "processes", int, many=True, default=()),
        Argument("--all", "every process of this node's database", bool, short="-a"),
    ),
    effect="write",
)
