"""Virtual context memory: what of a process's history its model sees.  Pure.

Window    the fold of a journal that a prompt is made of; pages out what does not fit
render    a result as the model reads it
"""

from logos.kernel.memory.window import Turn, Window, render

__all__ = ["Turn", "Window", "render"]
