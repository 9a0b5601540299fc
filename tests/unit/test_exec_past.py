"""What a program has asked, taken again run by run."""

from logos.abi.events import Answered, Proposed
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.hosting.flight import Flight
from logos.hosting.past import Past, digest_of, digest_of_call

ASKED = digest_of("/v1/chat/completions", b'{"a": 1}')


def answered(past: Past, *bodies: str) -> None:
    for body in bodies:
        past.learn(Answered(request=ASKED, path="", status=200, kind="", body=body))


def bodies(past: Past, times: int) -> list[bytes | None]:
    flights = [past.answer(past.take(ASKED)) for _ in range(times)]
    return [flight.body if flight else None for flight in flights]


def test_equal_questions_get_their_answers_in_turn_in_each_run() -> None:
    past = Past()
    answered(past, "one", "two")
    for _ in range(2):
        past.begin()
        assert past.left == 2
        assert bodies(past, 3) == [b"one", b"two", None]
        assert past.left == 0


def test_what_nobody_waited_for_is_taken_again_itself() -> None:
    past = Past()
    answered(past, "one", "two")
    past.begin()
    first, _ = past.take(ASKED), past.take(ASKED)
    past.give_back(first)
    assert past.left == 1
    assert bodies(past, 1) == [b"one"]


def test_a_run_that_has_ended_gives_nothing_back() -> None:
    past = Past()
    answered(past, "one")
    past.begin()
    late = past.take(ASKED)
    past.begin()
    assert bodies(past, 1) == [b"one"]
    past.give_back(late)
    assert past.left == 0
    assert bodies(past, 1) == [None]


def test_what_is_given_back_twice_is_somebody_else_s_by_then() -> None:
    """A client says that it gave up, asks again, and only then does its first connection end."""
    past = Past()
    answered(past, "one", "two")
    past.begin()
    first = past.take(ASKED)
    past.give_back(first)
    assert bodies(past, 1) == [b"one"]
    past.give_back(first)
    assert bodies(past, 1) == [b"two"]


def test_what_was_not_made_is_not_given_back_for_the_next() -> None:
    past = Past()
    past.begin()
    digest = digest_of_call("add", '{"n": 1}')
    first, second = past.take(digest), past.take(digest)
    for id_ in ("t1", "t2"):
        past.learn_call(ToolCall(id=CallId(id_), name="add", arguments='{"n": 1}'))
    past.forget_call(first.digest, CallId("t1"))
    past.give_back(first)
    assert second.number == 1
    assert past.call(past.take(digest)) is None, "the second is still waited for by who asked"


def test_what_was_no_answer_leaves_its_place() -> None:
    past = Past()
    failed, good = Flight(), Flight()
    past.begin()
    past.answers[ASKED] = [failed, good]
    past.take(ASKED), past.take(ASKED)
    past.forget(ASKED, failed)
    again = past.take(ASKED)
    assert again.number == 1
    assert past.answer(again) is None


def test_a_call_given_up_is_the_same_call_when_it_is_made_again() -> None:
    past = Past()
    past.begin()
    digest = digest_of_call("add", '{"n": 1}')
    given_up = past.take(digest)
    assert past.call(given_up) is None
    call = ToolCall(id=CallId("t1"), name="add", arguments='{"n": 1}')
    past.learn(Proposed(calls=(call,)))
    past.give_back(given_up)
    assert past.call(past.take(digest)) == "t1"
    assert past.call(past.take(digest)) is None
