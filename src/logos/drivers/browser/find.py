"""What is meant by a name on a page: the control that a person would take.

    thing(page, name, role)      what is to be clicked
    field(page, name)            what is to be filled
    chosen(field, name, text)    a list of choices takes the one; False: it is no list
    controls(snapshot)           what can be clicked or filled, as a page's accessibility tree has it.  Pure

Invariant: a control that is called exactly so comes before a text that contains the words.
"""

import re
from collections.abc import Sequence
from typing import Any

import anyio

from logos.abi.errors import Code, SysError
from logos.abi.tools import visible

CONTROLS = 200
CLICKED = ("button", "link", "tab", "menuitem", "checkbox", "radio", "option", "switch")
FILLED = ("textbox", "searchbox", "combobox", "spinbutton")
LOOKS, LOOK_S = 10, 0.3
"""A page that has just changed may still be making it."""

_CONTROL = re.compile(
    rf'^\s*- ({"|".join((*CLICKED, *FILLED))}) "((?:[^"\\]|\\.)*)"((?: \[[^\]]*\])*)(?:: (.*))?'
)
_STATE = re.compile(r"\[(checked|selected|disabled|pressed|expanded)[^\]]*\]")


async def thing(page: Any, name: str, role: str) -> Any:
    if role:
        return await _first(name, [page.get_by_role(role, name=name)])
    exact, like = (
        [page.get_by_role(one, name=name, exact=exactly) for one in CLICKED]
        for exactly in (True, False)
    )
    texts = [page.get_by_text(name, exact=exactly) for exactly in (True, False)]
    return await _first(name, [*exact, texts[0], *like, texts[1], page.get_by_title(name)])


async def field(page: Any, name: str) -> Any:
    ways = [
        way
        for exact in (True, False)
        for way in (
            page.get_by_label(name, exact=exact),
            page.get_by_placeholder(name, exact=exact),
            *(page.get_by_role(one, name=name, exact=exact) for one in FILLED),
        )
    ]
    return await _first(name, ways)


async def _first(name: str, ways: Sequence[Any]) -> Any:
    """Of the first way that leads anywhere, the first that is seen."""
    for _ in range(LOOKS):
        for way in ways:
            seen = way.filter(visible=True)
            if await seen.count():
                return seen.first
        await anyio.sleep(LOOK_S)
    raise SysError(
        Code.NOT_FOUND,
        f"nothing that is seen on the page is called {name!r}",
        hint="browser/read says what there is",
    )


async def chosen(where: Any, name: str, text: str) -> bool:
    options = await where.evaluate(
        "e => e.tagName == 'SELECT' ? [...e.options].map(o => o.label) : null"
    )
    if options is None:
        return False
    if text not in options:
        there = ", ".join(visible(str(one)) for one in options[:20])
        raise SysError(Code.NOT_FOUND, f"{name} has no choice {text!r}", hint=f"there is {there}")
    await where.select_option(label=text)
    return True


def controls(snapshot: str) -> list[dict[str, str]]:
    found = []
    for line in snapshot.splitlines():
        if match := _CONTROL.match(line):
            role, name, marks, value = match.groups()
            one = {"role": role, "name": visible(name.replace('\\"', '"'))}
            if states := _STATE.findall(marks):
                one["state"] = ", ".join(states)
            if value:
                one["value"] = visible(value)
            found.append(one)
    return found[:CONTROLS]
