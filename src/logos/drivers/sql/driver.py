"""The place `sql`: statements against the databases of the settings.

    Databases(names, find)   `find` gives the URL of one, when it is needed
    MANIFESTS                what its tools do, for who decides about calls

A query runs in a transaction that is read only, on a connection of its own, so that nothing it sets
outlives it; it is one statement, and must return rows: what returns none (COPY, DO, SET) could do things
that no transaction forbids.  How long it takes and how much it returns is bounded.

Invariant: nothing but `write` changes a database, and only with the right `write:/db/NAME`.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import anyio
import asyncpg
import msgspec
from msgspec import Meta

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.rights import allows
from logos.abi.tools import Hints, Offer, arguments_of, declared
from logos.drivers.sql.value import given, told

CONNECT_S = 10.0
STATEMENT_S = 30.0
ROWS = 10_000
FEW = 200
"""Rows, where nobody says how many."""

ANSWER_BYTES = 4 << 20
AT_A_TIME = 100

MANIFESTS: Mapping[str, Mapping[str, Any]] = {
    "query": {
        "impact": "read",
        "arguments": {
            "database": "name",
            "sql": "selector",
            "parameters": "selector",
            "limit": "choice",
        },
        "result": {"type": "row"},
    },
    "tables": {
        "impact": "read",
        "arguments": {"database": "name"},
        "result": {"type": "table"},
    },
    "write": {
        "impact": "irreversible",
        "arguments": {"database": "name", "sql": "command", "parameters": "content"},
        "verbs": ["insert", "update", "delete", "write", "change"],
    },
}

TABLES = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY n.nspname, c.relname, a.attnum
LIMIT 20000"""
"""Views of both kinds among them."""


