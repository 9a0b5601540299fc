"""The agent loop as a pure function of the state.

    agent   Process -> Action

It keeps nothing between two questions, so a restarted kernel goes on by asking again.
"""

from logos.abi.process import Act, AnyAction, Finish, Idle, Process, Think

TERMINATED = 128 + 15
"""Exit status after `term`: the answer is what there was time for, not success."""


def agent(process: Process, /) -> AnyAction:
    """Make the calls the model proposed; else think about what is new; else be done."""
    if process.proposed:
        return Act()
    if process.wrap_up is not None:
        # calls of the last thought are made (above), but their results are not thought about
        if process.wrap_up > 0:
            return Think()
        return Finish(status=TERMINATED, answer=process.answer)
    if process.news or not process.thoughts:
        return Think()
    if process.agent.resident:
        return Idle()
    return Finish(status=0, answer=process.answer)
