"""The demo: an agent works through the source of Python's standard library, its node is killed
twice with SIGKILL in the middle, and the job is finished with nothing lost and nothing twice.

    make demo                        with the model that needs nothing
    python scripts/demo.py --model openai/gpt-5-mini      with another one

Everything happens in .demo/: a fresh home with its own database, and a workspace with a copy
of the library.  Nothing outside it is touched.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".demo"
HOME, WORKSPACE = PLACE / "home", PLACE / "workspace"
LEDGER = WORKSPACE / "ledger.md"
LOGOS = Path(sysconfig.get_path("scripts")) / "logos"
KILLED: list[float] = []
"""When the node was killed."""

KILL_AT = (8, 24)
"""Lines in the ledger at which the node is killed."""

SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idlelib", "__pycache__", "lib2to3"}
KEYS = {"OPENAI_API_KEY": "openai/gpt-5-mini", "ANTHROPIC_API_KEY": "anthropic/claude-haiku-4-5"}


def say(text: str) -> None:
    line = f"\n== {text}"
    print(f"\x1b[1m{line}\x1b[0m" if sys.stdout.isatty() else line, flush=True)


def logos(*words: str, check: bool = True) -> str:
    done = subprocess.run([LOGOS, *words], capture_output=True, text=True, check=False)  # noqa: S603
    if check and done.returncode:
        raise SystemExit(f"logos {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def copy_library() -> int:
    """Copy the sources; return their size in bytes."""
    library = Path(sysconfig.get_path("stdlib"))
    size = 0
    for folder, folders, files in os.walk(library):
        folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("config-"))
        target = WORKSPACE / "stdlib" / Path(folder).relative_to(library)
        target.mkdir(parents=True, exist_ok=True)
        for name in files:
            if name.endswith(".py"):
                shutil.copyfile(Path(folder) / name, target / name)
                size += (target / name).stat().st_size
    return size


def chosen_model(asked: str) -> str:
    """What the person asked for; on a terminal, a model whose key is there is offered."""
    if asked or not sys.stdin.isatty():
        return asked
    for variable, model in KEYS.items():
        if os.environ.get(variable):
            answer = input(f"{variable} is set. Use {model} instead of builtin/reader? [y/N] ")
            if answer.strip().lower().startswith("y"):
                return model
    return ""


def lines() -> list[str]:
    return LEDGER.read_text(encoding="utf-8").splitlines() if LEDGER.exists() else []


def kill_node(number: int) -> None:
    pid = json.loads(logos("status", "--json"))["data"]["pid"]
    os.kill(pid, signal.SIGKILL)
    KILLED.append(time.time())  # noqa: TID251 - compared with the journal, which has its own
    print(f"\n*** kill -9 {pid}: the node is dead (the ledger has {number} lines) ***", flush=True)


def work(model: str) -> int:
    """Run the job and kill its node at the given lines; return the agent's exit status."""
    task = (ROOT / "examples" / "deprecated.md").read_text(encoding="utf-8")
    words = ["run", str(ROOT / "examples" / "agents" / "librarian.md"), task, "--plain"]
    words += ["--workspace", str(WORKSPACE)] + (["--model", model] if model else [])
    running = subprocess.Popen([LOGOS, *words])  # noqa: S603
    due = list(KILL_AT)
    while running.poll() is None:
        if due and (found := len(lines())) >= due[0]:
            due.pop(0)
            kill_node(found)
        time.sleep(0.002)
    if due:
        print(f"\nthe job was done before kill {len(KILL_AT) - len(due) + 1}", flush=True)
    return running.returncode


def show_results() -> bool:
    """The process table, the chain, and whether each entry is in the ledger once."""
    say("logos ps --all")
    print(logos("ps", "--all", "--plain"), end="")
    say("the end of the ledger")
    print("\n".join(lines()[-5:]))
    say("what happened around the kills, from the journal")
    listed = json.loads(logos("ps", "--all", "--json"))["data"]
    pid = max(one["pid"] for one in listed)
    events = [json.loads(line) for line in logos("journal", str(pid), "--json").splitlines()]
    for number, moment in enumerate(KILLED, 1):
        before = [e for e in events if e["at"] / 1e6 <= moment]
        if len(before) < len(events):
            last, first = before[-1], events[len(before)]
            gap = (first["at"] - last["at"]) / 1e6
            print(f"  kill {number}: the last event is {last['seq']} ({last['type']});", end=" ")
            print(f"{gap:.1f} s later the next node adds {first['seq']} ({first['type']})")
    counts = {kind: sum(e["type"] == kind for e in events) for kind in ("thought", "called")}
    print(f"  {len(events)} events, {counts['thought']} thoughts, {counts['called']} calls")
    say("logos audit verify")
    print(logos("audit", "verify", "--plain"), end="")
    say("logos replay")
    print(logos("replay", "--plain"), end="")
    entries = lines()
    appended = sum(e["type"] == "called" and e["name"] == "fs.append" for e in events)
    once = len(entries) == len(set(entries)) and len(entries) >= KILL_AT[-1]
    say(f"{len(entries)} entries in the ledger, {len(set(entries))} different; {appended} appends")
    return once


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="instead of builtin/reader")
    args = parser.parse_args()
    os.environ["LOGOS_HOME"] = str(HOME)
    logos("down", check=False)
    shutil.rmtree(PLACE, ignore_errors=True)
    WORKSPACE.mkdir(parents=True)
    model = chosen_model(args.model)
    began = time.monotonic()
    size = copy_library()
    say(
        f"{size / 1e6:.1f} MB of Python's standard library, some {size // 4000}k tokens: no window holds it"
    )
    logos("up")
    say("logos run librarian: the task is examples/deprecated.md; its node will be killed twice")
    status = work(model)
    good = show_results()
    logos("down")
    took = time.monotonic() - began
    if status == 0 and good:
        say(f"done in {took:.0f} s: two nodes died, nothing was lost, nothing was done twice")
        return 0
    say(f"FAILED: exit status {status}, each entry once: {good}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
