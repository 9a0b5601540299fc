"""What the benchmarks share: a throw-away database, percentiles, one JSON object at the end."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from logos.store import Embedded, migrate

CONVERSATIONS = Path(__file__).parents[2] / "shared/memory/dev"
"""The development split."""


@contextmanager
def folder() -> Iterator[Path]:
    """Removed afterwards.  Readable by the database's account."""
    with tempfile.TemporaryDirectory(prefix="logos-bench-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@asynccontextmanager
async def database(place: Path) -> AsyncGenerator[str]:
    """URL of a migrated database on a server of its own, fsync on, default settings."""
    server = Embedded(place / "store")
    url = await server.url(lambda _: None)
    await migrate(url)
    try:
        yield url
    finally:
        await server.close()


async def execute(url: str, statement: str) -> Any:
    db = await asyncpg.connect(url)
    try:
        return await db.fetchval(statement)
    finally:
        await db.close()


def sibling(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")


def arguments(description: str, **defaults: float) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return parser.parse_args()


def report(args: argparse.Namespace, result: dict[str, Any]) -> None:
    """Rounded, flat, last on standard output."""
    flat = {k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}
    flat |= {"cores": os.cpu_count(), "python": sys.version.split()[0]}
    if not args.json:
        width = max(map(len, flat))
        for key, value in flat.items():
            print(f"{key:{width}}  {value}", file=sys.stderr)
    print(json.dumps(flat))


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
