"""archive: a space that several processes share.  It keeps what it is sent and asks no model.

archive   Process -> Idle, or Finish when it is asked to end
"""

from logos.abi.process import AnyAction, Finish, Idle, Process


def archive(process: Process, /) -> AnyAction:
    """What arrives is in its journal already: there is nothing to do about it."""
    return Idle() if process.wrap_up is None else Finish()
