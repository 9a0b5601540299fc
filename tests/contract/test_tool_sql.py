"""The place `sql`, on a real PostgreSQL: it reads, and changes nothing without the right to."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from mounted import job

from logos.abi.errors import Code, SysError
from logos.abi.rights import parse
from logos.drivers import sql
from logos.kernel import check_manifests

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(url: str, tmp_path: Path) -> AsyncIterator["Shop"]:
    db = await asyncpg.connect(url)
    await db.execute(
        "CREATE TABLE item (id int PRIMARY KEY, name text, price numeric, since date);"
        "INSERT INTO item SELECT n, 'item ' || n, n * 1.5, '2026-01-01' FROM generate_series(1, 500) n"
    )
    yield Shop(
        sql.Databases(["shop", "other", "gone"], lambda name: URLS.get(name, url)), tmp_path, db
    )
    await db.close()


URLS = {"other": "mysql://root:hush@127.0.0.1/x", "gone": "postgresql://u:hush@127.0.0.1:9/x"}


class Shop:
    def __init__(self, place: sql.Databases, folder: Path, db: Any) -> None:
        self.place, self.folder, self.db = place, folder, db

    async def ask(self, tool: str, *rights: str, **arguments: Any) -> Any:
        arguments.setdefault("database", "shop")
        asked = job(self.folder / "p", tool, arguments)
        asked = msgspec.structs.replace(asked, caps=frozenset(map(parse, rights)))
        return msgspec.json.decode(
            await self.place.call(asked, tool, msgspec.Raw(msgspec.json.encode(arguments)))
        )

    async def refused(self, tool: str, *rights: str, **arguments: Any) -> Code:
        with pytest.raises(SysError) as caught:
            await self.ask(tool, *rights, **arguments)
        assert "hush" not in str(caught.value)
        return caught.value.code


async def test_rows_come_back_in_bounds(shop: Shop) -> None:
    found = await shop.ask("query", sql="SELECT * FROM item WHERE id = $1", parameters=[3])
    assert found == {
        "columns": ["id", "name", "price", "since"],
        "rows": [[3, "item 3", "4.5", "2026-01-01"]],
        "more": False,
    }
    whole = await shop.ask("query", sql="SELECT id FROM item ORDER BY id", limit=2)
    assert (whole["rows"], whole["more"]) == ([[1], [2]], True)
    wide = await shop.ask("query", sql="SELECT repeat('x', 1000000) FROM item")
    assert len(wide["rows"]) < 5
    assert wide["more"]
    typed = "SELECT $1::date, $2::numeric, $3::jsonb, $4::timestamptz, $5::uuid, ARRAY[1, 2]"
    given = ["2026-01-02", 1.5, {"a": 1}, "2026-01-02T00:00:00+00:00", "0" * 32]
    [row] = (await shop.ask("query", sql=typed, parameters=given))["rows"]
    assert row[:2] == ["2026-01-02", "1.5"]
    assert row[5] == [1, 2]
    assert (await shop.ask("tables"))["item"][0] == "id integer"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM item",
        "SELECT 1; DELETE FROM item",
        "WITH gone AS (DELETE FROM item RETURNING *) SELECT * FROM gone",
        "COMMIT",
        "SET TRANSACTION READ WRITE",
        "SET default_transaction_read_only = off",
        "COPY item TO '/tmp/planted'",
        "COPY item TO PROGRAM 'touch /tmp/planted'",
        "DO $$ BEGIN DELETE FROM item; END $$",
        "EXPLAIN ANALYZE DELETE FROM item",
        "CREATE TABLE more (a int)",
        "SELECT nextval(pg_get_serial_sequence('item', 'id')) FROM no_such_table",
        "",
    ],
)
async def test_a_query_changes_nothing(shop: Shop, statement: str) -> None:
    code = await shop.refused("query", "write:/db/shop", sql=statement)
    assert code in (Code.INVALID, Code.DENIED, Code.TOOL)
    assert await shop.db.fetchval("SELECT count(*) FROM item") == 500


async def test_writing_takes_a_right_of_its_own(shop: Shop) -> None:
    change = {"sql": "UPDATE item SET name = $1 WHERE id = 1", "parameters": ["'; --"]}
    assert await shop.refused("write", "write:/db/other", "call:/tools/**", **change) is Code.DENIED
    assert (await shop.ask("write", "write:/db/shop", **change))["status"] == "UPDATE 1"
    assert await shop.db.fetchval("SELECT name FROM item WHERE id = 1") == "'; --"


async def test_what_goes_wrong_is_said_and_the_url_is_not(shop: Shop) -> None:
    slow = msgspec.structs.replace(job(shop.folder / "p", "query"), deadline_s=0.2)
    raw = msgspec.Raw(b'{"database": "shop", "sql": "SELECT pg_sleep(20)"}')
    with pytest.raises(SysError) as caught:
        await shop.place.call(slow, "query", raw)
    assert caught.value.code is Code.TIMEOUT
    assert await shop.refused("query", sql="SELECT * FROM nothing") is Code.TOOL
    assert await shop.refused("query", sql="SELECT $1::int", parameters=["x"]) is Code.TOOL
    assert await shop.refused("query", sql="SELECT $1::int") is Code.INVALID
    assert await shop.refused("query", sql="SELECT 1", database="none") is Code.NOT_FOUND
    assert await shop.refused("query", sql="SELECT 1", database="other") is Code.INVALID
    assert await shop.refused("query", sql="SELECT 1", database="gone") is Code.UNAVAILABLE
    assert await shop.refused("query", sq="SELECT 1") is Code.INVALID
    assert await shop.refused("drop") is Code.NOT_FOUND


def test_its_manifests_are_some() -> None:
    check_manifests(sql.MANIFESTS)
    assert {offer.name for offer in sql.Databases([], str).known()} == set(sql.MANIFESTS)


async def test_what_json_lacks_is_a_text_that_the_database_reads_again(shop: Shop) -> None:
    odd = {
        "'NaN'::float8": "NaN",
        "'-Infinity'::float8": "-Infinity",
        "int4range(1, 5)": '["1","5")',
        "daterange('2026-01-01', NULL)": '["2026-01-01",)',
        "'empty'::int4range": "empty",
        "B'1010011'": "1010011",
        "interval '1 day'": "86400.0 seconds",
    }
    asked = ", ".join(f"{given} AS c{n}" for n, given in enumerate(odd))
    [row] = (await shop.ask("query", sql=f"SELECT {asked}"))["rows"]
    assert row == list(odd.values())
    types = ("float8", "float8", "int4range", "daterange", "int4range", "bit(7)", "interval")
    back = " AND ".join(
        f"'{text}'::{kind} = {given}"
        for kind, (given, text) in zip(types, odd.items(), strict=True)
    )
    assert (await shop.ask("query", sql=f"SELECT {back}"))["rows"] == [[True]]


async def test_a_row_that_no_answer_holds_is_refused_with_what_to_ask_instead(shop: Shop) -> None:
    with pytest.raises(SysError, match="more than an answer holds") as caught:
        await shop.ask("query", sql="SELECT repeat('x', 5000000)")
    assert (caught.value.code, "left(" in caught.value.hint) == (Code.LIMIT, True)


async def test_rows_that_a_change_returns_are_bounded_and_all_of_it_is_done(shop: Shop) -> None:
    change = {"sql": "UPDATE item SET name = repeat('y', 10000) RETURNING id, name"}
    told = await shop.ask("write", "write:/db/shop", **change)
    assert (told["status"], len(told["rows"])) == ("500 rows", 200)
    assert await shop.db.fetchval("SELECT count(*) FROM item WHERE name LIKE 'yy%'") == 500


async def test_tables_are_those_that_may_be_read_with_views_of_both_kinds(shop: Shop) -> None:
    await shop.db.execute(
        "CREATE MATERIALIZED VIEW cheap AS SELECT id, price FROM item WHERE price < 10;"
        "CREATE SCHEMA apart; CREATE TABLE apart.note (text varchar(20), at timestamptz)"
    )
    tables = await shop.ask("tables")
    assert tables["cheap"] == ["id integer", "price numeric"]
    assert tables["apart.note"] == ["text character varying(20)", "at timestamp with time zone"]
    assert not any(name.startswith(("pg_", "information_schema")) for name in tables)


async def test_a_mistake_says_where_to_look(shop: Shop) -> None:
    for statement, database, hint in (
        ("SELECT * FROM itme", "shop", "sql/tables"),
        ("SELECT nmae FROM item", "shop", "sql/tables"),
        ("SELECT 1", "gone", "databases.gone"),
    ):
        with pytest.raises(SysError) as caught:
            await shop.ask("query", sql=statement, database=database)
        assert hint in caught.value.hint
