"""What results of calls ask memory: names, and nothing but names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.agent import Agent
from logos.abi.driver import Effect
from logos.abi.errors import Code
from logos.abi.events import Called, Failed, Returned, Spawned, Thought
from logos.abi.ids import CallId, Seq
from logos.abi.messages import Finish, Message, Role, ToolCall, ToolResult, Usage
from logos.kernel.memory import Fault, Window, ask_for, page_of
from logos.kernel.memory.returned import MOST, asked_by, named


def told(content: str, arguments: str = "{}", *, error: bool = False) -> list[Message]:
    call = ToolCall(id=CallId("c"), name="fs_read", arguments=arguments)
    result = ToolResult(id=CallId("c"), content=content, error=error)
    return [
        Message(role=Role.ASSISTANT, content=(call,)),
        Message(role=Role.TOOL, content=(result,)),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("copied to the host Kestrel by Mira Hale", ["Kestrel", "Mira Hale"]),
        ('{"order": "ORD-7712", "n": 12}', ["ORD-7712"]),
        ("db-kestrel-2 refused; see config.yaml and max_size", ["db-kestrel-2", "config.yaml", "max_size"]),
        ("nothing of interest happened, twice. The end", []),
        ("12 of 14", []),
    ],
)  # fmt: skip
def test_what_is_named(text: str, names: list[str]) -> None:
    assert list(dict.fromkeys(named(text))) == names


def test_what_the_call_said_itself_is_not_asked() -> None:
    assert asked_by(told("read kestrel-2 of rack-9", '{"path": "/home/kestrel-2"}')) is not None
    asked = asked_by(told("read kestrel-2 of rack-9", '{"path": "/home/kestrel-2"}'))
    assert asked is not None
    assert asked.names == ("rack-9",)
    assert asked_by(told("read kestrel-2", '{"path": "/home/kestrel-2"}')) is None


def test_a_failed_call_asks_about_what_it_was_for() -> None:
    asked = asked_by(told("not there?", '{"path": "kestrel-2"}', error=True))
    assert asked is not None
    assert asked.names == ("kestrel-2",)
    assert asked.text.startswith("not there")
    assert "?" not in asked.text
    assert asked.about("The pump of Kestrel-2 leaks.")
    assert not asked.about("The pump leaks.")


@given(text=st.text(max_size=3000), arguments=st.text(max_size=200), failed=st.booleans())
def test_any_text_gives_few_names_that_stand_in_it(
    text: str, arguments: str, *, failed: bool
) -> None:
    asked = asked_by(told(text, arguments, error=failed))
    if asked is not None:
        assert 0 < len(asked.names) <= MOST
        assert all(name in text + arguments for name in asked.names)


def journal(result: Any) -> Window:
    window = Window(stored=1)
    call = ToolCall(id=CallId("c"), name="fs_read", arguments='{"path": "/home/log"}')
    events: list[Any] = [
        Spawned(agent=Agent(name="a"), task="", at=1),
        Thought(
            message=Message(role=Role.ASSISTANT, content=(call,)),
            usage=Usage(),
            finish=Finish.CALLS,
        ),
        Called(id=CallId("c"), name="fs.read", call=b"{}", effect=Effect.PURE),  # type: ignore[arg-type]
        result,
    ]
    for seq, event in enumerate(events, 1):
        window.apply(Seq(seq), event)
    return window


def test_results_ask_where_an_agent_wants_it() -> None:
    done = Returned(id=CallId("c"), value=b'"copied to kestrel-2"')  # type: ignore[arg-type]
    window = journal(done)
    assert ask_for(window, 4000) is None
    question = ask_for(window, 4000, results=True)
    assert question is not None
    assert question.text == "kestrel-2"
    assert 4 in question.ask.rules.events
    assert question.ask.budget < 4000 / 10
    texts = ("The pump of kestrel-2 leaks.", "The pump of heron-1 leaks.")
    pages = tuple(page_of(n, text) for n, text in enumerate(texts))
    found = question.fitting(Fault(pages, 20, abstained=False, confidence=1.0, mass=1.0))
    assert [page.text for page in found.pages] == [texts[0]]


def test_a_failure_asks_too_and_nothing_named_asks_nothing() -> None:
    failed = Failed(id=CallId("c"), code=Code.UNAVAILABLE, message="kestrel-2 is away")
    question = ask_for(journal(failed), 4000, results=True)
    assert question is not None
    assert "kestrel-2" in question.text
    quiet = Returned(id=CallId("c"), value=b'"nothing happened"')  # type: ignore[arg-type]
    assert ask_for(journal(quiet), 4000, results=True) is None
