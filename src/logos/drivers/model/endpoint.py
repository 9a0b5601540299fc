"""Where a model is and what is known about it, as the operator says.

    Endpoint    the settings of one model
    profile     what they make of it, given the driver's own defaults

The key is a value here, and never leaves this room: not in a repr, not in a message.
"""

from collections.abc import Mapping

import msgspec

from logos.abi.driver import Price, Profile
from logos.abi.errors import Code, SysError
from logos.drivers.model.prices import find

CONCURRENCY = 256
"""Thoughts a hosted model takes at once when nobody says otherwise."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything is optional: what is missing comes from the name and the driver.

    `model` is the name the provider knows; `window` and `max_output` are in tokens;
    `timeout_s` is the longest silence on the line that is still patience, in seconds;
    `dialect` overrules the one of the name; `stream` off asks for whole answers, which is
    cheaper where nobody watches; `headers` are added to each request.
    """

    url: str = ""
    key: str = ""
    model: str = ""
    window: int | None = None
    effective: float | None = None
    max_output: int | None = None
    concurrency: int | None = None
    timeout_s: float = 600.0
    price: Price | None = None
    dialect: str = ""
    stream: bool = True
    images: bool = False
    headers: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        if self.key and not (self.key.isascii() and self.key.isprintable()):
            raise SysError(
                Code.INVALID,
                "the key of a model has characters no HTTP header can carry",
                hint="look for a line break at its end",
            )
        if self.timeout_s <= 0 or min(self.window or 1, self.concurrency or 1) < 1:
            raise SysError(Code.INVALID, "a model's window, concurrency and timeout_s are above 0")

    def __repr__(self) -> str:
        return (
            f"Endpoint(url={self.url!r}, model={self.model!r}, key={'***' if self.key else ''!r})"
        )


def profile(endpoint: Endpoint, name: str) -> Profile:
    """The profile of a hosted model.  Unknown price: 0, and `find` says None."""
    known = Profile(name=name)
    return Profile(
        name=name,
        window=endpoint.window or known.window,
        effective=endpoint.effective or known.effective,
        max_output=endpoint.max_output or known.max_output,
        concurrency=endpoint.concurrency or CONCURRENCY,
        price=endpoint.price or find(endpoint.model or name) or Price(),
        images=endpoint.images,
    )
