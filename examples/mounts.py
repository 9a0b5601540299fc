"""A program of this machine as a tool.

`manifests/sort.toml` says what it takes and what it does to the world; without it, what `sort --help`
prints would be read, and the worst assumed.  It runs in the sandbox and in the folder of the process
that calls it.  The prompt does not grow with what is mounted: an agent lists, searches and reads /tools.

The same from a shell: logos mount text command --manifest manifests/sort.toml -- sort
"""

from pathlib import Path

import anyio

import logos
from logos.abi.rights import parse
from logos.abi.tools import Place

MANIFEST = Path(__file__).with_name("manifests") / "sort.toml"
TASK = (
    'Call `fs.write` with `{"path": "numbers.txt", "text": "4\\n30\\n7\\n"}`. Call `tool.call` with '
    '`{"tool": "text/sort", "arguments": {"numeric": true, "reverse": true, "file": "numbers.txt"}}`.'
)


async def main() -> None:
    clerk = logos.Agent(
        name="clerk",
        instructions="Use the tools for every step.",
        tools=("fs.write", "fs.list", "fs.read", "fs.search", "tool.call"),
        allow=tuple(map(parse, ("write:/home/**", "read:/tools/**", "call:/tools/text/*"))),
    )
    async with logos.boot() as machine:
        if "text" not in machine.places.tools.places:  # it is kept, for the next time
            place = Place(program=("sort",), manifest=str(MANIFEST))
            offers = await machine.places.add("text", place)
            print("mounted:", ", ".join(offer.name for offer in offers))
        pid = await machine.kernel.spawn(clerk, TASK)
        end = await machine.kernel.records.wait(pid)
        print(end.answer)


if __name__ == "__main__":
    anyio.run(main)
