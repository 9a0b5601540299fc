"""A process that runs an unmodified program.

    hosted   Process -> Action

The program is a call, `process.exec`, that stays open while it runs; its requests to models and
tools are journaled meanwhile.  When it fails it is started again, as often as the call allows.
"""

import msgspec

from logos.abi.calls import Exec, tool_name
from logos.abi.ids import CallId
from logos.abi.messages import ToolCall
from logos.abi.process import Act, AnyAction, Finish, Idle, Life, Process, Propose

DONE = (0, 128 + 2, 128 + 15)
"""It succeeded, or was told to end."""


def hosted(process: Process, /) -> AnyAction:
    """Run it; run it again after a failure, unless it was told to end."""
    if process.proposed:
        return Act()
    if process.ran is None:
        return Idle()
    if process.wrap_up is None and _again(process.ran):
        return Propose(call=_repeated(process.ran))
    return Finish(status=process.ran.status, answer=process.answer)


def _again(ran: Life) -> bool:
    if not ran.call or ran.status in DONE:
        return False
    return ran.lives <= msgspec.json.decode(ran.call, type=Exec).restarts


def _repeated(ran: Life) -> ToolCall:
    arguments = msgspec.json.decode(ran.call)
    del arguments["call"]
    return ToolCall(
        id=CallId(f"run{ran.lives + 1}"),
        name=tool_name(Exec),
        arguments=msgspec.json.encode(arguments).decode(),
    )
