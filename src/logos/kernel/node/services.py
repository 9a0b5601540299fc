"""What handlers may ask the kernel: which processes exist, what is kept, what was said.

    ForHandlers    the Services of kernel/syscall, of one node

It reads and prepares; the effects of a call are written by the node.
"""

from collections.abc import Callable
from dataclasses import dataclass

from logos.abi.agent import Agent, Limits
from logos.abi.calls import SearchMemory
from logos.abi.errors import Code, SysError
from logos.abi.events import Compacted
from logos.abi.ids import Pid, Seq
from logos.kernel.journal import Entry
from logos.kernel.memory import Sought, found_text
from logos.kernel.node.births import Births
from logos.kernel.node.compact import Compactor
from logos.kernel.node.parts import Terms
from logos.kernel.node.records import Records
from logos.kernel.node.resident import Resident
from logos.kernel.node.stores import Stores
from logos.kernel.process import tighter
from logos.kernel.process.bodies import Squeeze
from logos.kernel.syscall import Known, Parent


@dataclass(frozen=True, slots=True)
class ForHandlers:
    agent_named: Callable[[str], Agent]
    records: Records
    stores: Stores
    births: Births
    compactor: Compactor
    resident: Callable[[Pid], Resident | None]

    async def agent(self, name: str) -> Agent:
        return self.agent_named(name)

    async def known(self, pid: Pid) -> Known | None:
        return await self.records.known(pid)

    async def answer(self, pid: Pid) -> str:
        return await self.records.answer(pid)

    async def page(self, pid: Pid, page: Seq) -> str:
        return await self.records.page(pid, page)

    async def search(self, pid: Pid, call: SearchMemory) -> str:
        found = await self.stores.seek(pid, call.question, call.tokens, Sought.of(call.within))
        return found_text(call.question, found)

    async def compressed(self, pid: Pid, wanted: Squeeze) -> Compacted | None:
        if (resident := self.resident(pid)) is None:
            raise SysError(Code.UNAVAILABLE, f"process {pid} is not driven here")
        return await self.compactor.compressed(resident, wanted)

    async def born(
        self, agent: Agent, task: str, limits: Limits, *, parent: Parent
    ) -> tuple[Entry, Limits]:
        """A new process, not yet in the journal, and the limits it was granted."""
        terms = Terms(tighter(agent.limits, limits), carries=parent.carries)
        return await self.births.make(agent, task, terms, (parent.pid, parent.process))
