"""sh: a shell in plain words.  It runs in a process of its own, which the client becomes."""

from logos.abi.errors import Code, SysError
from logos.cli.registry import Argument, Asked, Command


async def sh(asked: Asked) -> int:
    del asked
    raise SysError(Code.INVALID, "a shell within a shell", hint="leave this one first")


SH = Command(
    "sh",
    "talk to a shell agent: say what you want done, or !COMMAND",
    sh,
    (
        Argument("--agent", "name or file of another agent to talk to", value="NAME"),
        Argument("--model", "model to use instead of the agent's", value="NAME"),
    ),
    effect="write",
    idempotent=False,
    stream=True,
)
