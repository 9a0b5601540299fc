"""The sandbox: runs untrusted code where it can do no harm.

    open_sandbox, LocalSandbox     a `Sandbox` of one mode

`driver.py` keeps the workspaces' turns and uids, `cage.py` one sandbox from start to end, `talk.py`
talks to a program that stays, `host.py` listens to one, `plan.py` says all that a sandbox can see,
`launcher.py` runs inside and confines itself. `machine.py` looks at what the machine offers,
`layers.py` tries all of it; `cgroup.py`, `landlock.py`, `seccomp.py` and `syscalls.py`, `uids.py`
are the mechanisms.
"""

from logos.drivers.sandbox.driver import LocalSandbox, open_sandbox

__all__ = ["LocalSandbox", "open_sandbox"]
