"""The programs: what a process does next, from its state alone."""

import pytest

from logos.abi.agent import Agent
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.abi.process import Act, AnyAction, Finish, Idle, Process, Think
from logos.programs import PROGRAMS, agent, init

CALL = ToolCall(id=CallId("1.1"), name="fs_list", arguments="{}")
RESIDENT = Agent(name="shell", resident=True)


@pytest.mark.parametrize(
    ("process", "action"),
    [
        (Process(task="t", news=1), Think()),
        (Process(task="t"), Think()),
        (Process(thoughts=1, proposed=(CALL,)), Act()),
        (Process(thoughts=1, proposed=(CALL,), news=2), Act()),
        (Process(thoughts=1, news=1), Think()),
        (Process(thoughts=2, answer="42"), Finish(status=0, answer="42")),
        (Process(thoughts=2, answer="42", agent=RESIDENT), Idle()),
        (Process(thoughts=2, news=1, agent=RESIDENT), Think()),
        (Process(thoughts=2, wrap_up=1), Think()),
        (Process(thoughts=2, wrap_up=1, proposed=(CALL,)), Act()),
        (
            Process(thoughts=3, wrap_up=0, news=1, answer="so far"),
            Finish(status=143, answer="so far"),
        ),
        (Process(thoughts=3, wrap_up=0, agent=RESIDENT), Finish(status=143)),
        (Process(thoughts=0, wrap_up=0), Finish(status=143)),
    ],
)
def test_agent(process: Process, action: AnyAction) -> None:
    assert agent(process) == action


def test_init_only_waits() -> None:
    assert init(Process()) == Idle()
    assert init(Process(news=3, proposed=(CALL,), wrap_up=0)) == Idle()


def test_programs_are_found_by_the_name_an_agent_carries() -> None:
    assert PROGRAMS[Agent(name="x").program] is agent
    assert PROGRAMS["init"] is init
