"""Which hosts may be asked, and at which address. Must not know how a request is sent.

A name is resolved once and every address that it has is looked at; the request then goes to one that was looked at, so
that a name that changes its address meanwhile (DNS rebinding) reaches nothing else.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from smartlite.errors import HTTPRequestFailed, HTTPRequestRefused

ANY: Final = "*"
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address of a name; raises OSError where it has none."""
_TIMEOUT_S: Final = 5.0


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class AllowedHosts:
    """Finds the address of a host that may be asked.

    Args:
        allowed: Names that may be asked at their public addresses, ``*`` for all of them; ``name:port`` may be asked
            wherever it is.
        resolve: Finds addresses.
    """

    def __init__(self, allowed: Collection[str], resolve: Resolve = resolve) -> None:
        self._allowed = frozenset(name.lower() for name in allowed)
        self._resolve = resolve

    def is_named(self, host: str, port: int) -> bool:
        """Whether it may be asked wherever it is."""
        return f"{_bracketed(_named(host))}:{port}" in self._allowed

    def check_name(self, host: str, port: int) -> None:
        """Look at what is written, before anybody asks for an address.

        Raises:
            HTTPRequestRefused: 424, the host may not be asked, or is written as an address that may not be.
        """
        name = _named(host)
        if self.is_named(host, port):
            return
        if _bracketed(name) not in self._allowed and ANY not in self._allowed:
            raise HTTPRequestRefused(f"The host '{name[:128]}' is none that may be asked.", "url")
        if _is_address(name) and not _is_public(name):
            raise HTTPRequestRefused(f"The host '{name[:128]}' is not at a public address.", "url")

    async def address_of(self, host: str, port: int) -> str:
        """The address to connect to.

        Raises:
            HTTPRequestRefused: 424, the host may not be asked, or it is not where it may be.
            HTTPRequestFailed: 502, nobody knows the name.
        """
        name, is_named = _named(host), self.is_named(host, port)
        self.check_name(host, port)
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                addresses = await self._resolve(name, port)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise HTTPRequestFailed(f"The host '{name[:128]}' is not known.", "url") from error
        if not addresses:
            raise HTTPRequestFailed(f"The host '{name[:128]}' has no address.", "url")
        if not is_named and not all(map(_is_public, addresses)):
            raise HTTPRequestRefused(f"The host '{name[:128]}' is not at a public address.", "url")
        return addresses[0]


def _named(host: str) -> str:
    return host.lower().rstrip(".")


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_public(text: str) -> bool:
    """Whether an address is one of the Internet; those that stand for another one are that one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _behind_nat64(address)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _behind_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """RFC 6052, section 2.1."""
    well_known = ipaddress.IPv6Network("64:ff9b::/96")
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in well_known else None
