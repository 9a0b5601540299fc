"""The smallest program: one agent, one task, one answer.

The model is the one in your settings: `builtin/reader`, which needs no key and only quotes what it
has read, unless you have set another.  LOGOS_MODEL=openai/gpt-5 (with OPENAI_API_KEY) picks one for
one run.  The same holds for every example here.
"""

import anyio

import logos

TASK = "A process is its journal, and survives kill -9.  What is a process?"


async def main() -> None:
    helper = logos.Agent(name="helper", instructions="Answer in one sentence.")
    async with logos.boot() as machine:
        pid = await machine.kernel.spawn(helper, TASK)
        end = await machine.kernel.records.wait(pid)
        print(f"process {end.pid} exited with {end.status}: {end.answer}")


if __name__ == "__main__":
    anyio.run(main)
