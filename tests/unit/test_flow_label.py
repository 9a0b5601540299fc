"""Labels are a bounded lattice, and data flows only where it may."""

from hypothesis import given, settings
from hypothesis import strategies as st

from logos.kernel.flow import Integrity, Label, flows, join

NAMES = st.frozensets(st.sampled_from(["anna", "ben", "cleo"]))
LABELS = st.builds(
    Label,
    integrity=st.sampled_from(Integrity),
    readers=st.none() | NAMES,
    secrets=st.frozensets(st.sampled_from(["key", "salary"])),
)


@settings(deadline=None, max_examples=50)
@given(LABELS, LABELS, LABELS)
def test_join_is_a_lattice(a: Label, b: Label, c: Label) -> None:
    assert a | a == a
    assert a | b == b | a
    assert (a | b) | c == a | (b | c)
    assert join() | a == a
    assert a <= a | b
    if a <= b <= a:
        assert a == b


@settings(deadline=None, max_examples=50)
@given(LABELS, LABELS, LABELS)
def test_more_restricted_data_never_flows_further(a: Label, b: Label, place: Label) -> None:
    if flows(a | b, place):
        assert flows(a, place)
        assert flows(b, place)


@settings(deadline=None, max_examples=50)
@given(st.lists(LABELS, max_size=5))
def test_the_order_of_reading_does_not_matter(labels: list[Label]) -> None:
    assert join(*labels) == join(*reversed(labels))


def test_readers() -> None:
    team = Label(integrity=Integrity.AGENT, readers=frozenset({"anna", "ben"}))
    to_anna = Label(integrity=Integrity.UNTRUSTED, readers=frozenset({"anna"}))
    assert flows(team, to_anna)
    assert not flows(team, Label(readers=None))
    assert not flows(to_anna, Label(integrity=Integrity.AGENT, readers=frozenset({"anna"})))


def test_a_secret_flows_only_to_a_cleared_place() -> None:
    secret = Label(integrity=Integrity.PRINCIPAL, secrets=frozenset({"key"}))
    assert not flows(secret, Label())
    assert flows(secret, Label(secrets=frozenset({"key"})))
