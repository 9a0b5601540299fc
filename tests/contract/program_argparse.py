"""A program of sub-commands, to be mounted."""

import argparse
import json
import sys
from pathlib import Path


def main() -> None:
    whole = argparse.ArgumentParser(prog="ledger")
    subs = whole.add_subparsers(dest="sub")
    add = subs.add_parser("add", help="write down what was paid")
    add.add_argument("--to", metavar="NAME", help="who got it")
    add.add_argument("--kind", choices=["food", "rent"])
    add.add_argument("amount")
    show = subs.add_parser("show", help="what was written down")
    show.add_argument("--json", action="store_true", help="answer in JSON")
    show.add_argument("--fill", metavar="N", type=int, help="so many bytes more")
    subs.add_parser("fail", help="does not work")
    given = whole.parse_args()
    book = Path("book.txt")
    match given.sub:
        case "add":
            with book.open("a") as out:
                out.write(f"{given.amount}|{given.to}|{given.kind}\n")
        case "show":
            rows = book.read_text().splitlines() if book.exists() else []
            rows += ["x" * given.fill] if given.fill else []
            print(json.dumps({"rows": rows}) if given.json else "\n".join(rows))
        case _:
            sys.exit("no: there is nothing to be done")


main()
