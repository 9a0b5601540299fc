"""Two processes that talk.  A message is posted in the sender's transaction and taken in the
receiver's, so it arrives once, in order, also when a node dies in between.

The scribe is resident: after an answer it waits for the next message instead of exiting.  The
author waits in turns, because an answer that comes while it thinks is in its window already.
This one needs a model that follows instructions; with `builtin/reader` nobody capitalises anything,
and the author's limit ends it.
"""

import anyio

import logos

SEND = (logos.Cap(verb="send", path="/proc/*"),)

scribe = logos.Agent(
    name="scribe",
    instructions="Whoever sends you a word gets it back in capitals, by message_send.",
    tools=("message.send",),
    allow=SEND,
    resident=True,
)
author = logos.Agent(
    name="author",
    instructions="Send the word with message_send and report the answer when you see it.  Until "
    "then wait with message_receive, a second at a time.",
    tools=("message.send", "message.receive"),
    allow=SEND,
    limits=logos.Limits(wall_s=30),
)


async def main() -> None:
    async with logos.boot() as machine:
        kernel = machine.kernel
        listener = await kernel.spawn(scribe, "")
        pid = await kernel.spawn(author, f"Have process {listener} capitalise the word journal.")
        print((await kernel.records.wait(pid)).answer)
        await kernel.signal(listener, logos.Signal.KILL, reason="the example is over")


if __name__ == "__main__":
    anyio.run(main)
