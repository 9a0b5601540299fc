"""Who asks?

    Access.client(ask)    the client of a request.  Raise `unauthenticated`, `denied`

From this machine nobody needs a key: whoever asks is the owner's.  A browser is not: a page from
anywhere could make it ask, so it must ask as itself.
"""

from ipaddress import ip_address

from logos.abi.errors import Code, SysError
from logos.gateway.ask import Ask
from logos.gateway.turn import Client
from logos.kernel import Kernel

LOCAL = Client("local")


class Access:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def client(self, ask: Ask) -> Client:
        if not _loopback(ask.peer):
            raise SysError(
                Code.UNAUTHENTICATED, "this needs a key", hint="logos key create, on the machine"
            )
        if not _named_here(ask):
            raise SysError(Code.DENIED, "a web page may not ask without a key")
        return LOCAL


def _loopback(host: str) -> bool:
    try:
        return not host or ip_address(host).is_loopback
    except ValueError:
        return False


def _named_here(ask: Ask) -> bool:
    """Asked under a name of this machine's, and not by a page from elsewhere."""
    origin = ask.headers.get("origin", "")
    host = origin.partition("://")[2] if origin else ask.headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name in ("", "localhost") or _loopback(name.strip("[]"))
