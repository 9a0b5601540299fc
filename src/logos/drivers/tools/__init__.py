"""tool.call, and /tools: every tool that is not a system call, wherever it comes from.

    Tools     the Tool of tool.call, and the Mount of /tools; places are put in and taken out
    Pinned    a place whose tools are those that a person accepted
    Pins      where what was accepted is kept
    replace_file(file, data)    all of it or nothing, also when the power goes

`router.py` finds the place of a tool, `tree.py` shows them as a folder, `words.py` finds them by
what they do, `pins.py` notices when a server's tools are others than before.
"""

from logos.drivers.tools.pins import Pinned, Pins, replace_file
from logos.drivers.tools.router import Tools

__all__ = ["Pinned", "Pins", "Tools", "replace_file"]
