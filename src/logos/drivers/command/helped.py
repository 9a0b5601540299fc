"""What programs print when asked for help -> their sub-commands and options.  Pure.

    commands(text)      names of sub-commands, with what is said of each
    has_usage(text)     is it a summary, and no manual?
    described(text)     one sub-command: its options, and the words that have their place

Understood are argparse, click, and what git, npm and GNU programs print.  What is not understood is
left out: an option that nobody recognised cannot be given.  Words that have no plain names are
one list, `argv`.
"""

import re
from collections.abc import Container, Iterator

from logos.abi.tools import Hints
from logos.drivers.command.shape import Parameter, Sub

MOST = 80
"""Sub-commands of one program."""

SUMMARY = 600

_HEAD = re.compile(r"^(?!\s|usage).*\b(sub)?commands?\b", re.IGNORECASE)
_OTHER = re.compile(
    r"^(usage|options?|optional arguments|arguments|examples?|flags)\b", re.IGNORECASE
)
_NAMED = re.compile(r"^ {2,10}([a-z][a-z0-9_-]*)(?:, [a-z-]+| \([a-z-]+\))?(?:\s{2,}(\S.*))?$")
_LISTED = re.compile(r"^ {2,8}([a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)+),?$")
_CHOICES = re.compile(r"^ {2,4}\{([a-z0-9_,-]+)\}")
_VALUE = r"(?:[ =](?:\{[^{}]*\}|[<\[A-Z][^\s,]*))?"
_OPTION = re.compile(
    rf"^\s{{1,10}}(?P<names>-{{1,2}}[A-Za-z\[][^\s,=]*{_VALUE}(?:, ?-{{1,2}}[A-Za-z\[][^\s,=]*{_VALUE})*)"
    r"(?: / --[\w-]+)?(?:\s{2,}(?P<help>\S.*))?$"
)
_LONG = re.compile(r"--(?P<no>\[no-\])?(?P<name>[A-Za-z][\w-]*)(?P<value>.*)")
_SHORT = re.compile(r"-(?P<name>[A-Za-z0-9])(?P<value>.*)")
_USAGE = re.compile(r"^\s*usage:\s*(.*)$", re.IGNORECASE)
_PLACE = re.compile(
    r"(?P<o>\[)?(?:<(?P<name>[A-Za-z][\w-]*)>|(?P<bare>[A-Za-z][\w-]*))\s*(\.\.\.)?(?(o)\])(\.\.\.)?(?=\s|$)"
)
_ASIDE = re.compile(
    r"\[-(?!-\])[^\[\]]+(\[[^\[\]]*\][^\[\]]*)*\]|\[?<?\boptions?\b>?\]?(\.\.\.)?", re.IGNORECASE
)
_ANY = Parameter(many=True, help="words after the options, as the usage has them")
_FORMATS = ("format", "output-format", "output")


def commands(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    within = False
    for row in text.splitlines():
        if _HEAD.match(row) or row.strip().startswith("{"):
            within = True
        elif _OTHER.match(row):
            within = False
        if within and (match := _NAMED.match(row)) and len(found) < MOST:
            found.setdefault(match[1], (match[2] or "").strip())
        listed = _LISTED.match(row) if within else None
        if match := listed or _CHOICES.match(row):
            names = re.split(", ?", match[1])[: MOST - len(found)]
            found |= {name: "" for name in names if name not in found}
    found.pop("help", None)
    return found


def has_usage(text: str) -> bool:
    return any(map(_USAGE.match, text.splitlines()))


def described(name: str, text: str, summary: str = "", words: tuple[str, ...] = ()) -> Sub:
    """Nothing is believed of what it does: the worst is assumed."""
    usage = _usage(text)
    options = dict(_options(text))
    json: tuple[str, ...] = ()
    if "json" in options and options["json"].type == "boolean":
        del options["json"]
        json = ("--json",)
    for form in _FORMATS:
        if not json and form in options and "json" in options[form].choices:
            del options[form]
            json = (f"--{form}=json",)
    said = summary or _first(text)
    places = _after_options(usage, words)
    return Sub(
        summary=f"{said}\nusage: {usage}".strip()[:SUMMARY] if usage else said[:SUMMARY] or name,
        words=words,
        arguments=options | _places(places.removeprefix("[--]").strip(), options),
        json=json,
        dashes=places.startswith("[--]"),
        hints=Hints(read_only=False, destructive=True),
    )


def _options(text: str) -> Iterator[tuple[str, Parameter]]:
    rows = text.splitlines()
    for at, row in enumerate(rows):
        match = _OPTION.match(row)
        if match is None:
            continue
        help_ = match["help"] or (rows[at + 1].strip() if _goes_on(rows, at + 1) else "")
        if one := _named(match["names"], help_):
            yield one


def _goes_on(rows: list[str], at: int) -> bool:
    return at < len(rows) and re.match(r"^\s{12,}[^-\s]", rows[at]) is not None


def _named(names: str, help_: str) -> tuple[str, Parameter] | None:
    """Of `-n, --max-count=<n>` the long name; the value may stand after either."""
    long, short, value = "", "", ""
    for part in re.split(r",\s*(?=-)", names):
        if match := _LONG.match(part):
            long = long or match["name"]
            value = value or match["value"]
        elif match := _SHORT.match(part):
            short = short or match["name"]
            value = value or match["value"]
    name = long or short
    if name in ("", "h", "help", "version") or value.startswith("["):
        return None
    choices = re.search(r"\{([^{}]+)\}|\[([\w-]+(?:\|[\w-]+)+)\]", value)
    spelt = (choices[1] or choices[2]).replace("|", ",").split(",") if choices else ()
    type_ = "integer" if re.search(r"\b(INTEGER|INT|n|NUM)\b", value) else "string"
    return name.replace("-", "_"), Parameter(
        option=f"--{long}" if long else f"-{short}",
        type=type_ if value.strip() else "boolean",  # type: ignore[arg-type]
        help=help_,
        choices=tuple(spelt),
    )


def _usage(text: str) -> str:
    """The first usage, on one line."""
    rows = text.splitlines()
    for at, row in enumerate(rows):
        if match := _USAGE.match(row):
            more = [match[1].strip()]
            for next_ in rows[at + 1 :]:
                if not next_.startswith("  ") or re.match(r"\s*(or:|-)", next_):
                    break
                more.append(next_.strip())
            return " ".join(filter(None, more))
    return ""


def _places(rest: str, taken: Container[str]) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    while rest:
        match = _PLACE.match(rest)
        name = (match["name"] or match["bare"]).lower().replace("-", "_") if match else ""
        after = any(one.many for one in found.values())
        if match is None or name in found or name in taken or after:
            return {"argv": _ANY}
        found[name] = Parameter(many="..." in match[0], required=not match["o"])
        rest = rest[match.end() :].strip()
    return found


def _after_options(usage: str, words: tuple[str, ...]) -> str:
    """What of a usage are words that have their place."""
    _, found, rest = usage.partition(words[-1] if words else " ")
    if words and usage and not found:
        return "…"  # it is another's
    return _ASIDE.sub(" ", rest).strip()


def _first(text: str) -> str:
    """The first words that are neither usage nor an option."""
    for block in re.split(r"\n\s*\n", text):
        if not _USAGE.match(block) and not _OPTION.match(block) and not _HEAD.match(block):
            return " ".join(block.split())
    return ""
