"""A server asks a person in the middle of a call: its request, and our answer to it.  Pure.

    Kept                            what stands in the journal beside a question
    only(requests)                  a server that keeps no connection: what it asks -> Asking
    first(requests, given)          of those of a task, the first that has no answer
    asking(params)                  one that does: the same
    wanted(tool, asking, kept)      the question, for a person
    content(reply, kept)            what a person said, as the form wants it
    again(tool, reply, kept)        the server forgot that it asked: may the call be made again?

It asks one thing at a time, by a form; what else a server may ask for is refused.

Invariant: what is sent is what the person wrote, and the server's own state.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from logos.abi.driver import Reply, Wanted
from logos.abi.errors import Code, SysError
from logos.drivers.mcp.wire import ELICIT

STATE_BYTES = 64 << 10
YES = {"action": "accept"}


class _Params(msgspec.Struct, frozen=True, rename="camel"):
    message: str = ""
    mode: str = "form"
    requested_schema: msgspec.Raw = msgspec.Raw(b"{}")


class _Request(msgspec.Struct, frozen=True):
    method: str
    params: _Params = _Params()


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the answer finds its way: with the call, made again, under `key` and with the server's
    `state`; to the connection that waits for it (`talk`); to a task; or to a call that is made again
    because the server has gone meanwhile: `said` answers the question of that digest (`asked`)."""

    key: str = ""
    state: str | None = None
    fields: tuple[str, ...] = ()
    how: Literal["retry", "talk", "task", "again"] = "retry"
    task: str = ""
    asked: str = ""
    said: dict[str, Any] = {}


class Asking(NamedTuple):
    """`asked` is the same whenever the same is asked in the same words."""

    key: str
    message: str
    form: Mapping[str, Any]
    asked: str

    @property
    def fields(self) -> tuple[str, ...]:
        properties = self.form.get("properties")
        return tuple(properties) if isinstance(properties, dict) else ()


def only(requests: Mapping[str, msgspec.Raw]) -> Asking:
    """Raise `unavailable` for what nobody here gives."""
    try:
        asked = {key: msgspec.json.decode(raw, type=_Request) for key, raw in requests.items()}
        [(key, one)] = asked.items()
    except (msgspec.MsgspecError, ValueError) as error:
        raise _nobody(str(error)) from error
    if one.method != ELICIT:
        raise _nobody(one.method)
    return _asking(key, one.params)


def first(requests: Mapping[str, msgspec.Raw], given: Collection[str]) -> Asking | None:
    """The first that has no answer yet."""
    for key in requests:
        if key not in given:
            return only({key: requests[key]})
    return None


def asking(params: msgspec.Raw) -> Asking:
    """Raise `unavailable`."""
    try:
        return _asking("", msgspec.json.decode(params, type=_Params))
    except msgspec.MsgspecError as error:
        raise _nobody(str(error)) from error


def _asking(key: str, params: _Params) -> Asking:
    try:
        form = msgspec.json.decode(params.requested_schema, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise _nobody(str(error)) from error
    if params.mode != "form":
        raise _nobody(f"{ELICIT} ({params.mode})")
    spelt = msgspec.json.encode([params.message, form], order="deterministic")
    return Asking(key, params.message, form, hashlib.sha256(spelt).hexdigest()[:16])


def wanted(one: Asking, kept: Kept) -> Wanted:
    """Raise `unavailable` for a state too long to be kept."""
    if len(kept.state or "") > STATE_BYTES:
        raise _nobody("a long state to be kept")
    kept = msgspec.structs.replace(kept, key=one.key, fields=one.fields, asked=one.asked)
    form = msgspec.Raw(msgspec.json.encode(one.form))
    return Wanted(one.message, form, msgspec.json.encode(kept).decode())


def kept_of(reply: Reply) -> Kept:
    return msgspec.json.decode(reply.state, type=Kept)


def content(reply: Reply, kept: Kept) -> dict[str, Any]:
    """A word alone is the answer to the only question.  Raise `invalid`."""
    try:
        said: Any = msgspec.json.decode(reply.word or "{}")
    except msgspec.MsgspecError:
        said = reply.word
    if isinstance(said, dict):
        return said
    if len(kept.fields) != 1:
        raise SysError(Code.INVALID, f"the answer is not a JSON object of {', '.join(kept.fields)}")
    return {kept.fields[0]: said}


def retried(reply: Reply, kept: Kept) -> dict[str, Any]:
    """What a call is made again with."""
    said = {"inputResponses": {kept.key: {**YES, "content": content(reply, kept)}}}
    return said | ({} if kept.state is None else {"requestState": kept.state})


def again(tool: str, reply: Reply, kept: Kept) -> Wanted:
    """Whoever asked has gone, and nobody knows what the call had done by then."""
    known = Kept(how="again", asked=kept.asked, said=content(reply, kept))
    return Wanted(
        f"{tool} asked something and has ended before it had the answer. What it had done by then "
        "is not known. May it be called again, from the start, with your answer?",
        msgspec.Raw(b"{}"),
        msgspec.json.encode(known).decode(),
    )


def _nobody(what: str) -> SysError:
    return SysError(
        Code.UNAVAILABLE,
        f"the server wants what nobody here gives: {what}",
        hint="give it everything it needs as arguments",
    )
