"""What was made of a message is made once, as long as it is kept."""

from logos.abi.messages import Message, Role, said
from logos.drivers.model.kept import OVERHEAD, Kept


def test_the_same_message_is_looked_at_once() -> None:
    seen: list[Message] = []

    def look(one: Message) -> str:
        seen.append(one)
        return one.text

    kept = Kept(look)
    one, like_it = said(Role.USER, "hello"), said(Role.USER, "hello")
    assert kept([one, like_it, one]) == ["hello"] * 3
    assert len(seen) == 2


def test_what_is_kept_is_bounded_by_its_size() -> None:
    seen: list[str] = []
    kept = Kept(lambda one: seen.append(one.text), most=2 * OVERHEAD + 10)
    few = [said(Role.USER, text) for text in ("a", "b", "c")]
    large = said(Role.USER, "x" * 10_000)
    kept([*few, few[2], few[1], few[0], large, large])
    assert seen == ["a", "b", "c", "a", large.text, large.text]
