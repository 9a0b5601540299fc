"""Databases of the settings, asked in SQL.

    Databases   a place of tools: query, tables, write

It speaks PostgreSQL.  What may be done is decided by the database's own transaction, and what a process may
by its rights; no statement is read here.
"""

from logos.drivers.sql.driver import MANIFESTS, Databases

__all__ = ["MANIFESTS", "Databases"]
