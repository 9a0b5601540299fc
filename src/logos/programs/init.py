"""init: pid 1.  It owns what nobody else owns and uses no model.

init   Process -> Idle
"""

from logos.abi.process import AnyAction, Idle, Process


def init(process: Process, /) -> AnyAction:
    """Wait.  The kernel makes orphans its children; it does nothing itself."""
    del process
    return Idle()
