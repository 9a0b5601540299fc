"""What every system call has."""

from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from logos.abi.driver import Effect
from logos.abi.errors import Code
from logos.abi.limits import LONGEST_WAIT_S

R_co = TypeVar("R_co", covariant=True)

Seconds = Annotated[
    float, Meta(description="give up after so many seconds", gt=0, le=LONGEST_WAIT_S)
]


class Call(
    msgspec.Struct,
    Generic[R_co],
    frozen=True,
    kw_only=True,
    tag_field="call",
    forbid_unknown_fields=True,
):
    """Base of all system calls.  `R_co` is what the call returns.

    `effect` says what may be done about it after a crash; `verb` and `target` which
    capability it needs (verb "" needs none); `errors` what it raises besides `invalid`,
    `denied` and `cancelled`, which any call may.
    """

    effect: ClassVar[Effect] = Effect.KERNEL
    verb: ClassVar[str] = ""
    errors: ClassVar[tuple[Code, ...]] = ()

    def target(self) -> str:
        """The path in the name space that this call acts on; "" when it acts on the caller
        itself."""
        return ""

    def further(self) -> tuple[tuple[str, str], ...]:
        """Further verbs and paths that the call needs, all of them."""
        return ()


def name(call: type[Call[Any]]) -> str:
    """`fs.read`."""
    tag = call.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def tool_name(call: type[Call[Any]]) -> str:
    """`fs_read`: models' providers allow no dot in the name of a tool."""
    return name(call).replace(".", "_")


def result_type(call: type[Call[Any]]) -> Any:
    """R of `Call[R]`."""
    for base in call.__orig_bases__:  # type: ignore[attr-defined]  # typing's own attribute
        if get_origin(base) is Call:
            return get_args(base)[0]
    raise TypeError(f"{call!r} does not say what it returns")
