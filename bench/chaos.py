"""Kill a working node again and again, let it finish, and compare its journal with the world.

    python bench/chaos.py [--kills 50] [--processes 100] [--json]

A database of its own in a temporary home, a node in a process of its own, `--processes` agents
that always work.  SIGKILL at random moments, while it starts too, and at once another one.  The
last line of stdout is one flat JSON object:

    lost          answered in the journal and not in the ledger; acknowledged and gone; unfinished
    duplicated    an effect that must not happen twice did, or a message arrived twice
    unexplained   in the ledger, but the journal neither has its answer nor says it does not know
    in_doubt      effects of which the journal says that their outcome is unknown

Exit status 1 unless the first three are 0.
"""

import argparse
import json
import os
import random
import selectors
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from lib_chaos.compare import Verdict, compare
from logos.store import Embedded, migrate

BENCH = Path(__file__).parent
START_S = 60.0
FINISH_S = 120.0
WHILE_STARTING = 0.2
"""How many of the kills fall into the start."""

LONGEST_LIFE_S = 1.2


class Node:
    """One life of the node."""

    def __init__(self, url: str, folder: Path, life: int, options: argparse.Namespace) -> None:
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "lib_chaos.node", "--url", url, "--folder", str(folder)),
                *("--processes", str(options.processes), "--rounds", str(options.rounds)),
                *("--think", str(options.think), "--life", str(life)),
            ],
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("ab"),
            env=os.environ | {"PYTHONPATH": str(BENCH)},
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout
        os.set_blocking(self._out.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._text = b""

    def until(self, event: str, within_s: float) -> float | None:
        """Seconds from its start until it says so.  None: not within that time."""
        give_up = time.monotonic() + within_s
        while f'"event": "{event}"'.encode() not in self._text:
            if (left := give_up - time.monotonic()) <= 0:
                return None
            for _ in self._selector.select(left):
                piece = os.read(self._out.fileno(), 65536)
                self._text += piece
                if not piece:
                    raise SystemExit(f"the node ended by itself: {self._text.decode()}")
        return time.monotonic() - self._began

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._out.close()

    def wait(self) -> int:
        status = self._process.wait(timeout=START_S)
        self._out.close()
        return status


def torment(start: Callable[[int], Node], kills: int, chance: random.Random) -> list[float]:
    """Kill it so often.  How long each new life took until it worked, in seconds."""
    recoveries: list[float] = []
    usual = 1.0
    for life in range(kills):
        node = start(life)
        if life and chance.random() < WHILE_STARTING:
            node.until("ready", chance.uniform(0, usual))
        else:
            took = node.until("ready", START_S)
            if took is None:
                raise SystemExit("the node does not start")
            recoveries.append(took)
            usual = took
            node.until("dead", chance.uniform(0.0, LONGEST_LIFE_S))
        node.kill()
        sys.stderr.write(f"\rkilled {life + 1} of {kills}")
    sys.stderr.write("\n")
    return recoveries


def finish(node: Node, folder: Path) -> None:
    (folder / "finish").touch()
    if node.until("done", FINISH_S) is None:
        sys.stderr.write("some processes do not end\n")
        node.kill()
    else:
        node.wait()


def report(verdict: Verdict, options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    for name in ("lost", "duplicated", "unexplained"):
        for what in getattr(verdict, name)[:10]:
            sys.stderr.write(f"{name}: {what}\n")
    return {
        "bench": "chaos",
        "kills": options.kills,
        "processes": verdict.processes,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "unexplained": len(verdict.unexplained),
        "in_doubt": verdict.in_doubt,
        "events": verdict.events,
        "charges": verdict.charges,
        **more,
    }


async def run(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    began = time.monotonic()
    server, folder = Embedded(home / "store"), home / "world"
    folder.mkdir()
    url = await server.url(lambda _: None)
    try:
        await migrate(url)

        def start(life: int) -> Node:
            return Node(url, folder, life, options)

        recoveries = torment(start, options.kills, random.Random(options.seed))
        finish(start(options.kills), folder)
        verdict = await compare(url, folder)
    finally:
        await server.close()
    return report(
        verdict,
        options,
        recover_ms_p50=round(statistics.median(recoveries) * 1000) if recoveries else 0,
        recover_ms_max=round(max(recoveries, default=0) * 1000),
        seconds=round(time.monotonic() - began, 1),
        seed=options.seed,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--processes", type=int, default=100, help="agents at work at any time")
    parser.add_argument("--rounds", type=int, default=8, help="thoughts with effects of each")
    parser.add_argument("--think", type=float, default=0.3, help="seconds a thought takes")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--json", action="store_true", help="nothing but the last line")
    parser.add_argument("--keep", action="store_true", help="leave the home for a look")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="logos-chaos-"))
    home.chmod(0o755)  # the embedded server is another user's when we are root
    try:
        found = anyio.run(run, options, home)
    finally:
        if options.keep:
            sys.stderr.write(f"{home}\n")
        else:
            shutil.rmtree(home, ignore_errors=True)
    if not options.json:
        for name, value in found.items():
            print(f"{name:16} {value}")
    print(json.dumps(found))
    return 0 if not (found["lost"] or found["duplicated"] or found["unexplained"]) else 1


if __name__ == "__main__":
    sys.exit(main())
