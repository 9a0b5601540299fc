"""builtin/reader and what memory brought back."""

import pytest

from logos.abi.ids import Seq
from logos.abi.messages import Request, Role, TextDelta, said
from logos.abi.paging import Shown
from logos.drivers.model.reader import Reader
from logos.drivers.model.reader.memory import moment, remembered
from logos.kernel.memory.layout import brought_back

pytestmark = pytest.mark.anyio

MAY_8 = 1_683_504_000_000_000
SAID = (
    ("Ann", "I went to the pottery class yesterday. My hands are still full of clay!"),
    ("Bob", "Wow, great.\nI adopted a puppy called Rex."),
)


def shown(time: int | None = MAY_8) -> str:
    return brought_back(
        [
            Shown(page=Seq(n), text=text, subject=who, group="s", time=time)
            for n, (who, text) in enumerate(SAID, 3)
        ]
    )


async def answered(question: str, time: int | None = MAY_8) -> str:
    request = Request(
        model="reader",
        messages=(
            said(Role.SYSTEM, "reader"),
            said(Role.USER, shown(time)),
            said(Role.USER, f"[message] {question}"),
        ),
        max_output=256,
    )
    heard = [delta async for delta in Reader().think(request)]
    return "".join(delta.text for delta in heard if isinstance(delta, TextDelta))


def test_memory_is_read_sentence_by_sentence() -> None:
    [chunk] = remembered(shown())
    assert [(line.source, line.text, line.said) for line in chunk] == [
        ("page 3", "Ann: I went to the pottery class yesterday.", "2023-05-08"),
        ("page 3", "Ann: My hands are still full of clay!", "2023-05-08"),
        ("page 4", "Bob: Wow, great.", "2023-05-08"),
        ("page 4", "Bob: I adopted a puppy called Rex.", "2023-05-08"),
    ]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("I went yesterday.", "7 May 2023"),
        ("I went last Friday.", "5 May 2023"),
        ("I went last monday.", "1 May 2023"),
        ("I went two days ago.", "6 May 2023"),
        ("I went last month.", "April 2023"),
        ("I went six months ago.", "November 2022"),
        ("I went last year.", "2022"),
        ("I went last week.", "the week before 8 May 2023"),
        ("I am going tomorrow.", "9 May 2023"),
        ("I went.", "8 May 2023"),
    ],
)
def test_when_it_was_follows_from_when_it_was_said(text: str, when: str) -> None:
    assert moment(text, "2023-05-08") == when


async def test_it_answers_from_what_memory_brought() -> None:
    assert await answered("What did Bob adopt?") == "“Bob: I adopted a puppy called Rex.” (page 4)"


async def test_it_says_when() -> None:
    answer = await answered("When did Ann go to the pottery class?")
    assert answer.startswith("7 May 2023: “Ann: I went to the pottery class yesterday.”")


async def test_of_an_unknown_day_it_only_quotes() -> None:
    answer = await answered("When did Ann go to the pottery class?", None)
    assert answer.startswith("“Ann: I went")


async def test_what_memory_does_not_say_it_does_not_know() -> None:
    assert "don't know" in await answered("How many camels live in the Gobi?")
