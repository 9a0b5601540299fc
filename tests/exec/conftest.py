"""Programs nobody changed, under `logos exec`, in a home of its own.

stage    a vendor, a daemon, a ledger mounted (bench/lib_exec)
place    a folder for programs, and `logos exec` in it
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import PATIENCE_S

LOGOS = Path(sys.executable).parent / "logos"


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path
    environ: dict[str, str]

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [LOGOS, *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def logos(self, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        with self.begin(*words) as begun:
            out, err = begun.communicate(text, timeout=PATIENCE_S)
        return subprocess.CompletedProcess(words, begun.returncode, out, err)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("exec")
    folder.chmod(0o755)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LOGOS_", "OPENAI_"))}
    (folder / "work").mkdir()
    made = Place(folder / "work", environ | {"LOGOS_HOME": str(folder / "home")})
    try:
        yield made
    finally:
        made.logos("down")
