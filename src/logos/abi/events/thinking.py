"""A thought: begun, had, cut short; and what else a model was asked for."""

from logos.abi.errors import Code
from logos.abi.events.base import Event
from logos.abi.ids import Pid
from logos.abi.messages import Finish, Message, Usage


class Asked(Event, frozen=True, kw_only=True):
    """A thought is on its way to `model`; `tokens` and `cost` are the most it can use.  The prompt
    fits into `room` tokens; `estimated` is what it was thought to have before anybody counted.
    `tail` ended the prompt and is not kept in the window.  `prompt` is the SHA-256 of the
    request's canonical bytes, `tools` that of the tools in it, which are kept as a blob, and
    `output` how many tokens the answer could have."""

    model: str
    tokens: int
    cost: int = 0
    room: int = 0
    estimated: int = 0
    tail: str = ""
    prompt: bytes = b""
    tools: bytes = b""
    output: int = 0


class Thought(Event, frozen=True, kw_only=True):
    """`stop` is the sequence that ended it, where its provider says which."""

    message: Message
    usage: Usage
    finish: Finish
    stop: str = ""


class Interrupted(Event, frozen=True, kw_only=True):
    """A thought ended without an answer.  `charged` is what it is taken to have cost: what the
    provider said, or the whole reservation when nobody knows.  `lost`: its node went away,
    which is no fault of the model's.  `again_s`: after so many seconds asking again may help."""

    code: Code
    message: str
    charged: Usage = Usage()
    lost: bool = False
    again_s: float | None = None


class Vectored(Event, frozen=True, kw_only=True):
    """A model made vectors of texts for a client.  Neither is kept: `input` is the SHA-256 of what was
    asked for, as the client wrote it, and `asked` the one whose program asked, if one did."""

    model: str
    input: bytes
    usage: Usage = Usage()
    asked: Pid | None = None
