"""What memory is asked before a thought."""

from typing import Any

from logos.abi.agent import Agent
from logos.abi.events import Received, Remembered, Spawned
from logos.abi.ids import MailId, Seq
from logos.kernel.memory import Recall, Window, ask_for

AT = 1_700_000_000_000_000
QUESTION = "Where does the cake come from?"


def test_a_question_does_not_answer_itself() -> None:
    window, recall = Window(), Recall()
    events: list[Any] = [
        Spawned(agent=Agent(name="a"), task="", at=AT),
        Remembered(path="/mem/archive/1", text="The cake comes from Elm Street.", kind="chat"),
        Received(mail=MailId(1), text=QUESTION),
    ]
    for seq, event in enumerate(events, 1):
        window.apply(Seq(seq), event)
        recall.add(Seq(seq), AT, event)
    asked = ask_for(window, 4000)
    assert asked is not None
    assert QUESTION in asked.text
    assert 3 in asked.ask.rules.events
    found = recall.fault(asked.text, asked.ask)
    assert 3 not in {page.source.seq for page in found.pages}
