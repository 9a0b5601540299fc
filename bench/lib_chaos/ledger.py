"""What the agents change outside: files nobody but the ledger's owner can take back.

    Ledger(folder)        `charges`: a line for every charge; `puts`: a line for every put
    Ledger.acknowledge    what the node said to somebody, who then relies on it
    lines(path)           what is there

A line is one write(2): when the writer is killed it is there whole, or not at all.
"""

import os
from pathlib import Path


class Ledger:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def charge(self, id_: str) -> None:
        self._write("charges", id_)

    def put(self, id_: str) -> None:
        self._write("puts", id_)

    def acknowledge(self, what: str) -> None:
        self._write("acknowledged", what)

    def _write(self, name: str, text: str) -> None:
        file = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, f"{text}\n".encode())
        finally:
            os.close(file)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
