"""What all events have in common: a tag with the name of the class, in lower case."""

import msgspec


class Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag=str.lower
):
    """Base of all events."""
