"""PostgreSQL.  The only room that imports its driver.

    open_store(url, settings)   an async context manager giving a Store
    Store.transaction()         a Cursor; everything in it happens or nothing does
    Store.connection()          a Cursor without a transaction: one statement each
    Store.persist(attempt)      run it again, with backoff, while the database is away
    Store.listen(channel)       wake-ups; never truth
    Queries                     the statements of one .sql file, by name
    migrate(url)                bring a database up to date
    Embedded                    a server of our own, for a home without a URL

A lost connection is `Lost`: nobody knows whether the statement happened.  Who can find out
does (the journal's writer does, by the head of each process); who cannot, says so.
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
