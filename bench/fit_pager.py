"""Fit the weights of the pager on conversations whose evidence is known.

    fit_pager.py HISTORY... [--out FILE] [--note TEXT] [--embedder NAME [--settings FILE]]

HISTORY is a folder of conversations with questions whose evidence is known (the format:
lib_memory/data.py), or several.  A few hundred questions are enough to tell; --out FILE and

    [node]
    weights = "FILE"

in the settings let a node answer with them.  Without --out the weights that ship are replaced.  What they
are worth on conversations they have not seen says `residency.py --split HISTORY`, which fits by folds.

--embedder NAME also fits what vectors of that model weigh beside words (`meaning`, `meaning_gate`): every page
and question of HISTORY is sent to it.  NAME is a model as in `memory.embedder`; --settings is the file
of settings that says where it is.
"""

import argparse
import sys
from pathlib import Path

import anyio
import msgspec

from lib_memory import data, fitting, meaning

SHIPPED = Path(__file__).parents[1] / "src/logos/kernel/memory/weights.json"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("history", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--note", default="")
    parser.add_argument("--embedder", default="")
    parser.add_argument("--settings", type=Path)
    args = parser.parse_args()
    conversations = [each for folder in args.history for each in data.load(folder)]
    asked = sum(len(each.questions) for each in conversations)
    note = (
        f"listwise linear fit (bench/fit_pager.py) on {len(conversations)} conversations,"
        f" {asked} questions: {', '.join(each.name for each in conversations)}. {args.note}"
    ).strip()
    prepared = fitting.prepare(conversations)
    meant = None
    if args.embedder:
        meant = meaning.Meant(anyio.run(meaning.near_by, prepared, args.embedder, args.settings))
    weights = fitting.fit(prepared, note=note, meant=meant)
    args.out.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")
    print(
        f"{args.out}: threshold {weights.threshold}, temperature {weights.temperature}",
        file=sys.stderr,
    )
    if meant is not None:
        found = {weight: round(meant.loss(weight), 4) for weight in (0.0, 0.6, weights.meaning)}
        print(
            f"meaning {weights.meaning}, meaning_gate {weights.meaning_gate}; loss by weight: {found}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
