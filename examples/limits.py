"""Limits are hard.  This agent is to draw ten numbers and may make three calls: the fourth
is refused, and so is its next thought, so it ends with the exit status of `budget`.

What a thought can cost at most is reserved before it starts, so a limit of tokens or dollars is
never overdrawn, however many descendants share it.
"""

from itertools import count

import anyio

import logos

TASK = ", ".join(["Call `draw` with `{}`"] * 10)

functions = logos.Functions()
numbers = count(1)


@functions.register(effect=logos.Effect.PURE)
def draw() -> int:
    """Draw a number."""
    return next(numbers)


async def main() -> None:
    gambler = logos.Agent(
        name="gambler",
        instructions="Draw as many numbers as you are told to.",
        tools=("draw",),
        allow=(logos.Cap(verb="call", path="/tools/draw"),),
        limits=logos.Limits(calls=3, wall_s=60),
    )
    async with logos.boot(functions=functions) as machine:
        pid = await machine.kernel.spawn(gambler, TASK)
        end = await machine.kernel.records.wait(pid)
        drawn = (await machine.kernel.records.process(pid)).calls
        print(f"drew {drawn} numbers, then exited with {end.status}: {end.answer}")


if __name__ == "__main__":
    anyio.run(main)
