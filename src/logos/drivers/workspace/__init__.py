"""The files of a process: fs.list, fs.read, fs.search, fs.write and fs.append on its own folder.

    Workspace   the Tool (and, for fs.append, the Reconciler)

`/home` is the folder a Job names.  No path, link or race leads out of it: every file is
opened relative to that folder by the operating system's own rule.
"""

from logos.drivers.workspace.driver import Workspace

__all__ = ["Workspace"]
