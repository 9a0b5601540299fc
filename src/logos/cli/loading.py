"""Run a part of the command that takes a while to load.

    python -P loading.py MODULE [WORDS]    as `python -P -m MODULE [WORDS]`

Invariant: until MODULE handles Ctrl-C itself, Ctrl-C ends the process by the signal, without a traceback.
"""

import runpy
import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
