"""A Python function as a tool: its signature is the schema, its docstring the manual.

`allow` is all the agent may do.  Without the capability the call would fail with `denied`, and
the model would be told what it lacks.
"""

import anyio

import logos

TASK = 'For a room of 4 by 5.5 metres, call `area` with `{"width": 4, "height": 5.5}`.'

functions = logos.Functions()


@functions.register(effect=logos.Effect.PURE)
def area(width: float, height: float) -> float:
    """The area of a rectangle.

    width: in metres
    height: in metres
    """
    return width * height


async def main() -> None:
    surveyor = logos.Agent(
        name="surveyor",
        instructions="Use the tool for every calculation.",
        tools=("area",),
        allow=(logos.Cap(verb="call", path="/tools/area"),),
    )
    async with logos.boot(functions=functions) as machine:
        pid = await machine.kernel.spawn(surveyor, TASK)
        end = await machine.kernel.records.wait(pid)
        print(end.answer)


if __name__ == "__main__":
    anyio.run(main)
