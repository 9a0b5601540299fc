"""Pages of help fit the terminal they are shown on."""

import pytest

from logos.cli.commands import COMMANDS
from logos.cli.registry import parser
from logos.cli.running import usage


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_list_of_commands(width: int) -> None:
    page = usage(width)
    assert max(map(len, page.splitlines())) <= width
    assert all(f"\n  {name} " in page for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_command(name: str) -> None:
    page = parser(COMMANDS[name], 60).format_help()
    assert max(map(len, page.splitlines())) <= 60
    assert all(a.name in page for a in COMMANDS[name].options)
