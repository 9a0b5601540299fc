"""Named statements: what is a parameter and what only looks like one."""

from importlib import resources

import pytest

from logos.store import Queries
from logos.store.sql import _statement

FILES = [("logos.kernel.journal", "journal.sql"), ("logos.kernel.node", "node.sql")]


@pytest.mark.parametrize(("package", "file"), FILES)
def test_every_statement_of_a_file_is_found(package: str, file: str) -> None:
    queries = Queries(package, file)
    text = (resources.files(package) / file).read_text(encoding="utf-8")
    names = [line.split()[-1] for line in text.splitlines() if line.startswith("-- name:")]
    assert names
    assert len(set(names)) == len(names)
    for name in names:
        statement = getattr(queries, name)
        assert statement.name == name
        assert statement.text.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}
        assert ";" not in statement.text
        assert "{" not in statement.text
        for n in range(1, len(statement.parameters) + 1):
            assert f"${n}" in statement.text


def test_a_statement_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match=r"no statement 'nothing' in journal\.sql"):
        _ = Queries(*FILES[0]).nothing


@pytest.mark.parametrize(
    ("body", "text", "parameters"),
    [
        ("SELECT :a, :b, :a;\n", "SELECT $1, $2, $1", ("a", "b")),
        ("SELECT :a::bigint[]", "SELECT $1::bigint[]", ("a",)),
        ("SELECT x::text, '12:30'", "SELECT x::text, '12:30'", ()),
        ("SELECT 1", "SELECT 1", ()),
    ],
)
def test_parameters_are_numbered_in_order(
    body: str, text: str, parameters: tuple[str, ...]
) -> None:
    statement = _statement("x", body)
    assert (statement.text, statement.parameters) == (text, parameters)


def test_what_statements_share_stands_in_each() -> None:
    queries = Queries(*FILES[0])
    for name in ("read", "read_kinds", "feed"):
        assert getattr(queries, name).text.startswith("SELECT j.id, j.pid, j.seq")
    with pytest.raises(AttributeError):
        _ = queries.event
