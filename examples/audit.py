"""Everything a process did is in its journal, in a chain of hashes.

Reads a process's events back, then recomputes every chain of the database: a row that was
changed, dropped or put in between would be named.
"""

import anyio

import logos


async def main() -> None:
    helper = logos.Agent(name="helper", instructions="Answer in one sentence.")
    async with logos.boot() as machine:
        records = machine.kernel.records
        pid = await machine.kernel.spawn(helper, "What is a journal?")
        await records.wait(pid)
        async for told in records.events(pid):
            print(f"{told.row.seq:3} {told.row.hash.hex()[:12]} {told.row.kind}")
        found = await records.audit()
        print("broken" if found.broken else "intact")


if __name__ == "__main__":
    anyio.run(main)
