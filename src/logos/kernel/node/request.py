"""What one thought sends, put together from what the journal says.  Pure.

    assemble(process, window, tools, output, tail)   the request
    prompt_digest(request)                           SHA-256 of its canonical bytes, as in `Asked.prompt`
    kept(tools), tools_of(bytes)                     the tools as they are kept beside the journal

Whoever thinks and whoever replays call the same function: that is why the bytes are equal.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from logos.abi.messages import Request, ToolSpec
from logos.abi.process import Process
from logos.kernel.memory import Window

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_TOOLS: msgspec.json.Decoder[tuple[ToolSpec, ...]] = msgspec.json.Decoder(tuple[ToolSpec, ...])


def assemble(
    process: Process, window: Window, tools: Sequence[ToolSpec], output: int, tail: str = ""
) -> Request:
    """`output` is how many tokens the answer may have; `tail` ends the prompt."""
    options, messages = process.options, window.messages(tail)
    if options is None:
        return Request(
            model=process.agent.model, messages=messages, tools=tuple(tools), max_output=output
        )
    return Request(
        model=options.model,
        messages=(*options.system, *messages[1:]),  # a client's instructions, not the agent's
        tools=tuple(tools),
        max_output=output,
        temperature=options.temperature,
        stop=options.stop,
        extra=options.extra,
        headers=options.headers,
    )


def prompt_digest(request: Request) -> bytes:
    return hashlib.sha256(_ENCODE(request)).digest()


def kept(tools: Sequence[ToolSpec]) -> bytes:
    return _ENCODE(tuple(tools))


def tools_of(data: bytes) -> tuple[ToolSpec, ...]:
    """Raise msgspec.DecodeError for bytes that are no tools."""
    return _TOOLS.decode(data)
