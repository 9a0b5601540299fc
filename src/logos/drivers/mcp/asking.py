"""A server asks a person in the middle of a call: its request, and our answer to it.  Pure.

    wanted(tool, requests, state)   what the server asks -> Wanted
    answered(reply)                 what a person said -> what is sent with the call, made again

It asks one thing at a time, by a form; what else a server may ask for is refused.

Invariant: what is sent is what the person wrote, and the server's own state.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from logos.abi.driver import Reply, Wanted
from logos.abi.errors import Code, SysError

ELICIT = "elicitation/create"
STATE_BYTES = 64 << 10


class _Params(msgspec.Struct, frozen=True, rename="camel"):
    message: str = ""
    mode: str = "form"
    requested_schema: msgspec.Raw = msgspec.Raw(b"{}")


class _Request(msgspec.Struct, frozen=True):
    method: str
    params: _Params = _Params()


class _State(msgspec.Struct, frozen=True):
    key: str
    state: str | None
    fields: tuple[str, ...] = ()


def wanted(tool: str, requests: Mapping[str, msgspec.Raw], state: str | None) -> SysError:
    try:
        asked = {key: msgspec.json.decode(raw, type=_Request) for key, raw in requests.items()}
        [(key, one)] = asked.items()
        form = msgspec.json.decode(one.params.requested_schema, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError) as error:
        return SysError(Code.UNAVAILABLE, f"{tool} wants what nobody here gives: {error}")
    if one.method != ELICIT or one.params.mode != "form" or len(state or "") > STATE_BYTES:
        return SysError(
            Code.UNAVAILABLE,
            f"{tool} wants {one.method} ({one.params.mode}), which nobody here gives",
            hint="give it everything it needs as arguments",
        )
    fields = tuple(form.get("properties", {}))
    kept = msgspec.json.encode(_State(key, state, fields)).decode()
    return Wanted(one.params.message, msgspec.Raw(msgspec.json.encode(form)), kept)


def answered(reply: Reply) -> dict[str, Any]:
    """A word alone is the answer to the only question.  Raise `invalid`."""
    state = msgspec.json.decode(reply.state, type=_State)
    try:
        content: Any = msgspec.json.decode(reply.word or "{}")
    except msgspec.MsgspecError:
        content = reply.word
    if not isinstance(content, dict):
        if len(state.fields) != 1:
            raise SysError(
                Code.INVALID, f"the answer is no JSON object of {', '.join(state.fields)}"
            )
        content = {state.fields[0]: content}
    said = {"inputResponses": {state.key: {"action": "accept", "content": content}}}
    return said | ({} if state.state is None else {"requestState": state.state})
