"""Programs nobody changed, killed in the middle, and what the world has seen of it.

    python bench/exec.py [--points 10] [--items 5] [--programs openai,agents,langgraph] [--json]

Three agents (`examples/unchanged`: a plain `openai` loop, the OpenAI Agents SDK, LangGraph) keep a
ledger under `logos exec --restart on-failure`; their model is a vendor on loopback that counts what
it is paid for.  Each is run twice at each of `--points` points: SIGKILL of the node, and SIGKILL of
the program.  The last line of stdout is one flat JSON object:

    runs, finished    finished: exit status 0, and every item is in the ledger
    effects_twice     items entered more than once
    tokens_twice      tokens of questions paid for again although a journal has the answer
    tokens_lost       tokens of questions paid for again whose answer was on its way at the kill
    doubts            calls of which the journal says that their outcome is unknown

Exit status 1 unless all have finished and nothing happened twice.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from itertools import pairwise
from typing import Any

from common import folder
from lib_exec.stage import NEEDS, PROGRAMS, Stage
from lib_exec.vendor import Vendor

THINK_S = 0.03
LATE_S = 0.03
"""At most so long after the point falls the kill."""

PATIENCE_S = 120.0


def killed_at(stage: Stage, vendor: Vendor, run: str, point: int, victim: str) -> None:
    """Points in turn: a question has come to the vendor, an entry has come to the ledger."""
    step = point // 2 + 1
    if point % 2 == 0:
        vendor.wait_asked(f"{run}-", step)
    else:
        stage.wait_entered(run, step, PATIENCE_S)
    time.sleep(random.uniform(0, LATE_S))
    if victim == "node":
        stage.kill_node()
    else:
        stage.kill_program(run)


def one(stage: Stage, vendor: Vendor, case: tuple[str, str, int], items: int) -> dict[str, Any]:
    program, victim, point = case
    run = f"{program}-{victim}-{point}"
    began = time.monotonic()
    started = stage.begin(program, run, items, "--restart", "on-failure")
    killed_at(stage, vendor, run, point, victim)
    try:
        out, err = started.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        started.kill()
        out, err = started.communicate()
    entered = stage.lines(run)
    whole = started.returncode == 0 and len(entered) == items and f"All {items} entered" in out
    if not whole:
        print(f"{run}: status {started.returncode}, {dict(entered)}\n{out}{err}", file=sys.stderr)
    twice = sum(times - 1 for times in entered.values())
    seconds = time.monotonic() - began
    print(f"{run}: {'finished' if whole else 'NOT finished'} in {seconds:.1f} s", file=sys.stderr)
    return {"finished": whole, "effects_twice": twice}


def paid_again(vendor: Vendor, journaled: set[int]) -> tuple[int, int]:
    """Tokens of answers to a question that had one: in a journal, or lost on its way."""
    answers = defaultdict(list)
    for paid in vendor.paid:
        answers[paid.question].append(paid)
    twice = lost = 0
    for given in answers.values():
        for before, again in pairwise(given):
            if before.number in journaled:
                twice += again.tokens
            else:
                lost += again.tokens
    return twice, lost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--items", type=int, default=5)
    parser.add_argument("--programs", default=",".join(PROGRAMS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    random.seed(options.seed)
    programs = options.programs.split(",")
    for needed in {module for program in programs for module in NEEDS[program]}:
        __import__(needed)
    cases = [
        (p, v, n) for p in programs for v in ("node", "program") for n in range(options.points)
    ]
    with folder() as place:
        vendor = Vendor(THINK_S)
        stage = Stage(place, vendor)
        try:
            results = [one(stage, vendor, case, options.items) for case in cases]
            journaled, doubts = stage.journaled(), stage.doubts()
        finally:
            stage.close()
            vendor.close()
    twice, lost = paid_again(vendor, journaled)
    found = {
        "runs": len(results),
        "finished": sum(result["finished"] for result in results),
        "effects_twice": sum(result["effects_twice"] for result in results),
        "tokens_twice": twice,
        "tokens_lost": lost,
        "tokens": sum(paid.tokens for paid in vendor.paid),
        "doubts": doubts,
    }
    print(json.dumps(found) if options.json else "\n".join(f"{k:14} {v}" for k, v in found.items()))
    good = found["finished"] == found["runs"] and not found["effects_twice"] + twice
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
