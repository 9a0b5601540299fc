"""The commands that need no daemon, in this process: help, config, doctor, --describe."""

import os
import sys
from argparse import Namespace
from pathlib import Path

import anyio

from logos.abi.errors import Code, SysError
from logos.boot import load_settings
from logos.cli.client import show
from logos.cli.out import COLUMNS, Out
from logos.cli.registry import Asked
from logos.cli.running import as_json, carry_out

SELF_CONTAINED = {"help", "--help", "-h", "--version", "--describe"}
"""What is answered whatever the settings say, so that a bad setting hides no help."""


def main() -> int:
    words = sys.argv[1:]
    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR")
    columns = (os.get_terminal_size().columns or COLUMNS) if terminal else 0
    out = Out(show, json=as_json(words, terminal=terminal), colour=colour, width=columns)
    try:
        here = Path.cwd()
        needed = bool(words) and SELF_CONTAINED.isdisjoint(words)
        loaded = load_settings(os.environ, here) if needed else None
    except FileNotFoundError:
        return out.error(SysError(Code.NOT_FOUND, "the current folder has been removed"))
    except SysError as error:
        return out.error(error)
    asked = Asked(Namespace(), out, here, loaded=loaded)
    return anyio.run(carry_out, words, asked)


if __name__ == "__main__":
    sys.exit(main())
