"""Fit the weights of the pager on conversations whose evidence is known.

    fit_pager.py HISTORY... [--out FILE] [--note TEXT]

HISTORY is a folder of conversations with questions whose evidence is known (the format:
lib_memory/data.py), or several.  A few hundred questions are enough to tell; --out FILE and

    [node]
    weights = "FILE"

in the settings let a node answer with them.  Without --out the weights that ship are replaced.  What they
are worth on conversations they have not seen says `residency.py --split HISTORY`, which fits by folds.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from lib_memory import data, fitting

SHIPPED = Path(__file__).parents[1] / "src/logos/kernel/memory/weights.json"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("history", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--note", default="")
    args = parser.parse_args()
    conversations = [each for folder in args.history for each in data.load(folder)]
    asked = sum(len(each.questions) for each in conversations)
    note = (
        f"listwise linear fit (bench/fit_pager.py) on {len(conversations)} conversations,"
        f" {asked} questions: {', '.join(each.name for each in conversations)}. {args.note}"
    ).strip()
    weights = fitting.fit(fitting.prepare(conversations), note=note)
    args.out.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")
    print(
        f"{args.out}: threshold {weights.threshold}, temperature {weights.temperature}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
