"""The tree of a process: which mount or driver carries out a call on a path.

    Mounts.tool(call)   the driver of a call, by its path where it is one on files
    Mounts.names        what stands in /, besides home

`/home` is the workspace and belongs to its driver.  Everything else in / is a Mount
(abi/mount.py): this room numbers lines, lists, and searches what a mount gives it, so that each
of them looks alike.  Invariant: the path that chose the mount is the normalised one that the
capabilities were checked against.
"""

from logos.kernel.mounts.tree import Drivers, Mounts

__all__ = ["Drivers", "Mounts"]
