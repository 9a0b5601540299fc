"""What the sandbox holds, and what it costs: `python bench/sandbox.py --json`.

Escapes are counted by the tests' own probes, in namespaces made for them.  Each timed round
runs `true` plainly, in a cold sandbox and in a warm one, so that all see the same machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import anyio

from logos.abi.driver import Command, Mode
from logos.drivers.sandbox import LocalSandbox, open_sandbox

ARENA = Path(__file__).parent.parent / "tests" / "sandbox" / "arena.py"
MODES = (Mode.FULL, Mode.NO_NAMESPACES)
ARGV = ("/usr/bin/true",)


def probe(mode: Mode) -> dict[str, list[object]]:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="logos-bench-") as folder:
        Path(folder).chmod(0o755)
        script = 'echo 7000 >/proc/sys/kernel/ns_last_pid; "$@"; exit $?'
        said = subprocess.run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
                *("--propagation", "private", "sh", "-c", script, "sh"),
                *(sys.executable, str(ARENA), "probes", mode.value, folder),
            ],
            env=os.environ | {"HOSTSECRET": "sk-of-the-host"},
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, list[object]] = json.loads(said.stdout.splitlines()[-1])
    return found


async def timed(rounds: int, folder: Path) -> dict[str, list[float]]:
    """Milliseconds, by what was run."""
    found: dict[str, list[float]] = defaultdict(list)
    boxes: dict[str, tuple[LocalSandbox, Command]] = {}
    for name, mode, pool in (
        ("cold", Mode.FULL, 0),
        ("warm", Mode.FULL, 1),
        ("cold_no_namespaces", Mode.NO_NAMESPACES, 0),
        ("warm_no_namespaces", Mode.NO_NAMESPACES, 1),
    ):
        os.mkdir(folder / name)  # noqa: PTH102 - not while anything is timed
        command = Command(argv=ARGV, workspace=folder / name)
        boxes[name] = open_sandbox(mode, pool=pool), command
        await boxes[name][0].run(command)
    for _ in range(rounds):
        begun = time.perf_counter()
        subprocess.run(ARGV, check=True, capture_output=True)  # noqa: ASYNC221 - the yardstick
        found["plain"].append((time.perf_counter() - begun) * 1e3)
        for name, (box, command) in boxes.items():
            await anyio.sleep(0.05)  # as between two turns of an agent: a refill gets ready
            begun = time.perf_counter()
            await box.run(command)
            found[name].append((time.perf_counter() - begun) * 1e3)
    for box, _ in boxes.values():
        await box.aclose()
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="print the figures only")
    options.add_argument("--rounds", type=int, default=40)
    chosen = options.parse_args()
    probes = {mode: probe(mode) for mode in MODES}
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="logos-bench-") as folder:
        Path(folder).chmod(0o755)
        times = anyio.run(timed, chosen.rounds, Path(folder))
    middle = {name: statistics.median(values) for name, values in times.items()}
    if not chosen.json:
        for name, values in times.items():
            print(f"{name:20} min {min(values):6.1f}  p50 {middle[name]:6.1f} ms")
    figures: dict[str, object] = {
        "escapes": sum(bool(found[0]) for each in probes.values() for found in each.values()),
        "probes": len(probes[Mode.FULL]),
        "modes": len(MODES),
        "plain_ms_p50": round(middle["plain"], 2),
    }
    for name in ("warm", "cold"):
        for suffix in ("", "_no_namespaces"):
            added = middle[name + suffix] - middle["plain"]
            figures[f"{name}_added_ms_p50{suffix}"] = round(added, 2)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
