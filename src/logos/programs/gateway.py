"""A client's conversation: its side is spoken by whoever is at the gateway.

    gateway   Process -> Action

One thought for each turn, and none before anything was asked.  What the model proposes is the
client's to carry out, so nothing is ever acted on here; and after a failed thought the client
decides whether to ask again.
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
