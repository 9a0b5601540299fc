"""A kernel of its own with a ledger mounted, programs run by it, and kills.

Stage(folder, vendor)    a home, its daemon, the ledger
Stage.begin(...)         one program under `logos exec`
Stage.kill_node, kill_program
Stage.lines(run)         what the ledger has of one run
Stage.journaled()        the numbers of the vendor's answers that journals have
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lib_exec.vendor import Vendor

ROOT = Path(__file__).parents[2]
UNCHANGED = ROOT / "examples" / "unchanged"
PROGRAMS = {"openai": "plain.py", "agents": "agents_sdk.py", "langgraph": "graph.py"}
NEEDS = {
    "openai": ("openai", "mcp"),
    "agents": ("agents", "mcp"),
    "langgraph": ("langgraph", "langchain_openai", "mcp"),
}
LOGOS = Path(sys.executable).parent / "logos"
KEPT_S = 0.03
"""How long the ledger takes over an entry, after it is written: a kill falls into it easily."""


class Stage:
    def __init__(self, folder: Path, vendor: Vendor) -> None:
        self.folder = folder
        self._node = 0
        self.home = folder / "home"
        self.home.mkdir()
        (self.home / "logos.toml").write_text(
            f'model = "vendor"\n[models.vendor]\nurl = "{vendor.url}"\ndialect = "openai"\n'
            'model = "vendor"\nwindow = 100000\nkey = "env:VENDOR_KEY"\n'
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOGOS_", "OPENAI_"))}
        self.environ = kept | {"LOGOS_HOME": str(self.home), "VENDOR_KEY": "k"}
        python, server = sys.executable, str(UNCHANGED / "ledger.py")
        self.logos(
            *("mount", "--readable", str(UNCHANGED), "ledger"),
            *("--", python, server, str(KEPT_S)),
        )

    def logos(self, *words: str) -> Any:
        """A command's answer."""
        done = subprocess.run(
            [LOGOS, *words], env=self.environ, cwd=UNCHANGED, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"logos {' '.join(words)}: {done.stderr.decode()}")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[0]["data"] if len(lines) == 1 and "data" in lines[0] else lines

    def begin(self, program: str, run: str, items: int, *options: str) -> "subprocess.Popen[str]":
        self._node = int(self.logos("status")["pid"])  # asked now: a kill must not be late
        task = "Enter " + ", ".join(f"{run}-{n} at {n}.25" for n in range(1, items + 1))
        words = [
            *("exec", "--plain", "--tool", "ledger", "--env", "LEDGER_URL=$LOGOS_MCP_URL"),
            *(*options, "--", sys.executable, PROGRAMS[program], task),
        ]
        return subprocess.Popen(
            [LOGOS, *words],
            env=self.environ,
            cwd=UNCHANGED,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def book(self) -> Path:
        [found] = [*self.home.glob("*/ledger/work/ledger.txt")] or [self.home / "ledger.txt"]
        return found

    def lines(self, run: str) -> Counter[str]:
        if not self.book.exists():
            return Counter()
        said = self.book.read_text().splitlines()
        return Counter(line.split("\t")[0] for line in said if line.startswith(f"{run}-"))

    def wait_entered(self, run: str, times: int, within_s: float) -> bool:
        until = time.monotonic() + within_s
        while sum(self.lines(run).values()) < times:
            if time.monotonic() > until:
                return False
            time.sleep(0.002)
        return True

    def kill_node(self) -> None:
        os.kill(self._node, signal.SIGKILL)

    def kill_program(self, run: str) -> None:
        """It is the process inside whose task names the run."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(f"Enter {run}-1 ".encode() in word for word in words) and b"exec" not in words:
                os.kill(int(folder.name), signal.SIGKILL)
                return

    def journaled(self) -> set[int]:
        found: set[int] = set()
        for event in self._events("thought"):
            found |= {int(n) for n in re.findall(r"\(answer (\d+)\)", json.dumps(event))}
        return found

    def doubts(self) -> int:
        return sum("outcome unknown" in event["message"] for event in self._events("failed"))

    def _events(self, kind: str) -> list[Any]:
        pids = [str(line["pid"]) for line in self.logos("ps", "--all")]
        return [e for pid in pids for e in self.logos("journal", pid) if e.get("type") == kind]

    def close(self) -> None:
        subprocess.run([LOGOS, "down"], env=self.environ, capture_output=True, check=False)
