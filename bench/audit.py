"""Tampering with a journal, and how fast chains are recomputed: `python bench/audit.py --json`.

Missed: of a journal of 200 events, each row has one byte of each column flipped, is deleted, swapped
with its neighbour, or the journal is cut there; verification must name that row.  Then each event is
rewritten, and the tail cut, by somebody who owns the database and puts every hash right again; then
the signed checkpoint must show it.

Speed: a database with many journals is verified whole, and from a checkpoint.
"""

import sys
import time
from pathlib import Path
from typing import Any

import anyio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import arguments, database, folder, median, note, report
from logos import config
from logos.abi.ids import Pid
from logos.kernel import SystemClock
from logos.kernel.audit import Notary, Seal, verify
from logos.store import open_store

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "unit"))
from tampering import PID, cut, desk, rewrite, tampers, written


async def missed(url: str, place: Path, events: int) -> dict[str, Any]:
    async with open_store(url, config.Store()) as store:
        rows = await written(store, events)
        await _notary(store, place).sign()
    tried, not_named, not_shown, rewrites = 0, [], [], 0
    async with desk(url) as owner:
        ours = _notary(owner, place)
        for tamper in tampers(rows):
            async with owner.undone():
                await owner.do(tamper)
                found = await verify(owner, {})
            tried += 1
            if (PID, tamper.seq) not in [(one.pid, one.seq) for one in found.broken]:
                not_named.append(tamper.what)
        for row in rows[1:]:
            for change in ("rewritten", "cut"):
                async with owner.undone():
                    if change == "cut":
                        await cut(owner, rows, row.seq)
                    else:
                        await rewrite(owner, rows, row.seq, b'{"event":"idled"}')
                    found = await ours.verify()
                rewrites += 1
                if not found.broken and not found.doubts:
                    not_shown.append(f"{change} at {row.seq}")
    note(f"not named: {not_named[:5]}, not shown by the checkpoint: {not_shown[:5]}")
    return {
        "missed": len(not_named) + len(not_shown),
        "tampered": tried,
        "owner_rewrites": rewrites,
        "journal_events": len(rows),
    }


async def speed(url: str, place: Path, processes: int, events: int) -> dict[str, Any]:
    async with open_store(url, config.Store()) as store:
        for n in range(processes):
            await written(store, events, Pid(2000 + n))
        ours = _notary(store, place)
        rates = []
        for _ in range(3):
            began = time.perf_counter()
            found = await verify(store, {})
            rates.append(found.events / (time.perf_counter() - began))
            assert not found.broken, found.broken[:3]
        began = time.perf_counter()
        await ours.sign()
        signing = time.perf_counter() - began
        began = time.perf_counter()
        since = await ours.verify(since=True)
    return {
        "verify_per_s": round(median(rates)),
        "events": found.events,
        "processes": found.processes,
        "checkpoint_s": round(signing, 3),
        "since_checkpoint_s": round(time.perf_counter() - began, 3),
        "since_checkpoint_events": since.events,
    }


def _notary(store: Any, place: Path) -> Notary:
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    return Notary(store, Seal(key, place / "checkpoints.jsonl"), SystemClock())


async def run(place: Path, chosen: Any) -> dict[str, Any]:
    async with database(place) as url:
        found = await missed(url, place, chosen.events)
        return found | await speed(url, place / "speed", chosen.processes, chosen.length)


def main() -> None:
    chosen = arguments(__doc__, events=200, processes=100, length=300)
    with folder() as place:
        report(chosen, anyio.run(run, place, chosen))


if __name__ == "__main__":
    main()
