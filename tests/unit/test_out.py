"""What a terminal is shown: colours, and nothing else that it would obey."""

import pytest

from logos.abi.errors import Code, SysError
from logos.cli.out import Out, harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand ü 💥\r\n", "two\nlines\tand ü 💥\r\n"),
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x1b]52;c;cm0gLXJm\x07", "\\x1b]52;c;cm0gLXJm\\x07"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("allow\rdeny ", "allow\\rdeny "),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\x1b", "\\x1b"),
    ],
)
def test_a_text_colours_a_terminal_at_the_most(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_a_file_in_a_pipe_is_what_it_is() -> None:
    wrote: dict[int, bytes] = {1: b"", 2: b""}

    def write(stream: int, data: bytes) -> None:
        wrote[stream] += data

    Out(write, json=False, colour=False).text("\x1b[2J")
    assert wrote == {1: b"\x1b[2J", 2: b""}
    Out(write, json=False, colour=False, width=80).text("\x1b[2J")
    assert wrote[1] == b"\x1b[2J\\x1b[2J"


def test_a_message_that_quotes_no_text_is_said_all_the_same() -> None:
    wrote: list[bytes] = []
    out = Out(lambda _, data: wrote.append(data), json=True, colour=False)
    assert out.error(SysError(Code.NOT_FOUND, "there is no \udcff", hint="\x1b[2J")) == 3
    assert b'"message":"there is no ?"' in wrote[0]
    assert wrote[1:] == [b"logos: not_found: there is no ?\n", b"hint: \\x1b[2J\n"]
