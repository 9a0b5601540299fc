"""What somebody changes in the record is named; with the owner's rights, a checkpoint shows it."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.conftest import PATIENCE_S

from logos import config
from logos.abi.errors import Code, SysError
from logos.abi.ids import Pid
from logos.kernel import SystemClock
from logos.kernel.audit import Audit, Notary, Seal, check_export, export, verify
from logos.kernel.audit.check import End, Whole
from logos.kernel.journal import Row, genesis
from logos.kernel.journal.chain import link
from logos.store import Store, open_store

# Test files are imported by their path; what they share is not found otherwise.
sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from tampering import OTHER, PID, Tamper, cut, desk, journal_of, rewrite, tampers, written

pytestmark = [pytest.mark.anyio, pytest.mark.unreplayable]

EVENTS = 24


def notary(store: Store, tmp_path: Path, key: Ed25519PrivateKey | None = None) -> Notary:
    """Always with the same key, unless one is given."""
    key = key or Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    return Notary(store, Seal(key, tmp_path / "checkpoints.jsonl"), SystemClock())


def named(found: Audit) -> list[tuple[int, int]]:
    return [(one.pid, one.seq) for one in found.broken]


@pytest.mark.slow
async def test_every_change_of_every_row_is_named(url: str) -> None:
    async with open_store(url, config.Store()) as store:
        rows = await written(store, EVENTS)
        await written(store, 3, OTHER)
    async with desk(url) as owner:
        found = await verify(owner, {})
        assert (found.processes, found.events, found.broken) == (2, EVENTS + 3, [])
        for tamper in tampers(rows):
            async with owner.undone():
                await owner.do(tamper)
                assert (PID, tamper.seq) in named(await verify(owner, {})), tamper.what
        assert not (await verify(owner, {})).broken


ELSEWHERE = (
    ("UPDATE process SET head_hash = sha256('x') WHERE pid = $1", EVENTS),
    ("UPDATE process SET head_seq = head_seq + 1 WHERE pid = $1", EVENTS + 1),
    ("UPDATE process SET exit_status = NULL WHERE pid = $1", EVENTS),
    ("DELETE FROM process WHERE pid = $1", EVENTS),
    ("DELETE FROM journal WHERE pid = $1", 1),
    ("DELETE FROM blob WHERE $1 > 0", 5),
    ("UPDATE blob SET digest = sha256(digest) WHERE $1 > 0", 5),
)


@pytest.mark.parametrize(("statement", "seq"), ELSEWHERE)
async def test_what_is_beside_the_journal_is_checked(url: str, statement: str, seq: int) -> None:
    async with open_store(url, config.Store()) as store:
        await written(store, EVENTS)
    async with desk(url) as owner, owner.undone():
        await owner.do(Tamper("", [(statement.replace("$1 > 0", "$1::bigint > 0"), (PID,))], seq))
        assert named(await verify(owner, {})) == [(PID, seq)]


async def test_a_place_in_the_feed_that_two_events_have_is_named(url: str) -> None:
    async with open_store(url, config.Store()) as store:
        await written(store, EVENTS)
        await written(store, 3, OTHER)
    async with desk(url) as owner, owner.undone():
        taken = "UPDATE journal SET id = (SELECT max(id) FROM journal) WHERE pid = $1 AND seq = 24"
        await owner.do(Tamper("", [(taken, (PID,))], 24))
        assert (PID, 24) in named(await verify(owner, {}))


# -- checkpoints -------------------------------------------------------------------------------


async def test_checkpoints_follow_each_other(url: str, tmp_path: Path) -> None:
    async with open_store(url, config.Store()) as store:
        ours = notary(store, tmp_path)
        await written(store, 3)
        first = await ours.sign()
        assert first is not None
        assert (first.number, first.processes, first.events) == (1, 1, 3)
        assert await ours.sign() is None  # nothing has happened
        await written(store, 4, OTHER)
        second = await ours.sign()
        assert second is not None
        assert (second.number, second.processes, second.events) == (2, 2, 7)
        found = await ours.verify()
        assert (found.checkpoint, found.broken, found.doubts) == (second, [], [])
        assert len((tmp_path / "checkpoints.jsonl").read_bytes().splitlines()) == 2


async def test_only_what_follows_a_checkpoint_is_read(url: str, tmp_path: Path) -> None:
    async with open_store(url, config.Store()) as store:
        ours = notary(store, tmp_path)
        with pytest.raises(SysError) as caught:
            await ours.verify(since=True)
        assert caught.value.code is Code.STATE
        await written(store, EVENTS)
        await ours.sign()
        rows = await written(store, 5, OTHER)
        found = await ours.verify(since=True)
        assert (found.processes, found.events, found.broken) == (2, 5, [])
    async with desk(url) as owner:
        ours = notary(owner, tmp_path)
        for tamper in tampers(rows):
            async with owner.undone():
                await owner.do(tamper)
                assert (OTHER, tamper.seq) in named(await ours.verify(since=True)), tamper.what
        async with owner.undone():
            await cut(owner, await journal_of(owner, PID), 10)
            assert named(await ours.verify(since=True)) == [(PID, 10)]


@pytest.mark.slow
async def test_what_an_owner_rewrites_is_not_what_was_signed(url: str, tmp_path: Path) -> None:
    """All triggers off, all hashes right again: the chain is whole, and the checkpoint shows it."""
    async with open_store(url, config.Store()) as store:
        rows = await written(store, EVENTS)
        await notary(store, tmp_path).sign()
    async with desk(url) as owner:
        ours = notary(owner, tmp_path)
        for row in rows:
            async with owner.undone():
                await rewrite(owner, rows, row.seq, b'{"event":"idled"}')
                if row.seq < EVENTS:  # else the process table has another last event
                    assert not (await verify(owner, {})).broken
                assert (PID, EVENTS) in named(await ours.verify())
                with pytest.raises(SysError):
                    await ours.sign()
            if row.seq > 1:
                async with owner.undone():
                    await cut(owner, rows, row.seq)
                    assert not (await verify(owner, {})).broken
                    assert named(await ours.verify()) == [(PID, row.seq)]
                    with pytest.raises(SysError):
                        await ours.sign()


MARKS = "UPDATE checkpoint_mark SET hash = (SELECT head_hash FROM process WHERE pid = $1)"
HIDDEN = {
    "the marks as well": (MARKS,),
    "without checkpoints": ("DELETE FROM checkpoint", "DELETE FROM checkpoint_mark"),
    "signed anew": ("DELETE FROM checkpoint", "DELETE FROM checkpoint_mark", "sign"),
    "the signature": (MARKS, "UPDATE checkpoint SET signature = set_byte(signature, 3, 7)"),
    "the body": (MARKS, "UPDATE checkpoint SET body = set_byte(body, 60, 48)"),
}


@pytest.mark.parametrize("how", HIDDEN)
async def test_who_hides_a_rewrite_leaves_a_trace(url: str, tmp_path: Path, how: str) -> None:
    async with open_store(url, config.Store()) as store:
        rows = await written(store, 5)
        await notary(store, tmp_path).sign()
    async with desk(url) as owner, owner.undone():
        await rewrite(owner, rows, 3, b'{"event":"idled"}')
        for statement in HIDDEN[how]:
            if statement == "sign":
                await notary(owner, tmp_path / "his", Ed25519PrivateKey.generate()).sign()
            else:
                given = (PID,) if "$1" in statement else ()
                await owner.do(Tamper("", [(statement, given)], 3))
        assert (await notary(owner, tmp_path).verify()).doubts


async def test_places_that_were_moved_within_a_gap_are_shown(url: str, tmp_path: Path) -> None:
    """A number nobody has: order and uniqueness hold, so only what was signed can tell."""
    async with open_store(url, config.Store()) as store:
        await written(store, 3)
    async with desk(url) as owner:
        await owner.db.execute("SELECT nextval('journal_id_seq')")
    async with open_store(url, config.Store()) as store:
        await written(store, 3, OTHER)
        await notary(store, tmp_path).sign()
    async with desk(url) as owner, owner.undone():
        moved = "UPDATE journal SET id = id + 1 WHERE pid = $1 AND seq = 3"
        await owner.do(Tamper("", [(moved, (PID,))], 3))
        assert not (await verify(owner, {})).broken
        assert named(await notary(owner, tmp_path).verify()) == [(PID, 3)]


async def test_the_node_signs_by_itself(node: Any, tmp_path: Path, url: str) -> None:
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "checkpoints.jsonl"
    async with node(seal=Seal(key, file, every_s=0.01)) as kernel:
        with anyio.fail_after(PATIENCE_S):
            while (await kernel.notary.standing()).newest is None:
                await anyio.lowlevel.checkpoint()  # it signs when it does
    async with open_store(url, config.Store()) as store:
        found = await notary(store, tmp_path, key).verify()
        assert found.checkpoint is not None
        assert not found.doubts


async def test_a_crash_before_the_file_was_written_is_made_up_for(url: str, tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    async with open_store(url, config.Store()) as store:
        ours = notary(store, tmp_path)
        await written(store, 3)
        await ours.sign()
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        await written(store, 3, OTHER)
        await ours.sign()
        assert not (await ours.verify()).doubts
        assert whole in file.read_bytes()


# -- exports -----------------------------------------------------------------------------------


async def exported(store: Store, ours: Notary, pid: Pid | None = None) -> list[bytes]:
    return [line async for line in export(store, ours, pid)]


@pytest.mark.parametrize("pid", [None, PID, OTHER])
async def test_an_export_is_checked_with_the_public_key_alone(
    url: str, tmp_path: Path, pid: Pid | None
) -> None:
    async with open_store(url, config.Store()) as store:
        await written(store, EVENTS)
        await written(store, 3, OTHER)
        for n in range(3):
            await written(store, 2, Pid(2000 + n))
        ours = notary(store, tmp_path)
        lines = await exported(store, ours, pid)
        with pytest.raises(SysError):
            await exported(store, ours, Pid(77))
    found = check_export(lines, {ours.key})
    assert (found.broken, found.doubts) == ([], [])
    assert found.events == {None: EVENTS + 9, PID: EVENTS, OTHER: 3}[pid]
    assert found.checkpoint is not None
    assert check_export(lines, {b"another key"}).doubts

    def wrong(changed: list[bytes]) -> bool:
        try:
            return bool((told := check_export(changed, {ours.key})).broken or told.doubts)
        except ValueError:
            return True

    for n, line in enumerate(lines):
        at = len(line) * 2 // 3
        flipped = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
        assert wrong(lines[:n] + lines[n + 1 :]), line
        assert wrong(lines[:n])
        assert wrong([*lines[:n], flipped, *lines[n + 1 :]]), line


def test_a_body_that_nobody_forgot_is_missing_and_one_that_was_is_not() -> None:
    """Of the fold of a check alone: the event that forgets names the bodies that are gone."""

    def rows(*bodies: tuple[str, bytes, bool]) -> list[Row]:
        made: list[Row] = []
        prev = genesis(PID)
        for n, (kind, body, gone) in enumerate(bodies, 1):
            row = Row(n, PID, n, 1, 1, kind, body, hashlib.sha256(body).digest(), prev, b"")  # type: ignore[arg-type]
            row = row._replace(hash=link(row), body=None if gone else body)
            made.append(row)
            prev = row.hash
        return made

    for forgot, wrong in ((b'{"pages":[2]}', []), (b'{"pages":[1]}', [(PID, 2)])):
        whole = Whole()
        journal = rows(
            ("spawned", b"{}", False), ("received", b"x", True), ("forgot", forgot, False)
        )
        whole.begin({PID: End(journal[-1].seq, journal[-1].hash, exited=False)}, {})
        whole.add(journal)
        whole.finish()
        assert [(one.pid, one.seq) for one in whole.broken] == wrong
