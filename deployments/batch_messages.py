"""What one call between replicas carries for several requests, both ways. Must not know who sends or who works.

Named tuples: a frozen dataclass takes several times as long to unpickle, and these are made for every request.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from smartlite.errors import SmartLiteError


class Item(NamedTuple):
    """One request of a batch."""

    id: str
    """Of no other item of any gateway, so that it can be cancelled alone."""
    method: str
    """An asynchronous generator function of the deployment."""
    request: object
    """Its argument."""
    request_id: str | None
    """For logs."""


class Crash(NamedTuple):
    """A request failed with something that is none of our errors; the replica has logged it."""

    reason: str


End = Literal["done", "declined", "cancelled"] | SmartLiteError | Crash
"""How an item ended. ``declined``: the replica had no place for it and has not begun; it may be asked elsewhere."""


class Part(NamedTuple):
    """What is new of one item."""

    place: int
    """Of the item in its batch, counted from 0."""
    events: Sequence[object]
    end: End | None
    """None: more will come."""


class Room(NamedTuple):
    """What a replica takes, as ``serve_config.yaml`` has it."""

    places: int
    """Requests that it works on at once (``max_ongoing_requests``)."""
    queue: int
    """Requests that may wait at each gateway (``max_queued_requests``); negative: any number."""


class Frame(NamedTuple):
    """One message of a replica: what was ready at the same moment."""

    parts: Sequence[Part]
    room: Room | None
    """In the first frame only, which says that every item has begun or waits on the replica; it may have no parts."""
