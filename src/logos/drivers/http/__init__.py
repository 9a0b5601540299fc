"""The web: read by http.fetch, and the way out of a sandbox.

    Web        the Tool
    relay      one request for a browser, to hosts of a process
    Proxy      the WayOut; Bounds is how much one call may carry
    Hook       tells a server something, where the operator allows it
    readable   HTML -> text

Only hosts a Job names are reached, on the addresses their names had when they were checked,
and nothing on this machine or its network unless it was named outright.
"""

from logos.drivers.http.driver import Web
from logos.drivers.http.hook import Hook
from logos.drivers.http.html import readable
from logos.drivers.http.passage import Bounds
from logos.drivers.http.proxy import Proxy
from logos.drivers.http.relaying import relay

__all__ = ["Bounds", "Hook", "Proxy", "Web", "readable", "relay"]
