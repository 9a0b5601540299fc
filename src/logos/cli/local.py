"""The commands that need no daemon, in this process: help, config, doctor, --describe."""

import os
import sys
from argparse import Namespace
from pathlib import Path

import anyio

from logos.abi.errors import SysError
from logos.boot import load_settings
from logos.cli.client import show
from logos.cli.out import Out
from logos.cli.registry import Asked
from logos.cli.running import carry_out


def main() -> int:
    words = sys.argv[1:]
    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR")
    columns = os.get_terminal_size().columns if terminal else 0
    out = Out(show, json=not terminal or "--json" in words, colour=colour, width=columns)
    try:
        loaded = load_settings(os.environ, Path.cwd())
    except SysError as error:
        return out.error(error)
    asked = Asked(Namespace(), out, Path.cwd(), loaded=loaded)
    return anyio.run(carry_out, words, asked)


if __name__ == "__main__":
    sys.exit(main())
