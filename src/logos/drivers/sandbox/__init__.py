"""The sandbox: runs somebody's code where it can do no harm, and reads what it left behind.

    open_sandbox, LocalSandbox     a `Sandbox` of one mode
    open_beneath, read_regular,
    write_regular, listing, remove files in a folder where hostile code has been

`driver.py` keeps the workspaces' turns and uids, `cage.py` one sandbox from start to end,
`plan.py` says all that a sandbox can see, `launcher.py` runs inside and confines itself.
`machine.py` looks at what the machine offers; `cgroup.py`, `landlock.py`, `seccomp.py` and
`syscalls.py`, `uids.py` are the mechanisms; `beneath.py` is the way back to the files.
"""

from logos.drivers.sandbox.beneath import (
    listing,
    open_beneath,
    read_regular,
    remove,
    write_regular,
)
from logos.drivers.sandbox.driver import LocalSandbox, open_sandbox

__all__ = [
    "LocalSandbox",
    "listing",
    "open_beneath",
    "open_sandbox",
    "read_regular",
    "remove",
    "write_regular",
]
