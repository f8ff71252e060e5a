"""Which client addresses count as one. Must not know what is counted."""

import ipaddress
from typing import Final

_IPV6_PREFIX: Final = 64
"""One customer's network; whoever has it has every address in it."""


def network_of(address: str) -> str:
    """The network of a customer, as text; ``unknown`` for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if found.version == 4:
        return str(found)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False).network_address)
