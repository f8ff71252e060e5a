"""Passwords: which are taken, how they are hashed and compared. Must not know whose they are, nor where hashes are.

argon2id with 46 MiB and one pass: what ASVS 5.0 (appendix C) and OWASP's Password Storage Cheat Sheet (2026) both ask
for. It takes 44 ms of a core, in two threads of its own: so 92 MiB are in use at most, and nothing else waits for them.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.resources import files
from threading import BoundedSemaphore
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from smartlite.errors import Overloaded, PasswordRefused

T = TypeVar("T")

MEMORY_KIB: Final = 47_104
MIN_CHARACTERS: Final = 8
"""NIST SP 800-63B and ASVS 5.0, 6.2.1; which characters they are is nobody's business (6.2.5)."""
MAX_BYTES: Final = 1024
"""Of UTF-8; a longer one is refused, never cut (ASVS 5.0, 6.2.8)."""
MAX_WAITING: Final = 64
"""Passwords that are hashed or wait for it: the last one waits for 1.4 s."""

_THREADS: Final = 2
_COMMON: Final = "common_passwords.txt"


class Passwords:
    """Hashes and compares. One for each process; methods run in its event loop, their work in its threads.

    Args:
        memory_kib: Of one hash; tests take less.
    """

    def __init__(self, memory_kib: int = MEMORY_KIB) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(_THREADS, "passwords")
        self._places = BoundedSemaphore(MAX_WAITING)
        # Of a password that nobody has: to compare with it takes as long as with somebody's.
        self._nobodys = self._hasher.hash("a password of nobody")

    async def hash(self, password: str) -> str:
        """Hash a password that ``check_new`` took; the text says how it was done, so that this may change.

        Raises:
            Overloaded: 429, too many passwords wait.
        """
        return await self._run(partial(self._hasher.hash, password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password with this hash. It takes the same time where there is no hash, and is False then.

        Raises:
            Overloaded: 429, too many passwords wait.
        """
        return await self._run(partial(self._verify, password_hash, password))

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether it was hashed in another way than we hash now."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """End the threads when what they are at is done."""
        self._threads.shutdown(wait=False)

    def _verify(self, password_hash: str | None, password: str) -> bool:
        known = password_hash is not None and _size(password) is not None
        try:
            right = self._hasher.verify(password_hash if known and password_hash else self._nobodys, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        return right and known

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise Overloaded("Too many passwords are being checked; try again in a moment.")
        future = self._threads.submit(work)
        # Called in a thread; where somebody hung up, when the work is done all the same.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def check_new(password: str, email: str, param: str = "password") -> None:
    """Return if this may become the password of the user with this address; raise if not.

    Raises:
        PasswordRefused: 422, it is too short, too long, the address, or one of those that are guessed first.
    """
    if len(password) < MIN_CHARACTERS:
        raise PasswordRefused(f"A password has at least {MIN_CHARACTERS} characters.", param)
    if _size(password) is None:
        raise PasswordRefused(f"A password has at most {MAX_BYTES} bytes of text.", param)
    plain, address = password.strip().casefold(), email.strip().casefold()
    if plain in {address, address.partition("@")[0]}:
        raise PasswordRefused("A password is not the e-mail address of its user.", param)
    if plain in common_passwords() or len(set(password)) == 1:
        raise PasswordRefused("This password is one of those that are guessed first.", param)


@cache
def common_passwords() -> frozenset[str]:
    """Those that are guessed first, in lower case."""
    text = files("smartlite.auth").joinpath(_COMMON).read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")[:MAX_BYTES]


def _size(password: str) -> int | None:
    """Bytes of a password that somebody can have; None where nobody can: too long, or no text."""
    try:
        size = len(password.encode("utf-8"))
    except UnicodeEncodeError:
        return None
    return size if size <= MAX_BYTES else None
