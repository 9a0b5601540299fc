"""Virtual context memory: what of a process's history its model sees.  Pure.

Window      the fold of a journal that a prompt is made of; pages out what does not fit
page_text   the exact text of a page, resident or not
render      a result as the model reads it
"""

from logos.kernel.memory.window import Turn, Window, page_text, render

__all__ = ["Turn", "Window", "page_text", "render"]
