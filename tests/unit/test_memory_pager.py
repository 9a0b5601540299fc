"""Pages in, and for a question the pages it needs."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logos.abi.errors import Code, SysError
from logos.abi.ids import Seq
from logos.kernel.memory import (
    Ask,
    Heard,
    Judged,
    Kind,
    Near,
    Page,
    Pager,
    Rules,
    Source,
    estimate,
    load,
    page_of,
    parse,
)

EXAMPLES = 30

DAY = 86_400_000_000
SAID = (
    ("Ann", "Good morning! How was the weekend?"),
    ("Bob", "Lovely, I went kayaking on the lake with my sister."),
    ("Ann", "Nice. I baked sourdough bread and burned the first loaf."),
    ("Bob", "Ha! My new puppy Rex ate half of my lunch."),
    ("Ann", "Oh no. I am flying to Lisbon in March for a conference."),
    ("Bob", "I have been learning the cello since January."),
    ("Ann", "My brother plays the cello in an orchestra."),
    ("Bob", "I paid 40 dollars for the strings."),
)


def talk(times: int = 1) -> list[Page]:
    return [
        page_of(
            i + 1,
            text if i < len(SAID) else f"{text} Note {i}.",
            kind=Kind.PEOPLE,
            subject=who,
            group=str(i // 4),
            turn=i + 1,
            time=(19_000 + i // 4) * DAY,
        )
        for i, (who, text) in enumerate(SAID * times)
    ]


def texts(pages: tuple[Page, ...]) -> str:
    return "\n".join(each.text for each in pages)


OPEN = Ask(gate=False, mass=0.5)


def test_the_page_asked_for_comes_in_first() -> None:
    pager = Pager.rebuild(talk())
    found = pager.fault("What did Ann bake?", OPEN)
    assert found.why[0].page == 3
    assert found.subjects == ("Ann",)
    assert found.why[0].moved
    assert not found.abstained


def test_a_kind_of_thing_finds_its_members() -> None:
    assert Pager.rebuild(talk()).fault("Which outdoor sport does Bob do?", OPEN).why[0].page == 2


OPENLY = msgspec.structs.replace(load(), floor=0.0)


def test_nobody_answers_for_somebody_else() -> None:
    pager = Pager.rebuild(talk(), OPENLY)
    found = pager.fault(
        "What has Ann learned on the cello?", Ask(budget=1000, gate=False, mass=2.0)
    )
    assert {each.subject for each in found.pages} == {"Ann"}
    assert (6, "subject") in {(each.page, each.rule) for each in found.refused}
    free = pager.fault(
        "What has Ann learned on the cello?", Ask(gate=False, mass=2.0, rules=Rules(subject=False))
    )
    assert {each.subject for each in free.pages} == {"Ann", "Bob"}


def test_what_room_the_one_asked_about_leaves_is_anybodys() -> None:
    found = Pager.rebuild(talk(), OPENLY).fault(
        "What has Ann learned on the cello?", Ask(budget=4000, gate=False, mass=2.0)
    )
    order = [next(page.subject for page in found.pages if page.id == why.page) for why in found.why]
    assert order == ["Ann"] * order.count("Ann") + ["Bob"] * order.count("Bob")
    assert "Bob" in order


def test_what_nobody_spoke_of_is_not_searched_for() -> None:
    sure = msgspec.structs.replace(load(), floor=0.9999)
    pager = Pager.rebuild(talk(), sure)
    question = "How many camels did Ann ride in Morocco?"
    assert pager.fault(question, Ask(gate=False)).abstained
    assert not pager.fault(question, Ask(gate=False, rules=Rules(subject=False))).abstained


def test_confidence_is_higher_when_the_subject_said_it() -> None:
    pager = Pager.rebuild(talk())
    right = pager.fault("How much did Bob pay for the strings?").confidence
    wrong = pager.fault("How much did Ann pay for the strings?").confidence
    assert right > wrong


def test_doubt_brings_nothing_when_the_gate_is_on() -> None:
    doubting = msgspec.structs.replace(load(), threshold=2.0)
    found = Pager.rebuild(talk(), doubting).fault("What did Ann bake?")
    assert found.abstained
    assert found.pages == ()


def test_what_is_forgotten_is_gone() -> None:
    pager = Pager.rebuild(talk())
    pager.forget([3, 3, 99])
    assert "sourdough" not in texts(
        pager.fault("What did Ann bake?", Ask(gate=False, mass=2)).pages
    )
    assert len(pager) == len(SAID) - 1
    assert 3 not in {each.id for each in pager.pages()}


def test_superseded_pages_stay_out_and_time_travel_brings_them_back() -> None:
    pager = Pager.rebuild(talk())
    pager.supersede(3, at=19_010 * DAY)
    question = "What did Ann bake?"
    assert 3 not in {each.id for each in pager.fault(question, Ask(gate=False, mass=2)).pages}
    then = Ask(gate=False, rules=Rules(at=19_005 * DAY))
    assert pager.fault(question, then).why[0].page == 3
    old = pager.fault(question, Ask(gate=False, rules=Rules(old=True)))
    assert "Ann (superseded)" in old.text


def test_the_future_is_not_known() -> None:
    early = Ask(gate=False, mass=2.0, rules=Rules(at=19_000 * DAY, subject=False))
    found = Pager.rebuild(talk()).fault("Who plays the cello?", early)
    assert {each.id for each in found.pages} == {1, 2, 3, 4}


def test_a_fact_is_not_known_before_it_holds() -> None:
    fact = page_of(
        9, "Ann lives in Porto.", kind=Kind.FACT, subject="Ann", valid_from=50, valid_to=90
    )
    pager = Pager.rebuild([fact])

    def known(at: int) -> bool:
        found = pager.fault("Where does Ann live?", Ask(gate=False, rules=Rules(at=at)))
        return bool(found.pages)

    assert [known(at) for at in (49, 50, 89, 90)] == [False, True, True, False]


def test_of_copies_the_newest_comes_in() -> None:
    pager = Pager.rebuild(
        [*talk(), page_of(50, SAID[2][1], kind=Kind.PEOPLE, subject="Ann", group="9", turn=50)]
    )
    found = pager.fault("What did Ann bake?", Ask(gate=False, mass=2.0))
    ids = [each.id for each in found.pages]
    assert 50 in ids
    assert 3 not in ids


def test_resident_pages_and_their_copies_do_not_come_in_again() -> None:
    pager = Pager.rebuild(talk())
    found = pager.fault("What did Ann bake?", Ask(gate=False, rules=Rules(resident=frozenset({3}))))
    assert 3 not in {each.id for each in found.pages}
    assert (3, "resident") in {(each.page, each.rule) for each in found.refused}


def test_labels_decide_where_a_page_may_flow() -> None:
    pages = [
        msgspec.structs.replace(each, label="secret" if each.id == 3 else "") for each in talk()
    ]
    shut = Rules(flows=lambda label: label != "secret")
    found = Pager.rebuild(pages).fault("What did Ann bake?", Ask(gate=False, mass=2, rules=shut))
    assert 3 not in {each.id for each in found.pages}


@settings(max_examples=EXAMPLES)
@given(
    st.integers(1, 400), st.sampled_from(["What did Ann bake?", "cello", "zzz", "", "How is Bob?"])
)
def test_what_comes_in_fits(budget: int, question: str) -> None:
    found = PAGER.fault(question, Ask(budget=budget, mass=2.0, gate=False))
    assert found.tokens <= budget
    assert estimate(found.text) <= budget
    assert found.abstained == (not found.pages)


PAGER = Pager.rebuild(talk(3))


@settings(max_examples=EXAMPLES)
@given(st.permutations(range(4)), st.integers(1, 7))
def test_the_same_pages_give_the_same_fault(order: list[int], cut: int) -> None:
    pages = talk()
    apart = Pager()
    for i in range(0, len(pages), cut):
        apart.add(pages[i : i + cut])
        apart.fault("anything", OPEN)
    apart.add([pages[i] for i in order])  # known already
    ask = Ask(gate=False, mass=2.0)
    assert apart.fault("What did Ann bake?", ask) == Pager.rebuild(pages).fault(
        "What did Ann bake?", ask
    )


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([text for _, text in SAID]),
        st.sampled_from([Kind.PEOPLE, Kind.CHAT, Kind.TOOL]),
        st.sampled_from(["", "Ann", "Bob", "Carol"]),
        st.one_of(st.none(), st.integers(10_000, 21_000)),
        st.integers(0, 2),  # its conversation
        st.integers(1, 3),  # its pieces
    ),
    min_size=1,
    max_size=24,
)


def happened(events: list[tuple[str, Kind, str, int | None, int, int]]) -> list[Page]:
    pages: list[Page] = []
    for seq, (text, kind, who, day, group, pieces) in enumerate(events, 1):
        for piece in range(pieces):
            page = page_of(
                len(pages) + 1,
                f"{text} Part {piece}.",
                kind=kind,
                subject=who,
                role="user" if group else "assistant",
                time=None if day is None else day * DAY,
                group=str(group),
                turn=seq,
                source=Source(seq=Seq(seq), start=piece),
            )
            pages.append(page)
    return pages


@settings(max_examples=EXAMPLES)
@given(EVENTS, st.sampled_from(["What did Ann bake?", "Who plays cello in March?"]), st.data())
def test_asked_as_it_was_it_answers_as_it_would_have(
    events: list[tuple[str, Kind, str, int | None, int, int]],
    question: str,
    data: st.DataObject,
) -> None:
    pages = happened(events)
    seq = data.draw(st.integers(0, len(events)))
    early = [page for page in pages if page.source.seq <= seq]
    now, then = Pager.rebuild(pages), Pager.rebuild(early)
    known = st.sets(st.sampled_from(pages).map(lambda page: page.id), max_size=3)
    gone, closed = data.draw(known), data.draw(known)
    for pager, held in ((now, pages), (then, early)):
        pager.forget(gone)
        for page in held:
            if page.id in closed - gone:
                pager.supersede(page.id, 20_000 * DAY)
    keys = np.array([page.source.seq << 32 | page.source.start for page in pages], dtype=np.int64)
    cosines = np.cos(np.arange(len(keys), dtype=np.float32))
    near, judged = Near(keys, cosines), Judged(keys[::2], cosines[: len(keys[::2])])
    for ask in (Ask(gate=False, mass=2.0, budget=4096), OPEN, Ask()):
        for heard in (Heard(), Heard(near), Heard(near, judged)):
            before, upto = heard.upto(Seq(seq)), replace(ask, upto=Seq(seq))
            assert now.fault(question, upto, heard) == then.fault(question, ask, before)
            shown = now.shortlist(question, upto, heard, 5)
            assert shown == then.shortlist(question, ask, before, 5)


def test_a_question_among_many_pages_does_not_stand_in_its_own_way() -> None:
    """More pages than are scored in full; the question itself is the last."""
    question = "What did Ann bake?"
    said = [msgspec.structs.replace(page, source=Source(seq=Seq(page.id))) for page in talk(300)]
    asked = page_of(len(said) + 1, question, role="user", source=Source(seq=Seq(len(said) + 1)))
    then, now = Pager.rebuild(said), Pager.rebuild([*said, asked])
    found = now.fault(question, replace(OPEN, upto=Seq(len(said))))
    assert found == then.fault(question, OPEN)
    assert now.fault(question, OPEN).why[0].page == asked.id


def test_an_empty_memory_has_nothing() -> None:
    assert Pager().fault("What did Ann bake?").abstained


def test_a_budget_must_hold_something() -> None:
    with pytest.raises(SysError) as caught:
        Pager().fault("x", Ask(budget=0))
    assert caught.value.code is Code.INVALID


def test_weights_for_other_features_are_refused() -> None:
    raw = msgspec.json.encode(msgspec.structs.replace(load(), names=("other",)))
    with pytest.raises(SysError, match="other features"):
        parse(raw)
    with pytest.raises(SysError, match="not a table"):
        parse(b"{}")


def test_the_shipped_weights_say_where_they_came_from() -> None:
    assert "fit_pager" in load().note
    assert parse(msgspec.json.encode(load())) == load()


def test_with_room_for_others_nobody_is_refused_for_what_one_did_not_say() -> None:
    sure = msgspec.structs.replace(load(), floor=0.9999)
    found = Pager.rebuild(talk(), sure).fault(
        "How many camels did Ann ride in Morocco?", Ask(budget=4000, gate=False, mass=2.0)
    )
    assert not found.abstained


def test_what_a_reranker_prefers_comes_first() -> None:
    """Of pages that words do not tell apart; those it was not shown are as if it had said nothing."""
    whens = ("monday", "tuesday", "easter", "christmas", "friday", "sunday")
    pages = happened([(f"The {w} ferry was late.", Kind.CHAT, "", None, 0, 1) for w in whens])
    pager = Pager.rebuild(pages)
    ask = Ask(gate=False, mass=2.0, budget=4096)
    plain = [why.page for why in pager.fault("was the ferry late?", ask).why]
    places = np.array([page.source.seq << 32 | page.source.start for page in pages], dtype=np.int64)
    for liked in range(1, 4):
        scores = np.array([2.0, 2.5, 3.0], dtype=np.float32)
        scores[liked - 1] = 9.0
        heard = Heard(judged=Judged(places[1:4], scores))
        why = pager.fault("was the ferry late?", ask, heard).why
        assert why[0].page == pages[liked].id
        assert dict(why[0].moved)["rerank"] > 0
        assert {one.page for one in why} == set(plain)
    same = Heard(judged=Judged(places, np.full(6, 7.0, dtype=np.float32)))
    assert pager.fault("was the ferry late?", ask, same) == pager.fault("was the ferry late?", ask)
