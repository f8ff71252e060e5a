"""A run as those see it who watch: every event that is recorded, in order, and what is told beside. Must not know why.

What is recorded comes from whoever tells it, if it is the next one, and else from the database, which is asked again
and again: nothing is lost where nobody tells.
"""

import time
from collections.abc import AsyncGenerator
from typing import Final

from smartlite.domain.pipelines import ENDED, Happening, Run, RunEvent
from smartlite.errors import NotFound
from smartlite.jobs.live import Live
from smartlite.storage import run_events, runs
from smartlite.storage.database import Database

_EVENTS_AT_ONCE: Final = 500
_ENDS: Final = frozenset(f"run.{state}" for state in ENDED)


async def follow(
    database: Database, live: Live, run_id: str, after: int, poll_s: float
) -> AsyncGenerator[RunEvent | Happening, None]:
    """What happens in a run until its end.

    Args:
        database: Where it is.
        live: Tells of it.
        run_id: Which run.
        after: Number of the last event that is known.
        poll_s: How long is waited for something to be told before the database is asked, in seconds.

    Yields:
        Every event from ``after`` on, in order and without a gap; what is only told, as far as it is heard.
    """
    async with live.watch(run_id) as watch:
        until: int | None = None
        while True:
            async with database.reading() as session:
                run = await runs.get(session, run_id)
                found = await run_events.after(session, run_id, after, _EVENTS_AT_ONCE)
            # What follows the event that was told has been told too, with what came in between: not before that.
            wanted = [event for event in found if until is None or event.sequence <= until]
            for event in wanted:
                after = event.sequence
                yield event
            if len(wanted) == _EVENTS_AT_ONCE:
                continue
            if len(wanted) == len(found) and (run is None or run.state in ENDED):
                return
            until = None
            while (told := await watch.next(poll_s)) is not None:
                if isinstance(told, Happening):
                    yield told
                elif told.sequence == after + 1:
                    after = told.sequence
                    yield told
                    if told.type in _ENDS:
                        return
                elif told.sequence > after:
                    until = told.sequence
                    break


async def wait(database: Database, live: Live, run_id: str, seconds: float, poll_s: float) -> Run:
    """The run once it has ended, or as it is after so many seconds.

    Raises:
        NotFound: 404, there is none.
    """
    until = time.monotonic() + seconds
    async with live.watch(run_id) as watch:
        while True:
            async with database.reading() as session:
                run = await runs.get(session, run_id)
            if run is None:
                raise NotFound(f"There is no run '{run_id[:64]}'.", "run_id")
            asked_at = time.monotonic()
            if run.state in ENDED or asked_at >= until:
                return run
            again_at = min(asked_at + poll_s, until)
            while (left_s := again_at - time.monotonic()) > 0:
                told = await watch.next(left_s)
                if isinstance(told, RunEvent) and told.type in _ENDS:
                    break
