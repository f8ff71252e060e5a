"""Batches for whoever asks for them: made, looked at, cancelled. Must not know workers, nor who may.

Whoever calls has asked ``policies.decide_access`` before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from smartlite.domain.batches import WINDOW, Batch, BatchEndpoint, BatchQuery, BatchState
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.jobs.gateway_calls import Caller
from smartlite.storage import batches
from smartlite.storage.database import Database, retried


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What is to be answered, and for whom."""

    caller: Caller
    endpoint: BatchEndpoint
    input_file_id: str
    labels: Mapping[str, str] | None = None
    output_expires_after_s: int | None = None


class Batches:
    """The batches of a database.

    Args:
        database: Where they are.
        most_of_user: So many of one user may not have ended.
        clock: Tells the time in UTC.
    """

    def __init__(
        self, database: Database, most_of_user: int = 100, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._most_of_user = most_of_user
        self._clock = clock

    async def add(self, new: NewBatch) -> Batch:
        """Accept a batch: once this returned, its input will be looked at.

        Raises:
            BatchQueueFull: 429, too many of this user have not ended.
        """
        now, caller = self._clock(), new.caller
        batch = Batch(
            id=new_id("batch"),
            user_id=caller.user_id,
            organization_id=caller.organization_id,
            key_id=caller.key_id,
            scopes=caller.scopes or frozenset(),
            endpoint=new.endpoint,
            input_file_id=new.input_file_id,
            labels=new.labels,
            output_expires_after_s=new.output_expires_after_s,
            state=BatchState.VALIDATING,
            created_at=now,
            expires_at=now + WINDOW,
        )

        async def work() -> None:
            async with self._database.writing() as session:
                await batches.add(session, batch, self._most_of_user)

        await retried(work)
        return batch

    async def get(self, batch_id: str) -> Batch | None:
        """The batch with an id."""
        async with self._database.reading() as session:
            return await batches.get(session, batch_id)

    async def page(self, query: BatchQuery, after: str | None, limit: int) -> Page[Batch]:
        """Batches, the newest first."""
        async with self._database.reading() as session:
            return await batches.page(session, query, after=after, limit=limit)

    async def cancel(self, batch_id: str) -> Batch:
        """Have a batch end with what is answered by now; one that has ended stays as it is.

        Raises:
            NotFound: 404, there is none.
        """

        async def work() -> Batch:
            async with self._database.writing() as session:
                return await batches.request_cancel(session, batch_id, self._clock())

        return await retried(work)
