"""Programs that nobody changed: their models and tools are the kernel's, and so is their memory.

    open_hosting(machine)    an async context manager: programs are answered until it is left

    keeper.py    one run of a program: from its door to its journal
    door.py      its HTTP requests; flight.py is one answer on its way
    mcp.py       its tools, as one MCP server
    past.py      what its journal says it did, and how much of that it has repeated

Started again after a crash, a program repeats what it did; what it repeats is answered from the
journal of its process, and nothing is paid or done twice.  Law: an answer is in the journal before
the program has all of it.
"""

from logos.hosting.keeper import open_hosting

__all__ = ["open_hosting"]
