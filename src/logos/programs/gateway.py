"""A client's conversation: the client at the gateway speaks the other side.

    gateway   Process -> Action

One thought per turn, and none before something was said.  The client carries out the calls its
model proposes, so this program never acts; after a failed thought the client decides whether to ask
again.
"""

from logos.abi.process import AnyAction, Finish, Idle, Process, Think

TERMINATED = 128 + 15


def gateway(process: Process, /) -> AnyAction:
    """Think when something was said; wait for the client otherwise."""
    if process.wrap_up is not None:
        return Finish(status=TERMINATED, answer=process.answer)
    if process.news and process.options is not None and not process.failures:
        return Think()
    if not process.agent.resident:
        return Finish(status=0, answer=process.answer)  # nobody will come back to it
    return Idle()
