"""A thought: requested, completed, interrupted; and other requests made to a model."""

from logos.abi.errors import Code
from logos.abi.events.base import Event
from logos.abi.ids import Pid
from logos.abi.messages import Finish, Message, Usage


class Asked(Event, frozen=True, kw_only=True):
    """A thought was requested from `model`; `tokens` and `cost` are the most it can use.  The
    prompt fits into `room` tokens; `estimated` is its estimated size.  `tail` ended the prompt and
    is not kept in the window.  `prompt` is the SHA-256 of the request's canonical bytes, `tools`
    that of its tools, which are kept as a blob, and `output` the maximum length of the answer in
    tokens."""

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
    """`stop` is the stop sequence that ended it, where the provider reports one."""

    message: Message
    usage: Usage
    finish: Finish
    stop: str = ""


class Interrupted(Event, frozen=True, kw_only=True):
    """A thought ended without an answer.  `charged` is what it is assumed to have cost: what the
    provider reported, or the whole reservation when that is unknown.  `lost`: its node died, which
    is no fault of the model's.  `again_s`: after this many seconds a retry may succeed."""

    code: Code
    message: str
    charged: Usage = Usage()
    lost: bool = False
    again_s: float | None = None


class Vectored(Event, frozen=True, kw_only=True):
    """A model computed embeddings for a client.  Neither texts nor vectors are kept: `input` is the
    SHA-256 of the request as the client wrote it, and `asked` the process whose program asked, if
    one did."""

    model: str
    input: bytes
    usage: Usage = Usage()
    asked: Pid | None = None
