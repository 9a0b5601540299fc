"""The one table; the files of this room add to it."""

from logos.kernel.syscall import Table

TABLE = Table()
