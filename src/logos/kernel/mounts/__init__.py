"""The tree of a process: which mount or driver carries out a call on a path.

    Mounts.tool(call)   the driver of a call; for a call on files, by its path
    Mounts.names        the folders of /, except home

`/home` is the workspace and belongs to its driver.  Everything else in / is a Mount (abi/mount.py):
this room numbers lines, formats listings and searches, so that all mounts behave alike.  Invariant:
the path that chose the mount is the normalised one that the capabilities were checked against.
"""

from logos.kernel.mounts.tree import Drivers, Mounts

__all__ = ["Drivers", "Mounts"]
