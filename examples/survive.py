"""A process survives `kill -9` of the kernel that runs it.

The first life is killed in the middle of a tool.  The second one finds the call in the journal,
open and declared idempotent: it runs it again under the same call id, and the process goes on
with its next thought as if nothing had happened.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import anyio

import logos

functions = logos.Functions()
measuring = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "measuring"


@functions.register(effect=logos.Effect.IDEMPOTENT)
async def measure(call: logos.CallId) -> str:
    """Take a measurement."""
    if not measuring.exists():  # the first life
        measuring.write_text(call)
        await anyio.sleep_forever()
    return "42, by the same call" if measuring.read_text() == call else "42, by another call"


async def first_life() -> None:
    caps = (logos.Cap(verb="call", path="/tools/measure"),)
    agent = logos.Agent(name="measurer", tools=("measure",), allow=caps)
    async with logos.boot(functions=functions) as machine:
        pid = await machine.kernel.spawn(
            agent, "Call `measure` with `{}`, and report what it says."
        )
        await machine.kernel.records.wait(pid)


async def second_life() -> None:
    async with logos.boot(functions=functions) as machine:
        records = machine.kernel.records
        *_, survivor = [one for one in await records.list(everyone=True) if one.agent == "measurer"]
        print((await records.wait(survivor.pid)).answer)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(first_life)
    with subprocess.Popen([sys.executable, __file__, str(measuring)]) as life:
        while not measuring.exists() and life.poll() is None:
            anyio.run(anyio.sleep, 0.05)
        life.kill()
    anyio.run(second_life)
