"""The table of handlers, to which the files of this room add."""

from logos.kernel.syscall import Table

TABLE = Table()
