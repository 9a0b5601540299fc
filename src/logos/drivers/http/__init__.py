"""The web: http.fetch, and the way out of a sandbox.

    Web        the Tool
    relay      one request on behalf of a browser, to the hosts of its process
    Proxy      the WayOut; Bounds limits how much one call may carry
    Hook       notifies a server, if the operator allows its host
    readable   HTML -> text

Only hosts that a Job names are reached, at the addresses that were checked, and nothing on this
machine or its network unless it was named explicitly.
"""

from logos.drivers.http.driver import Web
from logos.drivers.http.hook import Hook
from logos.drivers.http.html import readable
from logos.drivers.http.passage import Bounds
from logos.drivers.http.proxy import Proxy
from logos.drivers.http.relaying import relay

__all__ = ["Bounds", "Hook", "Proxy", "Web", "readable", "relay"]
