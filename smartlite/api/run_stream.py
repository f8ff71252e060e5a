"""A run's events as a client reads them: first the run as it is, then what happens, at last what came of it.

Must not know how events are kept. Only what happened has a number; a client that comes back says the last one it saw.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request

from smartlite.api.run_media import linked
from smartlite.api.schemas.runs import RunObject
from smartlite.api.sse import Event
from smartlite.domain.pipelines import ENDED, Happening, Run
from smartlite.errors import InvalidRequest
from smartlite.jobs.runs import Runs

_MOST_DIGITS = 9


def run_object(run: Run) -> RunObject:
    """A run with its values, from the row."""
    return RunObject(**_described(run))


def _described(run: Run) -> dict[str, Any]:
    outputs = None if run.outputs is None else linked(dict(run.outputs), run.id)
    return {**RunObject.summary(run), "inputs": linked(dict(run.inputs), run.id), "outputs": outputs}


async def run_events(runs: Runs, run: Run, after: int = 0, *, audio: bool = False) -> AsyncGenerator[Event, None]:
    """Everything about a run from an event on, until its end.

    Args:
        runs: Tell what happens.
        run: As it is now.
        after: Number of the last event that the client has.
        audio: Whether speech is told while it is made; it has no number and is told once.
    """
    yield {"type": "run", "run": run_object(run).model_dump(mode="json")}
    async with aclosing(runs.follow(run.id, after) if audio else runs.events(run.id, after)) as events:
        async for event in events:
            if isinstance(event, Happening):
                yield {"type": event.type, "run_id": run.id, "data": dict(event.data)}
                continue
            yield {
                "type": event.type,
                "sequence": event.sequence,
                "run_id": event.run_id,
                "at": event.at.isoformat(),
                "data": linked(dict(event.data), run.id),
            }
    ended = await runs.get(run.id)
    if ended.state in ENDED:
        yield {"type": "run.result", "run": run_object(ended).model_dump(mode="json")}


def last_seen(request: Request, after: int | None) -> int:
    """The number of the last event that the client has: what its query says, else ``Last-Event-ID``, else none.

    Raises:
        InvalidRequest: 400, the header is no number.
    """
    if after is not None:
        return after
    header = request.headers.get("last-event-id", "").strip()
    if not header:
        return 0
    if not (header.isascii() and header.isdecimal() and len(header) <= _MOST_DIGITS):
        raise InvalidRequest("'Last-Event-ID' must be the id of an event of this run.", "Last-Event-ID")
    return int(header)
