"""audit verify, replay: is the record whole, and does what was done follow from it?"""

from logos.abi.ids import Pid, Seq
from logos.cli.registry import Argument, Asked, Command


async def verify(asked: Asked) -> int:
    found = await asked.node.kernel.records.audit()
    broken = [b._asdict() for b in found.broken]
    data = {"processes": found.processes, "events": found.events, "broken": broken}
    if not broken:
        ok = asked.out.style("intact", "green")
        asked.out.data(data, f"{ok}: {found.events} events of {found.processes} processes")
        return 0
    lines = [f"process {b.pid}, event {b.seq}: {b.why}" for b in found.broken]
    asked.out.data(data, asked.out.style("BROKEN\n", "red") + "\n".join(lines))
    return 1


async def replay(asked: Asked) -> int:
    records, pid, until = asked.node.kernel.records, asked.arguments.pid, asked.arguments.until
    pids = [Pid(pid)] if pid else [line.pid for line in await records.list(everyone=True)]
    replays = [await records.replay(one, Seq(until)) for one in pids]
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


VERIFY = Command("audit verify", "recompute every hash chain; names what was changed", verify)
REPLAY = Command(
    "replay",
    "fold a journal with the answers it has, and compare every prompt with what was sent",
    replay,
    (
        Argument("pid", "number of the process; all of them when left out", int, default=0),
        Argument("--until", "stop after this event", int, default=2**62),
    ),
)