class _Of(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    database: Annotated[str, Meta(description="its name in the settings")]


class _Query(_Of, frozen=True, kw_only=True):
    sql: Annotated[
        str, Meta(description="one statement that returns rows; $1, $2 … for parameters")
    ]
    parameters: tuple[Any, ...] = ()
    limit: Annotated[int, Meta(description="rows at most", ge=1, le=ROWS)] = FEW


class _Write(_Of, frozen=True, kw_only=True):
    sql: Annotated[str, Meta(description="one statement; $1, $2 … for parameters")]
    parameters: tuple[Any, ...] = ()


_TAKES: Mapping[str, tuple[type[_Of], str]] = {
    "query": (
        _Query,
        "Ask a database: rows of one statement, as columns and rows. It can change nothing.",
    ),
    "tables": (_Of, "The tables of a database, with their columns and types."),
    "write": (
        _Write,
        "Change a database: one statement, in a transaction. Needs the right write:/db/DATABASE.",
    ),
}


class Databases:
    def __init__(self, names: Sequence[str], find: Callable[[str], str]) -> None:
        self._names = tuple(sorted(names))
        self._find = find
        there = f"databases: {', '.join(self._names)}"
        self._offers = tuple(
            declared(
                name,
                f"{said} {there}.",
                takes,
                Hints(read_only=name != "write", open_world=False),
            )
            for name, (takes, said) in sorted(_TAKES.items())
        )

    alive = False

    def known(self) -> Sequence[Offer]:
        return self._offers

    async def offers(self) -> Sequence[Offer]:
        return self._offers

    async def stop(self) -> None:
        return

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        if tool not in _TAKES:
            raise SysError(Code.NOT_FOUND, f"sql has no tool {tool!r}")
        asked = arguments_of(f"sql/{tool}", _TAKES[tool][0], arguments)
        if asked.database not in self._names:
            there = ", ".join(self._names)
            raise SysError(
                Code.NOT_FOUND, f"no database {asked.database!r}", hint=f"there is {there}"
            )
        within = min(STATEMENT_S, job.deadline_s)
        value: Any
        match asked:
            case _Query():
                value = await self._queried(asked, within)
            case _Write():
                value = await self._written(job, asked, within)
            case _:
                value = await self._tables(asked.database, within)
        return msgspec.Raw(msgspec.json.encode(value))

    async def _queried(self, asked: _Query, within: float) -> dict[str, Any]:
        async with self._connected(asked.database, within) as db, db.transaction(readonly=True):
            statement = await db.prepare(asked.sql)
            columns = [one.name for one in statement.get_attributes()]
            if not columns:
                raise SysError(
                    Code.INVALID,
                    "that returns no rows",
                    hint="sql/write changes things, if you may",
                )
            rows: list[list[Any]] = []
            size = 0
            async for row in _rows(statement, asked.parameters):
                values = [told(value) for value in row]
                size += len(msgspec.json.encode(values))
                if len(rows) == asked.limit or (rows and size > ANSWER_BYTES):
                    return {"columns": columns, "rows": rows, "more": True}
                if size > ANSWER_BYTES:
                    raise SysError(
                        Code.LIMIT,
                        f"a row of {size} bytes is more than an answer holds",
                        hint="name fewer columns, or parts of them: left(text, 1000)",
                    )
                rows.append(values)
        return {"columns": columns, "rows": rows, "more": False}

    async def _tables(self, name: str, within: float) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        async with self._connected(name, within) as db, db.transaction(readonly=True):
            for schema, table, column, kind in await db.fetch(TABLES):
                full = table if schema == "public" else f"{schema}.{table}"
                found.setdefault(full, []).append(f"{column} {kind}")
        return found

    async def _written(self, job: Job, asked: _Write, within: float) -> dict[str, Any]:
        if not allows(job.caps, "write", f"/db/{asked.database}"):
            raise SysError(
                Code.DENIED,
                f"this process may not write to the database {asked.database}",
                hint=f"it takes the right write:/db/{asked.database}; sql/query reads",
            )
        async with self._connected(asked.database, within) as db, db.transaction():
            statement = await db.prepare(asked.sql)
            columns = [one.name for one in statement.get_attributes()]
            if not columns:
                await statement.fetch(*given(statement, asked.parameters))
                return {"status": statement.get_statusmsg(), "columns": [], "rows": []}
            rows: list[list[Any]] = []
            number = 0
            async for row in _rows(statement, asked.parameters):  # all of it: it is done row by row
                number += 1
                if number <= FEW:
                    rows.append([told(value) for value in row])
            return {"status": f"{number} rows", "columns": columns, "rows": rows}

    @asynccontextmanager
    async def _connected(
        self, name: str, within: float
    ) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        url = self._find(name)
        if not url.startswith(("postgres://", "postgresql://")):
            raise SysError(
                Code.INVALID, f"the URL of {name} is not PostgreSQL's", hint="postgresql://…"
            )
        settings = {
            "application_name": "logos-sql",
            "statement_timeout": str(int(within * 1000)),
            "idle_in_transaction_session_timeout": str(int(within * 2000)),
        }
        with _in_our_words(name, within):
            try:
                db = await asyncpg.connect(url, timeout=CONNECT_S, server_settings=settings)
            except TimeoutError as error:
                raise OSError(f"silent for {CONNECT_S:g} s") from error
            try:
                with anyio.fail_after(within):  # also where the network has gone
                    yield db
            finally:
                db.terminate()  # nothing is owed: a transaction that is not over is undone


async def _rows(statement: Any, parameters: Sequence[Any]) -> AsyncIterator[Any]:
    """One by one, and in memory no more than an answer holds where one is like another."""
    cursor = await statement.cursor(*given(statement, parameters))
    at_a_time = 1
    while found := await cursor.fetch(at_a_time):
        largest = max(sum(map(_bytes, row)) for row in found)
        at_a_time = max(1, min(AT_A_TIME, 2 * at_a_time, ANSWER_BYTES // max(largest, 1)))
        for row in found:
            yield row


def _bytes(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 8


@contextmanager
def _in_our_words(name: str, within: float) -> Iterator[None]:
    """What a database says of a statement is said; how it is reached is not."""
    try:
        yield
    except (asyncpg.QueryCanceledError, TimeoutError) as error:
        raise SysError(
            Code.TIMEOUT,
            f"{name} was not done within {within:g} s",
            hint="ask for less; EXPLAIN says how it is done",
        ) from error
    except asyncpg.ReadOnlySQLTransactionError as error:
        raise SysError(
            Code.DENIED,
            f"{name}: {error}",
            hint="sql/query reads; sql/write changes things, if you may",
        ) from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError) as error:
        raise SysError(
            Code.UNAUTHENTICATED, f"{name} does not let us in", hint="a person looks at its URL"
        ) from error
    except (asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, OSError) as error:
        raise SysError(
            Code.UNAVAILABLE,
            f"the database {name} does not answer",
            hint=f"a person looks whether it is up, and at databases.{name} in the settings",
        ) from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise SysError(
            Code.TOOL, f"{name}: {error}", hint="sql/tables says what there is"
        ) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise SysError(Code.TOOL, f"{name}: {error}") from error
    except ValueError as error:
        raise SysError(Code.INVALID, f"{name}: {type(error).__name__}: is its URL one?") from error
