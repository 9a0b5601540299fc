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
SELECT table_schema, table_name, column_name, data_type
FROM information_schema.columns
WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
ORDER BY table_schema, table_name, ordinal_position"""


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
            size, more = 0, False
            cursor = await statement.cursor(*given(statement, asked.parameters))
            while not more and (found := await cursor.fetch(AT_A_TIME)):
                for row in found:
                    values = [told(value) for value in row]
                    size += len(msgspec.json.encode(values))
                    if len(rows) == asked.limit or size > ANSWER_BYTES:
                        more = True
                        break
                    rows.append(values)
        return {"columns": columns, "rows": rows, "more": more}

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
            rows = await statement.fetch(*given(statement, asked.parameters))
            columns = [one.name for one in statement.get_attributes()]
            values = [[told(value) for value in row] for row in rows[:FEW]]
            return {"status": statement.get_statusmsg(), "columns": columns, "rows": values}

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
            db = await asyncpg.connect(url, timeout=CONNECT_S, server_settings=settings)
            try:
                yield db
            finally:
                db.terminate()  # nothing is owed: a transaction that is not over is undone


@contextmanager
def _in_our_words(name: str, within: float) -> Iterator[None]:
    """What a database says of a statement is said; how it is reached is not."""
    try:
        yield
    except (asyncpg.QueryCanceledError, TimeoutError) as error:
        raise SysError(Code.TIMEOUT, f"{name} was not done within {within:g} s") from error
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
        raise SysError(Code.UNAVAILABLE, f"the database {name} does not answer") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise SysError(Code.TOOL, f"{name}: {error}") from error
    except ValueError as error:
        raise SysError(Code.INVALID, f"{name}: {type(error).__name__}: is its URL one?") from error
