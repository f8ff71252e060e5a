"""Whether anything changed of who may do what, asked of the audit log. Must not know what changed, nor who believes it.

Whoever takes a right or a limit away writes an entry of the audit log in the same unit of work. Twice a second each
process asks whether there is a new one; while there is none, what it knows of keys is true, however many there are.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from smartlite.auth.noted import ENTRY, utc_now
from smartlite.domain.ids import first_id
from smartlite.errors import SmartLiteError, Unavailable
from smartlite.storage import audit
from smartlite.storage.database import Database

_logger = logging.getLogger(__name__)

EVERY_S: Final = 0.5
BELIEVED_S: Final = 1.5
"""After the start of a question that was answered; it bounds how long what was taken away can still be used. Longer
than ``EVERY_S``, so that one slow answer does not send every key to the database."""
WINDOW_S: Final = 60.0
"""An id tells when its entry was made, by the clock of the machine that made it. So much later it may be there at the
latest: a unit of work that waited for locks, and clocks that differ."""
_TOO_LONG: Final = timedelta(seconds=WINDOW_S / 2)
"""After so long without an answer an entry may have come and left the window."""
_MOST: Final = 1000
"""Entries in the window; where there are more, it counts as if something changed all the time."""
_QUESTION_TIMEOUT_S: Final = 2.0

HARMLESS: Final = frozenset(
    {
        "api_key.add",
        "external_account.add",
        "oauth_client.allow",
        "oauth_client.token",
        "oauth_grant.add",
        "pipeline.add",
        "pipeline.add_version",
        "pipeline.set_latest",
        "run.cancel",
        "session.refresh_reused",
        "session.revoke",
        "session.revoke_all",
        "session.sign_in",
        "session.sign_in_failed",
        "share.put",
        "share.remove",
        "user.add",
        "webhook.redeliver",
        "webhook.switch_off",
    }
)
"""Frequent actions after which whatever was known of keys, of memberships and of limits is still true; all others
count, also those that nobody has thought of yet. Sessions and grants are believed for a second in any case."""


class Watch(Protocol):
    """Tells whether anything changed."""

    def current(self) -> int | None:
        """A number that is another one after every change; None while nobody knows whether there was one.

        What the database was asked for since a number came up is true as long as it is the current one.
        """

    def confirmed_at(self, generation: int | None) -> datetime | None:
        """When a number was last known to be the current one; None where that is not the last one that was."""


class _Unwatched:
    def current(self) -> int | None:
        return None

    def confirmed_at(self, _generation: int | None) -> datetime | None:
        return None


UNWATCHED: Final[Watch] = _Unwatched()
"""Where nobody asks."""


class Changes:
    """Asks, and knows since when nothing has changed. One for each process; used in one event loop.

    Args:
        database: Where the audit log is.
        clock: Tells the time in UTC, as those do who make entries.
        timer: Tells seconds that never go back.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = utc_now,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._timer = timer
        self._generation = 0
        self._seen: frozenset[str] = frozenset()
        self._asked_at: datetime | None = None
        self._until_s = timer()

    def current(self) -> int | None:
        """See ``Watch``; likewise below."""
        return self._generation if self._timer() < self._until_s else None

    def confirmed_at(self, generation: int | None) -> datetime | None:
        return self._asked_at if generation == self._generation else None

    async def look(self) -> None:
        """Ask once.

        Raises:
            Unavailable: 503, the database cannot be asked for now.
        """
        began_s, asked_at = self._timer(), self._clock()
        first = first_id(ENTRY, asked_at - timedelta(seconds=WINDOW_S))
        try:
            async with asyncio.timeout(_QUESTION_TIMEOUT_S), self._database.reading() as session:
                found = await audit.ids_from(session, first, HARMLESS, _MOST)
        except TimeoutError:
            raise Unavailable("The audit log cannot be asked for now.") from None
        before = self._asked_at
        is_missed = before is None or not before <= asked_at <= before + _TOO_LONG or len(found) >= _MOST
        if is_missed or not self._seen.issuperset(found):
            # After the answer and not before the question: what was read meanwhile may be older than the change.
            self._generation += 1
        self._seen = frozenset(found)
        self._asked_at = asked_at
        self._until_s = began_s + BELIEVED_S

    async def look_for_ever(self) -> None:
        """Ask until cancelled."""
        is_answered = True
        while True:
            began_s = self._timer()
            try:
                await self.look()
            except SmartLiteError as error:
                if is_answered:
                    reason = {"reason": repr(error.__cause__ or error)}
                    _logger.warning("nobody knows whether keys changed: each is looked up again", extra=reason)
                is_answered = False
            except Exception:
                if is_answered:
                    _logger.exception("the audit log could not be asked: each key is looked up again")
                is_answered = False
            else:
                is_answered = True
            await asyncio.sleep(max(0.0, began_s + EVERY_S - self._timer()))
