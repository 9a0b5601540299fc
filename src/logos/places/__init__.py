"""Where tools come from: what is mounted, kept, and opened when somebody first touches it.

    open_places    an async context manager: Places, with what settings and this home name
    Places         .tools (tool.call and /tools), add, remove, accept, shown
    Shown          one mount, for people
    Own            a place that comes with us: `peripherals.py` makes those that settings ask for
    homes          the folders a program needs to start

What people mount with `logos mount` is kept in the home, one folder each: what it is, what was
accepted of its tools, and the folder it may write.
"""

from logos.places.opening import homes
from logos.places.table import Own, Places, Shown, open_places

__all__ = ["Own", "Places", "Shown", "homes", "open_places"]
