"""archive: the process behind a shared space.  It keeps what it is sent and uses no model.

archive   Process -> Idle, or Finish when told to end
"""

from logos.abi.process import AnyAction, Finish, Idle, Process


def archive(process: Process, /) -> AnyAction:
    """What arrives is in its journal already: there is nothing to do about it."""
    return Idle() if process.wrap_up is None else Finish()
