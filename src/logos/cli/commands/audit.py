"""audit verify, audit checkpoint, audit export: is the record whole?"""

from typing import Any

import anyio
import anyio.to_thread

from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.cli.registry import Argument, Asked, Command
from logos.kernel import Audit, Checkpoint, check_export, public_key


async def verify(asked: Asked) -> int:
    began = anyio.current_time()
    if asked.arguments.export:
        found = await _offline(asked)
    elif asked.arguments.key:
        raise SysError(
            Code.INVALID, "--key is for a file", hint="logos audit verify --export FILE --key KEY"
        )
    else:
        found = await asked.node.kernel.notary.verify(since=asked.arguments.since)
    rate = found.events / max(anyio.current_time() - began, 1e-6)
    broken = [b._asdict() for b in found.broken]
    signed = found.checkpoint
    data = {
        "processes": found.processes,
        "events": found.events,
        "per_s": round(rate),
        "broken": broken,
        "doubts": list(found.doubts),
        "checkpoint": None if signed is None else _told(signed),
    }
    if not broken and not found.doubts:
        ok = asked.out.style("intact", "green")
        read = "the newest" if asked.arguments.since else "all"
        under = f"; checkpoint {signed.number} signs {signed.events}" if signed else ""
        text = f"{ok}: {read} {found.events} events of {found.processes} processes{under}"
        asked.out.data(data, text)
        return 0
    lines = [*found.doubts, *(f"process {b.pid}, event {b.seq}: {b.why}" for b in found.broken)]
    asked.out.data(data, asked.out.style("BROKEN\n", "red") + "\n".join(lines))
    return 1


async def _offline(asked: Asked) -> Audit:
    """No node and no database: a file, and a key."""
    file = asked.cwd / asked.arguments.export
    if not file.is_file():
        raise SysError(Code.NOT_FOUND, f"there is no file {file}", hint="logos audit export FILE")
    key = asked.arguments.key
    if not key:
        raise SysError(Code.INVALID, "which key signed it?", hint="--key audit.key.pub, or in hex")
    given = asked.cwd / key
    trusted = {public_key(given.read_text(encoding="utf-8") if given.is_file() else key)}

    def read() -> Audit:
        with file.open("rb") as lines:
            return check_export(lines, trusted)

    try:
        return await anyio.to_thread.run_sync(read)
    except ValueError as error:
        raise SysError(Code.INVALID, f"{file} is not an export: {error}") from error


async def export(asked: Asked) -> int:
    pid = Pid(asked.arguments.pid) or None
    name = asked.arguments.file
    lines = asked.node.kernel.export(pid)
    if name == "-":
        async for line in lines:
            asked.out.text(line.decode())
        return 0
    count = 0
    async with await anyio.open_file(asked.cwd / name, "wb") as file:
        async for line in lines:
            count += await file.write(line)
    key = asked.node.kernel.notary.key.hex()
    text = f"{count} bytes in {name}; check it with\n"
    text += f"logos audit verify --export {name} --key {key}"
    asked.out.data({"file": name, "bytes": count, "key": key}, text)
    return 0


def _told(signed: Checkpoint) -> dict[str, Any]:
    whole = {"number": signed.number, "at": signed.at, "root": signed.root.hex()}
    return whole | {"processes": signed.processes, "events": signed.events}


async def checkpoint(asked: Asked) -> int:
    """What came since the last one is recomputed before it is signed over."""
    notary = asked.node.kernel.notary
    newest = (await notary.standing()).newest
    found = await notary.verify(since=newest is not None)
    if found.broken or found.doubts:
        raise SysError(
            Code.STATE, "the record is not whole: nothing is signed", hint="logos audit verify"
        )
    signed = await notary.sign() or found.checkpoint
    assert signed is not None
    text = f"checkpoint {signed.number}: {signed.events} events of {signed.processes} processes"
    asked.out.data(_told(signed) | {"key": notary.key.hex()}, f"{text}\nkey {notary.key.hex()}")
    return 0


VERIFY = Command(
    "audit verify",
    "recompute every hash chain, compare it with what was signed, and name what was changed",
    verify,
    (
        Argument("--since", "read only what came after the newest checkpoint", bool),
        Argument("--export", "check this file instead; needs no node", default="", value="FILE"),
        Argument("--key", "public key the file is signed with, as a file or in hex", default=""),
    ),
)
EXPORT = Command(
    "audit export",
    "export the record to a file that can be checked without a node; - is standard output",
    export,
    (
        Argument("file", "the file to write"),
        Argument("--pid", "one process only", int, default=0, value="PID"),
    ),
    effect="write",
)
CHECKPOINT = Command(
    "audit checkpoint", "sign a checkpoint: where all journals end now", checkpoint, effect="write"
)
