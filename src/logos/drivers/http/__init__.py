"""The web, read: http.fetch.

    Web        the Tool
    readable   HTML -> text

Only hosts a Job names are reached, on the addresses their names had when they were checked,
and nothing on this machine or its network unless it was named outright.
"""

from logos.drivers.http.driver import Web
from logos.drivers.http.html import readable

__all__ = ["Web", "readable"]
