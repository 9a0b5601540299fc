"""PostgreSQL.  The only room that imports a database driver.

    open_store(url, settings)   an async context manager giving a Store
    Store.transaction()         a Cursor; everything in it happens or nothing does
    Store.connection()          a Cursor without a transaction: one statement each
    Store.persist(attempt)      run it again, with backoff, while the database is away
    Store.listen(channel)       notifications: hints that something changed, never data
    Queries                     the statements of one .sql file, by name
    migrate(url)                bring a database up to date
    Embedded                    an embedded server, for a home without a URL

A lost connection raises `Lost`: nobody knows whether the statement was executed.  Callers that can
find out do (the journal's writer does, from the head of each process); the others report it.
"""

from logos.store.embedded import Embedded
from logos.store.pool import Cursor, Fault, Listener, Lost, Store, open_store
from logos.store.sql import Queries, Statement
from logos.store.upgrade import migrate

__all__ = [
    "Cursor",
    "Embedded",
    "Fault",
    "Listener",
    "Lost",
    "Queries",
    "Statement",
    "Store",
    "migrate",
    "open_store",
]
