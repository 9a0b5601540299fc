"""replay: does what was done follow from the record, and what would another policy or model do?"""

from collections.abc import Iterator
from typing import Any

import anyio
import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid, Seq
from logos.abi.messages import Usage
from logos.cli.registry import Argument, Asked, Command
from logos.cli.shown import money, plain
from logos.kernel import Again, Changed, Policy, read_policy, reasked, redecided


async def replay(asked: Asked) -> int:
    pid, policy, model = asked.arguments.pid, asked.arguments.policy, asked.arguments.model
    if policy and model:
        raise SysError(Code.INVALID, "--policy and --model ask different things", hint="one each")
    records = asked.node.kernel.records
    pids = [Pid(pid)] if pid else [line.pid for line in await records.list(everyone=True)]
    until = Seq(asked.arguments.until)
    if model:
        if not pid:
            raise SysError(Code.INVALID, "which process?", hint="logos replay PID --model NAME")
        return await _another_model(asked, Pid(pid), until)
    return await (_another_policy if policy else _as_it_was)(asked, pids, until)


async def _as_it_was(asked: Asked, pids: list[Pid], until: Seq) -> int:
    replays = [await asked.node.kernel.records.replay(one, until) for one in pids]
    prompts = sum(one.prompts for one in replays)
    differ = [
        {"pid": one.pid, "seq": wrong.seq, "why": wrong.why}
        for one in replays
        for wrong in one.differ
    ]
    data = {
        "processes": len(replays),
        "events": sum(one.events for one in replays),
        "prompts": prompts,
        "unrecorded": sum(one.unrecorded for one in replays),
        "differ": differ,
    }
    if not differ:
        ok = asked.out.style("equal", "green")
        asked.out.data(data, f"{ok}: {data['events']} events, {prompts} prompts byte for byte")
        return 0
    lines = [f"process {one['pid']}, event {one['seq']}: {one['why']}" for one in differ]
    asked.out.data(data, asked.out.style("DIFFERENT\n", "red") + "\n".join(lines))
    return 1


async def _another_policy(asked: Asked, pids: list[Pid], until: Seq) -> int:
    kernel, policy = asked.node.kernel, await _policy(asked)
    found = [await redecided(kernel.asker, kernel.records, one, policy, until) for one in pids]
    calls = sum(one.calls for one in found)
    changed = [change for one in found for change in one.changed]
    gone = sorted({name for one in found for name in one.gone})
    data = {
        "processes": len(found),
        "calls": calls,
        "changed": [plain(change) | {"reason": _reason(change.now)} for change in changed],
        "gone": gone,
    }
    lines = [f"{len(changed)} of {calls} decisions change"]
    lines += [text for change in changed for text in _lines(change, asked)]
    if gone:
        lines.append(f"not decided again, for these tools are gone: {', '.join(gone)}")
    asked.out.data(data, "\n".join(lines))
    return int(bool(changed) and asked.arguments.fail_on_change)


async def _policy(asked: Asked) -> Policy:
    """Raise `invalid` naming the file."""
    file = asked.here(asked.arguments.policy)
    try:
        return read_policy(await anyio.Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SysError(Code.NOT_FOUND, f"there is no file {file}", hint="--policy FILE") from error
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise SysError(Code.INVALID, f"{file} is not a policy: {error}") from error
    except SysError as error:
        raise SysError(error.code, f"{file}: {error.message}", hint=error.hint) from error


def _lines(change: Changed, asked: Asked) -> Iterator[str]:
    """What changed, by which rule, and where each value came from."""
    was, now = change.was.get("verdict", "allow"), change.now["verdict"]
    turn = asked.out.style(f"{was} -> {now}", "green" if now == "allow" else "yellow")
    before = change.was.get("rule", "")
    rule = f"{before} -> {change.now['rule']}" if before else change.now["rule"]
    yield f"process {change.pid}, event {change.seq}: {change.tool} ({change.call}): {turn}"
    yield f"  rule {rule}"
    if reason := _reason(change.now):
        yield f"  {reason}"
    for value in change.now.get("values", ()):
        if value["argument"]:
            seen = f", seen in {', '.join(value['pages'])}" if value.get("pages") else ""
            said = f"{value['argument']} = {value.get('value', '')!r}"
            yield f"  {said} is {value.get('source', 'fixed')}{seen}"


def _reason(decision: dict[str, Any]) -> str:
    reason: str = decision.get("message", "")
    return reason


async def _another_model(asked: Asked, pid: Pid, until: Seq) -> int:
    kernel = asked.node.kernel
    await kernel.records.process(pid)  # raises for one that never was
    model = await asked.node.models.open(asked.arguments.model)
    found: list[Again] = []
    async for again in reasked(kernel.records, pid, model, kernel.slots, until):
        asked.out.note(f"event {again.seq}: {_word(again)}")
        found.append(again)
    parted = [one for one in found if one.differ]
    failed = [one for one in found if one.error]
    used = sum((one.usage for one in found), Usage())
    data = {
        "pid": pid,
        "model": model.profile.name,
        "thoughts": len(found),
        "parted": len(parted),
        "failed": len(failed),
        "usage": plain(used),
        "differ": [plain(one) for one in found if one.differ or one.error],
    }
    spent = f"{used.tokens} tokens, {money(used.cost)}"
    lines = [f"{model.profile.name}: {len(parted)} of {len(found)} thoughts part; {spent}"]
    lines += [text for one in found for text in _parted(one)]
    asked.out.data(data, "\n".join(lines))
    return int(bool(parted or failed) and asked.arguments.fail_on_change)


def _word(again: Again) -> str:
    if again.error:
        return again.error
    return ", ".join(one.what for one in again.differ) or "the same"


def _parted(again: Again) -> Iterator[str]:
    if again.error:
        yield f"event {again.seq}: no answer: {again.error}"
    for one in again.differ:
        yield f"event {again.seq}, {one.what}: from {one.at} on"
        yield f"  was {one.was!r}"
        yield f"  now {one.now!r}"


REPLAY = Command(
    "replay",
    "fold a journal again and compare every prompt with what was sent; or try another policy or "
    "model",
    replay,
    (
        Argument("pid", "number of the process; default: all of them", int, default=0),
        Argument("--until", "stop after this event", int, default=2**62),
        Argument(
            "--policy",
            "repeat every decision under the rules and manifests of this file, and list those that "
            "change",
            default="",
            value="FILE",
        ),
        Argument(
            "--model",
            "send every request to this model, and show where its answers diverge; this costs money",
            default="",
            value="NAME",
        ),
        Argument("--fail-on-change", "exit with 1 if anything differs", bool),
    ),
    details="The file of --policy has `[[rule]]` tables, which replace trust.rules, and manifests by "
    "the name of their tool, which take precedence over all others.  Nothing is written to a journal "
    "and no call is made.",
)
