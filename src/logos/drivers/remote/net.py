"""/net as a folder: agents elsewhere, one page each.

    Net    a Mount; `agents` gives those that are mounted, by name

Invariant: what an agent says of itself is shown as its words.
"""

from collections.abc import Callable, Mapping, Sequence

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.mount import Document, Entry
from logos.abi.tools import Provider

Agents = Callable[[], Mapping[str, Provider]]


class Net:
    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    async def list(self, job: Job, path: str) -> Sequence[Entry]:
        del job
        if path != "/net":
            raise SysError(Code.INVALID, f"{path} is an agent", hint="read it with fs.read")
        return [Entry(name=name, kind="tool", note="an agent") for name in sorted(self._agents())]

    async def read(self, job: Job, path: str) -> str:
        del job
        name = path.removeprefix("/net").strip("/")
        if name not in self._agents():
            raise SysError(Code.NOT_FOUND, f"there is no {path}", hint="list /net")
        (offer, *_) = await self._agents()[name].offers()
        call = f'tool.call {{"tool": "{name}/{offer.name}", "arguments": {{"task": "…"}}}}'
        return f"{name}\n\n{offer.description}\n\n{call}"

    async def write(self, job: Job, path: str, text: str) -> None:
        del job, text
        raise SysError(Code.DENIED, f"{path} cannot be written", hint="delegate to it")

    async def documents(self, job: Job, path: str) -> Sequence[Document]:
        del job
        return [
            Document(f"/net/{name}", offer.description)
            for name, agent in sorted(self._agents().items())
            for offer in agent.known()
            if f"/net/{name}".startswith(path)
        ]
