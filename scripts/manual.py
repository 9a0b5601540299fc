"""Write docs/manual from what the code declares.

    manual.py           write the pages
    manual.py --check   say which are not what they would be written as; exit status 1

Nothing is written by hand there: a call, an event, an error, a setting or a command is declared
once, in the code, with its description.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec

from logos.abi import errors, events, limits, rights
from logos.abi.calls import CALLS, Call, name, result_type
from logos.abi.errors import DAEMON_ABSENT, MEANING, Code
from logos.abi.events import AnyEvent
from logos.cli.commands import GROUPS
from logos.cli.registry import COMMON, DRY_RUN, Argument, Command
from logos.config import Config

FOLDER = Path(__file__).parents[1] / "docs" / "manual"
WRITTEN = "<!-- Written by scripts/manual.py: edit the declaration, then `make docs`. -->\n"
Schema = dict[str, Any]

MANY = 8
"""Choices that no longer fit into a table."""


def pages() -> dict[str, str]:
    made = {
        "calls.md": calls_page(),
        "capabilities.md": capabilities_page(),
        "commands.md": commands_page(),
        "errors.md": errors_page(),
        "events.md": events_page(),
        "limits.md": limits_page(),
        "settings.md": settings_page(),
    }
    index = "".join(
        f"* [{text.splitlines()[0].lstrip('# ')}]({file})\n" for file, text in made.items()
    )
    made["README.md"] = f"# The manual\n\nWhat the code declares, page by page.\n\n{index}"
    return {file: f"{text.rstrip()}\n\n{WRITTEN}" for file, text in made.items()}


# -- system calls ------------------------------------------------------------------------------


def calls_page() -> str:
    text = (
        "# System calls\n\n"
        "What a process can ask for.  A model proposes a call under its name with `_` for the dot; "
        "any call may also fail with `invalid`, `denied` or `cancelled`.\n"
    )
    return text + "".join(_call(call) for call in CALLS)


def _call(call: type[Call[Any]]) -> str:
    own, definitions = _schema(call, call.__name__)
    own["properties"] = {k: v for k, v in own["properties"].items() if k != "call"}
    needs = f"`{call.verb}` on {_target(call)}" if call.verb else "none"
    fails = ", ".join(f"`{code}`" for code in call.errors) or "nothing else"
    return (
        f"\n## {name(call)}\n\n{inspect.getdoc(call)}\n\n"
        f"{_fields(own, definitions)}"
        f"* returns {_returned(call)}\n"
        f"* effect: `{call.effect}` ({_COMMENT[call.effect]})\n"
        f"* capability: {needs}\n"
        f"* fails with {fails}\n"
    )


_COMMENT = {
    "kernel": "journaled together with its answer, in one transaction",
    "pure": "run again after a crash",
    "idempotent": "run again after a crash, under the same call id",
    "effect": "never run again in silence",
}


def _target(call: type[Call[Any]]) -> str:
    """What the method that names the path says, as a pattern."""
    source = inspect.getsource(call.target)
    if "absolute" in source:
        return "the path"
    if "shared_part" in source:
        return "the path, if it is in a space that others see"
    found = re.search(r'return f"([^"]*)"', source)
    assert found is not None, f"{call} has no target to show"
    return f"`{re.sub(r'({[^}]*})+', '…', found[1])}`"


def _returned(call: type[Call[Any]]) -> str:
    made = result_type(call)
    if made is type(None):
        return "nothing"
    if made is msgspec.Raw:
        return "whatever the tool returned"
    if made is str:
        return "text"
    if not hasattr(made, "__struct_fields__"):
        return f"`{made.__name__}`, a number"
    return f"`{made.__name__}` with {', '.join(f'`{f}`' for f in made.__struct_fields__)}"


# -- events ------------------------------------------------------------------------------------


def events_page() -> str:
    groups = _block(events)
    text = f"# Events\n\nWhat a journal can say.\n\n{groups}"
    return text + "".join(_event(kind) for kind in get_args(AnyEvent))


def _event(kind: type[msgspec.Struct]) -> str:
    own, definitions = _schema(kind, kind.__name__)
    own["properties"] = {k: v for k, v in own["properties"].items() if k != "event"}
    said = "" if kind.__doc__ is None else f"  {inspect.getdoc(kind)}"
    fields = _fields(own, definitions, "field")
    return (
        f"\n## {kind.__name__}\n\n`{kind.__struct_config__.tag}`.{said}\n\n{fields}".rstrip() + "\n"
    )


# -- errors, capabilities, limits ---------------------------------------------------------------


def errors_page() -> str:
    told = {
        row[0]: row[1:]
        for line in (errors.__doc__ or "").splitlines()
        if len(row := re.split(r" {2,}", line.strip())) == len(("code", "is", "do"))
    }
    rows = []
    for code in Code:
        meaning, (what, todo) = MEANING[code], told[code]
        again = "yes" if meaning.retryable else "no"
        rows.append((f"`{code}`", what, todo, again, meaning.http_status, meaning.exit_status))
    head = ("code", "means", "so", "retry", "HTTP", "exit status")
    return (
        "# Errors\n\nOne exception inside, one table outside.  Exit statuses are frozen.\n\n"
        f"{_table(head, rows)}\n"
        f"An exit status of 128 + n is signal n; {DAEMON_ABSENT} means that there is no daemon and "
        "none could be started.\n"
    )


def capabilities_page() -> str:
    lines = inspect.cleandoc(rights.__doc__ or "").splitlines()[2:]
    text = "\n".join(lines)
    verbs = ", ".join(f"`{verb}`" for verb in sorted(rights.VERBS))
    needing = [
        (f"`{verb}`", ", ".join(f"[{n}](calls.md#{n.replace('.', '')})" for n in _calls_of(verb)))
        for verb in sorted(rights.VERBS)
    ]
    return f"# Capabilities\n\n{text}\n\nThe verbs are {verbs}.\n\n{_table(('verb', 'calls'), needing)}"


def _calls_of(verb: str) -> list[str]:
    return [name(call) for call in CALLS if call.verb == verb]


def limits_page() -> str:
    """Constants, each with the text that follows it."""
    body = ast.parse(inspect.getsource(limits)).body
    rows = []
    for item, after in pairwise(body):
        if isinstance(item, ast.Assign) and isinstance(after, ast.Expr):
            assert isinstance(item.targets[0], ast.Name)
            said = ast.literal_eval(after.value)
            rows.append((f"`{item.targets[0].id}`", f"{getattr(limits, item.targets[0].id)}", said))
    said = "Fixed, with their units.  What an operator may change is a [setting](settings.md)."
    return f"# Constants\n\n{said}\n\n{_table(('name', 'value', 'what'), rows)}"


# -- settings ----------------------------------------------------------------------------------


def settings_page() -> str:
    own, definitions = _schema(Config, "Config")
    rows = list(_settings(own, definitions, ""))
    return (
        "# Settings\n\nDefaults < `logos.toml` < environment.  `logos config` shows every value and "
        "where it came from.\n\n"
        f"{_table(('setting', 'environment', 'type', 'default', 'what'), rows)}"
    )


def _settings(own: Schema, definitions: Schema, prefix: str) -> Iterable[tuple[object, ...]]:
    for key, value in own["properties"].items():
        inner = value.get("additionalProperties") or value
        of_many = ".NAME" if "additionalProperties" in value and "$ref" in inner else ""
        if found := _definition(inner, definitions):
            yield from _settings(found, definitions, f"{prefix}{key}{of_many}.")
            continue
        kind, what = _kind(value, definitions)
        variable = f"`LOGOS_{prefix}{key}`".replace(".", "_").upper()
        if "NAME" in prefix or kind.startswith(("table", "list")):
            variable = "-"
        default = msgspec.json.encode(value["default"]).decode() if "default" in value else "-"
        yield f"`{prefix}{key}`", variable, kind, f"`{default}`", what or _inherited(own, prefix)


def _inherited(own: Schema, prefix: str) -> str:
    """What the section says, where its parts say nothing."""
    said: str = own.get("description", "").partition("\n\n")[0]
    return said if prefix else ""


# -- commands ----------------------------------------------------------------------------------


UNSAID = (None, "", 0, (), 2**62)
"""Defaults that mean there is none."""


def commands_page() -> str:
    text = (
        "# Commands\n\n`logos COMMAND --help` says the same; `--describe` gives the JSON Schema.\n\n"
        "All take:\n\n"
        + "".join(_argument(argument) for argument in COMMON)
        + "\nThose that change something take:\n\n"
        + _argument(DRY_RUN)
    )
    for title, commands in GROUPS.items():
        text += f"\n## {title}\n" + "".join(_command(command) for command in commands)
    return text


def _command(command: Command) -> str:
    words = " ".join(_usage(argument) for argument in command.arguments)
    traits = [
        f"{command.effect}s",
        "safe to repeat" if command.idempotent else "not safe to repeat",
    ]
    traits += ["streams its output"] if command.stream else []
    details = command.details.replace("\n", "\n\n")
    details = f"\n{details}\n" if details else ""
    arguments = "".join(_argument(argument) for argument in command.arguments)
    return (
        f"\n### {command.name}\n\n    logos {command.name} {words}".rstrip()
        + f"\n\n{command.summary[0].upper()}{command.summary[1:]}.  ({', '.join(traits).capitalize()}.)\n{details}"
        + (f"\n{arguments}" if arguments else "")
    )


def _usage(argument: Argument) -> str:
    if argument.name.startswith("-"):
        value = "" if argument.kind is bool else f" {argument.shown}"
        return f"[{argument.name}{value}]"
    word = argument.name.upper() + (" …" if argument.many else "")
    return f"[{word}]" if argument.optional else word


def _argument(argument: Argument) -> str:
    names = ", ".join(f"`{n}`" for n in (argument.short, argument.name) if n)
    default = f"; default {argument.default}" if argument.default not in UNSAID else ""
    return f"* {names}: {argument.explained}{default}\n"


# -- what they share ---------------------------------------------------------------------------


def _schema(kind: type, title: str) -> tuple[Schema, Schema]:
    _, parts = msgspec.json.schema_components([kind], ref_template="{name}")
    return dict(parts[title]), parts


def _definition(value: Schema, definitions: Schema) -> Schema | None:
    """The Struct behind a reference.  An enumeration is no Struct."""
    refs = [value["$ref"]] if "$ref" in value else []
    refs += [
        one["$ref"] for key in ("anyOf", "allOf") for one in value.get(key, ()) if "$ref" in one
    ]
    found = next((definitions[ref] for ref in refs), None)
    return found if found is not None and "properties" in found else None


def _kind(value: Schema, definitions: Schema) -> tuple[str, str]:
    """A type in a word or two, and the description wherever it stands."""
    said = value.get("description", "")
    if "$ref" in value:
        return _referred(value["$ref"], definitions, said)
    for union in ("anyOf", "allOf"):
        if union in value:
            kinds, descriptions = zip(*(_kind(o, definitions) for o in value[union]), strict=True)
            words = " or ".join(k for k in kinds if k != "null")
            return words, said or next((d for d in descriptions if d), "")
    if value.get("type") == "array":
        inner = (
            _kind(value.get("items") or {}, definitions)[0] if value.get("items") else "anything"
        )
        return f"list of {inner}", said
    names = {"object": "table", "number": "number", "string": "text", "boolean": "true or false"}
    kind = value.get("type", "JSON")
    assert isinstance(kind, str)
    return names.get(kind, kind), said


def _referred(ref: str, definitions: Schema, said: str) -> tuple[str, str]:
    found = definitions[ref]
    if len(found.get("enum", ())) > MANY:
        return ref, said
    if "enum" in found:
        return ", ".join(f"`{one}`" for one in found["enum"]), said
    return ref, said or found.get("description", "").partition("\n\n")[0]


def _fields(own: Schema, definitions: Schema, called: str = "argument") -> str:
    rows = []
    for key, value in own["properties"].items():
        kind, what = _kind(value, definitions)
        default = "" if key in own.get("required", ()) else _default(value)
        rows.append((f"`{key}`", kind, default, what))
    return _table((called, "type", "default", "what"), rows) + "\n" if rows else ""


def _default(value: Mapping[str, Any]) -> str:
    return f"`{msgspec.json.encode(value['default']).decode()}`" if "default" in value else "none"


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _block(module: object) -> str:
    """The indented list of a module's head."""
    lines = [line for line in (module.__doc__ or "").splitlines() if line.startswith("    ")]
    return "\n".join(lines) + "\n"


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    stale = [
        file
        for file, text in made.items()
        if not (FOLDER / file).exists() or (FOLDER / file).read_text(encoding="utf-8") != text
    ]
    stale += [path.name for path in FOLDER.glob("*.md") if path.name not in made]
    if "--check" in sys.argv:
        print("\n".join(f"docs/manual/{file} is out of date: make docs" for file in stale))
        return bool(stale)
    for path in FOLDER.glob("*.md"):
        path.unlink()
    for file, text in made.items():
        (FOLDER / file).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
