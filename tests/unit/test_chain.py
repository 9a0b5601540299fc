"""The hash chain: whatever somebody changes in a journal, verify says where.  And bytes of any
age become events of today."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi.agent import Agent
from logos.abi.errors import Code, SysError
from logos.abi.events import AnyEvent, Exited, Received, Spawned
from logos.abi.ids import Epoch, MailId, Pid, Seq
from logos.kernel.journal import Head, Row, before_birth, decode, genesis, seal, verify
from logos.kernel.journal.chain import HASH_BYTES, link
from logos.kernel.journal.upcast import UPCAST

PID = Pid(7)


def journal(texts: Sequence[str]) -> list[Row]:
    events: list[AnyEvent] = [
        Spawned(agent=Agent(name="a"), task="t", at=1),
        *(Received(mail=MailId(n + 1), text=text) for n, text in enumerate(texts)),
        Exited(status=0),
    ]
    head, rows = seal(before_birth(PID), 10, events)
    assert head == Head(PID, Epoch(1), Seq(len(rows)), rows[-1].hash)
    return [row._replace(id=n * 3 + 1) for n, row in enumerate(rows)]


def broken(rows: Sequence[Row]) -> int | None:
    """Which event is wrong?"""
    found = verify(rows, genesis(PID), Seq(0))
    return None if found is None else found.seq


TEXTS = st.lists(st.text(max_size=5), min_size=1, max_size=5)


@given(TEXTS)
def test_a_journal_is_whole(texts: list[str]) -> None:
    rows = journal(texts)
    assert broken(rows) is None
    assert all(len(row.hash) == HASH_BYTES for row in rows)
    assert [decode(row) for row in rows][1:-1] == [
        Received(mail=MailId(n + 1), text=text) for n, text in enumerate(texts)
    ]


FIELDS = [name for name in Row._fields if name not in ("id", "forgotten")]


@settings(max_examples=30)
@given(TEXTS, st.sampled_from(FIELDS), st.data())
def test_a_flipped_field_is_named(texts: list[str], field: str, data: st.DataObject) -> None:
    rows = journal(texts)
    at = data.draw(st.integers(0, len(rows) - 1))
    value = getattr(rows[at], field)
    if isinstance(value, bytes):
        bit = data.draw(st.integers(0, len(value) * 8 - 1))
        flipped = bytearray(value)
        flipped[bit // 8] ^= 1 << bit % 8
        changed: Any = bytes(flipped)
    elif isinstance(value, str):
        changed = value + "x"
    else:
        changed = value + data.draw(st.sampled_from([-1, 1, 1000]))
    rows[at] = rows[at]._replace(**{field: changed})
    assert broken(rows) == at + 1


@given(TEXTS, st.data())
def test_a_missing_event_is_named(texts: list[str], data: st.DataObject) -> None:
    rows = journal(texts)
    at = data.draw(st.integers(0, len(rows) - 2))
    assert broken(rows[:at] + rows[at + 1 :]) == at + 1


@given(TEXTS, st.data())
def test_swapped_events_are_named(texts: list[str], data: st.DataObject) -> None:
    rows = journal(texts)
    a, b = sorted(
        data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True))
    )
    rows[a], rows[b] = rows[b], rows[a]
    assert broken(rows) == a + 1
    # also with their numbers put right again
    rows[a], rows[b] = rows[a]._replace(seq=Seq(a + 1)), rows[b]._replace(seq=Seq(b + 1))
    assert broken(rows) == a + 1


@given(TEXTS, st.data())
def test_an_event_that_was_put_in_is_named(texts: list[str], data: st.DataObject) -> None:
    """Its own hash may be right: the one after it does not hang on it."""
    rows = journal(texts)
    at = data.draw(st.integers(1, len(rows) - 1))
    body = b'{"event":"received","mail":1,"text":"pay"}'
    forged = rows[at]._replace(body=body, digest=hashlib.sha256(body).digest())
    forged = forged._replace(hash=link(forged))
    assert broken([*rows[:at], forged, *rows[at + 1 :]]) in (at + 2, None)
    if at < len(rows) - 1:
        assert broken([*rows[:at], forged, *rows[at + 1 :]]) == at + 2


def test_the_journal_of_another_process_is_not_ours() -> None:
    _, rows = seal(before_birth(Pid(8)), 10, [Spawned(agent=Agent(name="a"), task="t", at=1)])
    assert broken(rows) == 1


def test_a_part_is_verified_from_where_it_begins() -> None:
    rows = journal(["a", "b", "c"])
    assert verify(rows[2:], rows[1].hash, Seq(2)) is None
    assert verify(rows[2:], rows[0].hash, Seq(2)) is not None


def test_epochs_and_places_grow() -> None:
    head, first = seal(before_birth(PID), 1, [Spawned(agent=Agent(name="a"), task="", at=1)])
    first = [first[0]._replace(id=5)]
    for epoch, id_, whole in ((1, 6, True), (3, 9, True), (0, 6, False), (1, 5, False)):
        _, rows = seal(head._replace(epoch=Epoch(epoch)), 2, [Exited(status=0)])
        both = [*first, rows[0]._replace(id=id_)]
        assert (broken(both) is None) == whole
        one = verify(both[1:], first[0].hash, Seq(1), epoch=1, last_id=5)
        assert (one is None) == whole


def test_a_forgotten_body_leaves_the_chain_whole() -> None:
    rows = journal(["secret"])
    rows[1] = rows[1]._replace(body=None)
    assert broken(rows) is None
    with pytest.raises(SysError) as caught:
        decode(rows[1])
    assert caught.value.code is Code.NOT_FOUND


def test_bytes_nobody_can_read_are_said_to_be_so() -> None:
    row = journal(["a"])[0]
    for body in (b"", b"{", b'{"event":"unheard_of"}', b'{"event":"exited"}', b"\xff"):
        with pytest.raises(SysError) as caught:
            decode(row._replace(body=body))
        assert caught.value.code is Code.INTERNAL


def test_retired_events_are_read_as_todays() -> None:
    UPCAST["gone"] = lambda body: Exited(status=msgspec.json.decode(body)["code"])
    try:
        row = journal(["a"])[0]._replace(kind="gone", body=b'{"event":"gone","code":4}')
        assert decode(row) == Exited(status=4)
    finally:
        del UPCAST["gone"]


def test_the_same_events_are_the_same_bytes() -> None:
    assert journal(["a", "b"]) == journal(["a", "b"])
    # on disk for ever: a change here is a change of format
    assert journal(["a"])[1].body == b'{"event":"received","mail":1,"text":"a"}'
    assert genesis(PID).hex()[:16] == hashlib.sha256(b"logos process 7").hexdigest()[:16]
