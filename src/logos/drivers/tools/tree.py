"""/tools as a folder: places, their tools, and the schema of one.

    Tree    a Mount: /tools/TOOL are functions of this program, /tools/PLACE/TOOL all others

Reading costs a connection only where a place has never been looked at.

Invariant: what a server says of its tools is shown as its words.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.messages import ToolSpec
from logos.abi.mount import Document, Entry
from logos.abi.tools import Offer, Provider
from logos.drivers.tools.words import ranked

LINE = 120
"""Characters of a description in a listing."""

FOUND = 8
"""Tools that a search shows."""


class Tree:
    def __init__(
        self, functions: Callable[[], Sequence[ToolSpec]], places: Mapping[str, Provider]
    ) -> None:
        self._functions = functions
        self._places = places

    async def list(self, job: Job, path: str) -> Sequence[Entry]:
        del job
        place, tool = _split(path)
        if tool:
            raise SysError(Code.INVALID, f"{path} is a tool", hint="read it with fs.read")
        if place and place not in self._places:
            self._own(path, place)
            raise SysError(Code.INVALID, f"{path} is a tool", hint="read it with fs.read")
        if place:
            return [_entry(offer) for offer in await self._places[place].offers()]
        folders = [
            Entry(name=name, kind="folder", note=_counted(self._places[name].known()))
            for name in sorted(self._places)
        ]
        return [*folders, *(_entry(_own(spec)) for spec in self._functions())]

    async def read(self, job: Job, path: str) -> str:
        del job
        place, tool = _split(path)
        if not place:
            raise SysError(Code.INVALID, "/tools is a folder", hint="list it with fs.list")
        if not tool and place not in self._places:
            return manual(self._own(path, place))
        if not tool:
            raise SysError(Code.INVALID, f"{path} is a folder", hint="list it with fs.list")
        if place not in self._places:
            raise SysError(Code.NOT_FOUND, f"nothing is mounted at /tools/{place}")
        provider = self._places[place]
        for offer in provider.known() or await provider.offers():
            if offer.name == tool:
                return manual(msgspec.structs.replace(offer, name=f"{place}/{tool}"))
        raise SysError(Code.NOT_FOUND, f"there is no {path}", hint=f"list /tools/{place}")

    async def write(self, job: Job, path: str, text: str) -> None:
        del job, text
        raise SysError(Code.DENIED, f"{path} cannot be written", hint="call it with tool.call")

    async def documents(self, job: Job, path: str) -> Sequence[Document]:
        """What is known: a search starts no server."""
        del job
        place, tool = _split(path)
        return [
            Document(f"/tools/{offer.name}", manual(offer))
            for offer in self._known()
            if (not place or offer.name.startswith(f"{place}/") or offer.name == place)
            and (not tool or offer.name == f"{place}/{tool}")
        ]

    async def find(self, job: Job, path: str, words: str, limit: int) -> str:
        """By what they do, best first.  Looks into places that nobody has looked into yet."""
        del job
        place, _ = _split(path)
        for name, provider in self._places.items():
            if (not place or name == place) and not provider.known():
                await _touched(provider)
        offers = [o for o in self._known() if not place or o.name.startswith(f"{place}/")]
        found = ranked(words, offers, min(limit, FOUND))
        if not found:
            return f"[no tool of {len(offers)} has to do with that; fs.list /tools shows them]"
        return "\n".join(f"/tools/{offer.name}\t{_brief(offer)}" for offer in found)

    def _known(self) -> Sequence[Offer]:
        mounted = (
            msgspec.structs.replace(offer, name=f"{name}/{offer.name}")
            for name in sorted(self._places)
            for offer in self._places[name].known()
        )
        return [*map(_own, self._functions()), *mounted]

    def _own(self, path: str, name: str) -> Offer:
        for spec in self._functions():
            if spec.name == name:
                return _own(spec)
        raise SysError(Code.NOT_FOUND, f"there is no {path}", hint="list /tools")


async def _touched(provider: Provider) -> None:
    """One dead server must not hide the tools of the others."""
    try:
        await provider.offers()
    except SysError:
        return


def manual(offer: Offer) -> str:
    """What a model reads before it calls a tool.  Hints and the schema of the result are left
    out: they cost more than half as much again and help nobody to call it."""
    schema = msgspec.json.decode(offer.schema)
    shown = msgspec.json.format(msgspec.json.encode(schema), indent=1).decode()
    lines = [offer.name, "", offer.description.strip() or "(no description)", ""]
    lines += ["arguments (JSON Schema):", shown, ""]
    lines += [f'call: tool.call {{"tool": "{offer.name}", "arguments": {{...}}}}']
    return "\n".join(lines)


def _entry(offer: Offer) -> Entry:
    return Entry(name=offer.name, kind="tool", note=_brief(offer))


def _brief(offer: Offer) -> str:
    first = " ".join(offer.description.split())
    return first if len(first) <= LINE else first[: LINE - 1] + "…"


def _counted(offers: Sequence[Offer]) -> str:
    return f"{len(offers)} tools" if offers else "not looked into yet"


def _own(spec: ToolSpec) -> Offer:
    return Offer(name=spec.name, description=spec.description, schema=spec.schema)


def _split(path: str) -> tuple[str, str]:
    """/tools/PLACE/TOOL -> place, tool.  A tool's name may have a slash of its own."""
    place, _, tool = path.removeprefix("/tools").strip("/").partition("/")
    return place, tool
