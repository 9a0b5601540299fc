"""init: pid 1.  It owns what nobody else owns and asks no model.

init   Process -> Idle
"""

from logos.abi.process import AnyAction, Idle, Process


def init(process: Process, /) -> AnyAction:
    """Wait.  Orphans are its children by the kernel's doing, not by its own."""
    del process
    return Idle()
