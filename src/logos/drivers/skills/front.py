"""The front matter of a SKILL.md.

    front(text, folder)   -> Front.  Raise `invalid` with what the format wants

Only the texts of two keys are ever read out of the YAML, as they were written: no tag is
resolved, no alias followed, nothing else is looked at.

Invariant: what comes out is text that a person can see.
"""

import re
from typing import NamedTuple

import yaml

from logos.abi.errors import Code, SysError
from logos.abi.tools import visible

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME_CHARACTERS = 64
DESCRIPTION_CHARACTERS = 1024
FRONT_CHARACTERS = 32_768

_PLAIN = re.compile(r"^(name|description): +(.+)$", re.MULTILINE)


class Front(NamedTuple):
    name: str
    description: str


def front(text: str, folder: str) -> Front:
    """`folder` is what the skill's folder is called: its name has to be the same."""
    said = _texts(_between(text))
    name, description = said.get("name", ""), " ".join(said.get("description", "").split())
    if not NAME.fullmatch(name) or len(name) > NAME_CHARACTERS:
        raise _wrong(f"the name {visible(name)[:80]!r} is none", "a-z, 0-9 and single hyphens")
    if name != folder:
        raise _wrong(f"the skill {name} is in a folder called {visible(folder)!r}", "rename one")
    if not description or len(description) > DESCRIPTION_CHARACTERS:
        raise _wrong("the description is missing or too long", "1 to 1024 characters")
    return Front(name, visible(description))


def _between(text: str) -> str:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not lines.startswith("---\n"):
        raise _wrong("there is no front matter", "begin with ---, name:, description:, ---")
    head, end, _ = f"\n{lines[4:FRONT_CHARACTERS]}\n".partition("\n---\n")
    if not end:
        raise _wrong("the front matter does not end", "end it with a line that is ---")
    return head


def _texts(head: str) -> dict[str, str]:
    try:
        node = yaml.compose(head, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # a description with a bare `: ` in it is no YAML, but is what people write
        if said := dict(_PLAIN.findall(head)):
            return said
        why = (str(error).splitlines() or ["nested too deeply"])[0]
        raise _wrong(f"the front matter is not YAML: {visible(why)}", "name: …") from error
    if not isinstance(node, yaml.MappingNode):
        raise _wrong("the front matter has no keys", "name: and description:")
    return {
        key.value: str(value.value)
        for key, value in reversed(node.value)
        if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)
    }


def _wrong(message: str, hint: str) -> SysError:
    return SysError(Code.INVALID, f"SKILL.md: {message}", hint=hint)
