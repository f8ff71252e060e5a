"""How often somebody may try a password in vain. Must not know passwords, nor who there is.

Kept in the memory of one process: each replica counts by itself, so the bounds hold for each of them. Every attempt
counts when it begins, so that many at once are no way around them, and is given back where it was none in vain.
"""

import ipaddress
import time
from collections.abc import Callable
from typing import Final

from smartlite.auth.recent import Recent
from smartlite.errors import TooManySignIns

FORGIVEN_EVERY_S: Final = float(TooManySignIns.retry_after_s or 0)
"""An attempt in vain is forgotten after so long, one after the other."""
OF_PAIR: Final = 5
"""In vain at once for one account from one address."""
OF_ACCOUNT: Final = 30
"""For one account from everywhere, but for addresses from which it was signed in to: others cannot lock them out."""
OF_ADDRESS: Final = 60
"""From one address for all accounts; addresses of this machine are not counted, they may be anybody's."""
MAX_REMEMBERED: Final = 20_000
"""Accounts, addresses and pairs of each kind; those that were tried longest ago are forgotten first."""
_KNOWN_FOR_S: Final = 30 * 86_400.0
_IPV6_PREFIX: Final = 64

_REFUSED: Final = "Too many sign-ins have failed; try again in a while."


class Attempts:
    """Counts attempts. One for each process; every method runs in its event loop.

    Args:
        clock: Tells seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: Recent[tuple[str, ...], float] = Recent(MAX_REMEMBERED)
        """When the last attempt in vain will be forgotten (the theoretical arrival time of ATM's GCRA)."""
        self._known: Recent[tuple[str, str], float] = Recent(MAX_REMEMBERED)

    def begin(self, account: str, address: str | None) -> None:
        """Count an attempt.

        Raises:
            TooManySignIns: 429, there were too many in vain; this one is not counted.
        """
        now = self._clock()
        bounds = self._bounds(account, address)
        if any(self._left(name, now) > (most - 1) * FORGIVEN_EVERY_S for name, most in bounds.items()):
            raise TooManySignIns(_REFUSED)
        for name in bounds:
            self._until.put(name, now + self._left(name, now) + FORGIVEN_EVERY_S)

    def give_back(self, account: str, address: str | None) -> None:
        """Forget one attempt: it was not in vain, or nobody knows."""
        now = self._clock()
        for name in self._bounds(account, address):
            self._until.put(name, now + max(0.0, self._left(name, now) - FORGIVEN_EVERY_S))

    def succeeded(self, account: str, address: str | None) -> None:
        """The password was right: forget it all for this account from this address, which is known from now on."""
        self.give_back(account, address)
        network = _network(address)
        self._until.drop(("pair", account, network))
        self._known.put((account, network), self._clock())

    def _bounds(self, account: str, address: str | None) -> dict[tuple[str, ...], int]:
        network = _network(address)
        bounds: dict[tuple[str, ...], int] = {("pair", account, network): OF_PAIR}
        known_at = self._known.get((account, network))
        if known_at is None or self._clock() > known_at + _KNOWN_FOR_S:
            bounds["account", account] = OF_ACCOUNT
        if network and not ipaddress.ip_network(network).is_loopback:
            bounds["address", network] = OF_ADDRESS
        return bounds

    def _left(self, name: tuple[str, ...], now: float) -> float:
        return max(0.0, (self._until.get(name) or now) - now)


def _network(address: str | None) -> str:
    """The address, or the part of an IPv6 address that one household has; empty where it is none."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if isinstance(ip, ipaddress.IPv4Address) or ip.is_loopback:
        return str(ip)
    return str(ipaddress.ip_network((ip, _IPV6_PREFIX), strict=False))
