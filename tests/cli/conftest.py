"""The command as people run it: in a process of its own, against a daemon in a home of its own.

place    a folder with an agent, notes, and a home whose daemon has a finished process, 2
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PATIENCE_S

from logos.cli import wire
from logos.cli.where import socket_path

LOGOS = Path(sys.executable).parent / "logos"
AGENT = """---
name: lib
description: Answers from the files of a folder
tools: fs.list, fs.read, fs.search, fs.append
allow:
  - read:/home/**
  - write:/home/ledger.md
---
You answer from files.
"""
KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
DONE = 2
"""The process that has ended."""


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path
    environ: dict[str, str]

    @property
    def home(self) -> Path:
        return Path(self.environ["LOGOS_HOME"])

    def at(self, home: Path, **environ: str) -> "Place":
        """The same with another home, and more in the environment."""
        return Place(self.folder, self.environ | {"LOGOS_HOME": str(home)} | environ)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [LOGOS, *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*words) as started:
            out, err = started.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in out + err
        assert "internal" not in err, err
        return subprocess.CompletedProcess(words, started.returncode, out, err)

    def data(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["data"]

    @contextmanager
    def asked(self, *words: str, folder: str = "") -> Iterator[socket.socket]:
        """The daemon, by a connection on which this was asked without the client."""
        with socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(socket_path(str(self.home)))
            daemon.sendall(wire.request(str(self.folder / folder), list(words)))
            yield daemon

    def kill_daemon(self) -> None:
        os.kill(self.data("status")["pid"], signal.SIGKILL)


def frames_of(daemon: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload, until the command has ended or the daemon has gone."""
    with daemon.makefile("rb") as reader:
        while head := reader.read(wire.HEADER_BYTES):
            kind, payload = head[:1], reader.read(int.from_bytes(head[1:], "big"))
            yield kind, payload
            if wire.EXIT in dict(opened([(kind, payload)])):
                return


def split(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The frames of one that holds frames."""
    buffer = bytearray(payload)
    while frame := wire.take(buffer):
        yield frame


def opened(frames: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """With what comes together in place of what it came in."""
    for kind, payload in frames:
        yield from opened(split(payload)) if kind == wire.TOGETHER else [(kind, payload)]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "agents").mkdir()
    (folder / "agents" / "lib.md").write_text(AGENT)
    (folder / "notes").mkdir()
    (folder / "notes" / "launch.md").write_text("Mira pays for the venue.\n")
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LOGOS_") and k not in KEYS}
    made = Place(folder, environ | {"LOGOS_HOME": str(folder / "home")})
    try:
        first = made.run("run", "lib", "Read launch.md. Who pays for the venue?", "-w", "notes")
        assert first.returncode == 0, first.stderr
        yield made
        replayed = made.data("replay")  # fails for a prompt that comes out in other bytes
        assert replayed["prompts"]
    finally:
        made.run("down")
