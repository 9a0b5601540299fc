"""The request of one thought, assembled from the journal.  Pure.

    assemble(process, window, tools, output, tail)   the request
    prompt_digest(request)                           SHA-256 of its canonical bytes, as in `Asked.prompt`
    keyed(request, digest, pid, process)             with its idempotency key for the provider
    kept(tools), tools_of(bytes)                     the tools as stored beside the journal

Thinking and replaying call the same function: that is why the bytes are equal.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from logos.abi.ids import Pid
from logos.abi.messages import Request, ToolSpec
from logos.abi.process import Process
from logos.kernel.memory import Window

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_TOOLS: msgspec.json.Decoder[tuple[ToolSpec, ...]] = msgspec.json.Decoder(tuple[ToolSpec, ...])


def assemble(
    process: Process, window: Window, tools: Sequence[ToolSpec], output: int, tail: str = ""
) -> Request:
    """`output` is the maximum length of the answer in tokens; `tail` ends the prompt."""
    options, messages = process.options, window.messages(tail)
    if options is None:
        return Request(
            model=process.agent.model, messages=messages, tools=tuple(tools), max_output=output
        )
    return Request(
        model=options.model,
        messages=(*options.system, *messages[1:]),  # a client's instructions replace the agent's
        tools=tuple(tools),
        max_output=output,
        temperature=options.temperature,
        stop=options.stop,
        extra=options.extra,
        headers=options.headers,
    )


def prompt_digest(request: Request) -> bytes:
    return hashlib.sha256(_ENCODE(request)).digest()


IDEMPOTENT = "idempotency-key"
"""The header that the vendors' own clients send.  Providers that do not know it ignore it."""


def keyed(request: Request, digest: bytes, pid: Pid, process: Process) -> Request:
    """The same thought, repeated after a crash or a failure, has the same key: it follows from the
    process, its time of birth, the number of the thought, and the prompt."""
    which = b"%d %d %d " % (pid, process.started, process.thoughts + 1)
    key = hashlib.sha256(which + digest).hexdigest()[:32]
    return msgspec.structs.replace(request, headers={**request.headers, IDEMPOTENT: key})


def kept(tools: Sequence[ToolSpec]) -> bytes:
    return _ENCODE(tuple(tools))


def tools_of(data: bytes) -> tuple[ToolSpec, ...]:
    """Raise msgspec.DecodeError for bytes that are not tools."""
    return _TOOLS.decode(data)
