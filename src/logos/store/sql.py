"""Named statements in plain .sql files.

    -- name: heads
    -- The last event of each of these processes.
    SELECT pid, head_seq FROM process WHERE pid = ANY(:pids::bigint[]);

`Queries("logos.kernel.journal", "journal.sql").heads` is that statement; its parameters are
given by name.  A name after one colon is a parameter, after two colons a type.  Text that several
statements share is a `-- part: head` before them, and `{head}` in each.
"""

import re
from dataclasses import dataclass
from importlib import resources

HEADER = re.compile(r"^-- (name|part): (\w+)\n(?:--.*\n)*", re.MULTILINE)
PART = re.compile(r"\{(\w+)\}")
PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    name: str
    text: str
    parameters: tuple[str, ...]


class Queries:
    def __init__(self, package: str, file: str) -> None:
        text = (resources.files(package) / file).read_text(encoding="utf-8")
        _, *found = HEADER.split(text)
        blocks = list(zip(found[::3], found[1::3], found[2::3], strict=True))
        parts = {name: body.strip() for kind, name, body in blocks if kind == "part"}
        self._file = file
        self._statements = {
            name: _statement(name, PART.sub(lambda part: parts[part[1]], body))
            for kind, name, body in blocks
            if kind == "name"
        }

    def __getattr__(self, name: str) -> Statement:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"no statement {name!r} in {self._file}") from None


def _statement(name: str, body: str) -> Statement:
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return Statement(name, PARAMETER.sub(number, body.strip().rstrip(";")), tuple(names))
