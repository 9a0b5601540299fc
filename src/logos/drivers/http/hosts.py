"""Which hosts may be reached, and at which addresses.

    permitted   url, hosts of the job: is it granted, by name or by a pattern?
    addresses   host -> addresses to connect to, each checked
    reaches     host and port, hosts of a command: is it one of them?
    outside     host and port -> addresses that a program may connect to, each checked
    Resolve     how names become addresses

The address that was checked is the one connected to: a second look-up could give another.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import unquote

import anyio
import httpx2

from logos.abi.errors import Code, SysError
from logos.abi.rights import Cap, allows

Resolve = Callable[[str, int], Awaitable[list[str]]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

WEB_PORTS = frozenset({80, 443})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def host_of(url: httpx2.URL) -> str:
    return url.raw_host.decode("ascii").lower().rstrip(".")


def permitted(url: httpx2.URL, hosts: Iterable[str]) -> bool:
    """`hosts` are names (`docs.python.org`), `*` for any, or names with a path pattern, as in a
    capability (`docs.python.org/3/**`)."""
    caps = [Cap(verb="fetch", path=f"/net/{_pattern(host)}") for host in hosts]
    host = host_of(url)
    # A server may take %2e%2e for `..`: both readings must be granted.
    paths = {url.path, unquote(unquote(url.path))}
    return all(allows(caps, "fetch", f"/net/{host}/{path.lstrip('/')}") for path in paths)


async def addresses(url: httpx2.URL, hosts: Iterable[str], resolve: Resolve) -> list[str]:
    host = host_of(url)
    try:
        found = [str(ipaddress.ip_address(host))]
    except ValueError:
        found = await _resolved(host, url.port or (443 if url.scheme == "https" else 80), resolve)
    named = host in {_pattern(h).partition("/")[0] for h in hosts}
    for text in found:
        if why := _closed(ipaddress.ip_address(text), host, named=named):
            raise SysError(
                Code.DENIED,
                f"{host} is {text}, {why}",
                hint="only public addresses, unless the host itself was granted by name",
            )
    return found


def reaches(hosts: Iterable[str], host: str, port: int) -> bool:
    """`hosts` are names or addresses, optionally with a port (`git.example.org:22`); without one,
    80 and 443.  `*` is any name.  `host` is in lower case, an IPv6 address in brackets."""
    for entry in hosts:
        name, colon, number = entry.lower().rpartition(":")
        if not colon or number.endswith("]"):
            name, number = entry.lower(), ""
        ports = {int(number)} if number else WEB_PORTS
        if name in (host, "*") and port in ports:
            return True
    return False


async def outside(host: str, port: int, hosts: Iterable[str], resolve: Resolve) -> list[str]:
    """Programs are untrusted, and the owner of a name decides where it points: an address that is
    not public is reached only if the address itself is granted, or as `localhost`."""
    try:
        found = [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        found = await _resolved(host, port, resolve)
    named = [entry for entry in hosts if not entry.startswith("*")]
    for text in found:
        address = _embedded(ipaddress.ip_address(text))
        if address.is_global and not address.is_multicast:
            continue
        own = host == "localhost" or host.endswith(".localhost")
        if address.is_loopback and own and reaches(named, host, port):
            continue
        shown = f"[{text}]" if ":" in text else text
        if not reaches(named, shown, port):
            raise SysError(
                Code.DENIED,
                f"{host} is {text}, which is not a public address",
                hint=f"if it is meant, grant connect:/net/{shown}:{port}",
            )
    return found


async def look_up(host: str, port: int) -> list[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


async def _resolved(host: str, port: int, resolve: Resolve) -> list[str]:
    try:
        found = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise SysError(
            Code.UNAVAILABLE, f"the name {host} has no address: {error}", hint="is it spelt right?"
        ) from error
    if not found:
        raise SysError(Code.UNAVAILABLE, f"the name {host} has no address")
    return found


def _pattern(host: str) -> str:
    host = host.removeprefix("/net/").lower()
    return host if "/" in host else f"{host}/**"


def _closed(address: Address, host: str, *, named: bool) -> str:
    """Why this address may not be reached; "" if it may."""
    address = _embedded(address)
    literal = named and host.strip("[]") == str(address)
    if literal:
        return ""
    if address.is_loopback or address.is_unspecified:
        # A granted name that points here would hand out this machine's own services.
        return (
            ""
            if named and (host == "localhost" or host.endswith(".localhost"))
            else "this machine itself"
        )
    if address.is_link_local or address.is_multicast:
        return "a link-local address"
    if not address.is_global:
        return "" if named else "a private address"
    return ""


def _embedded(address: Address) -> Address:
    """The IPv4 address embedded in an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
