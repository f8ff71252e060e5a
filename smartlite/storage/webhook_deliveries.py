"""Webhook deliveries, as rows: written with what they tell of, taken by one sender at a time.

Must not know how they are sent. Whoever ends something calls ``enqueue`` in the unit of work that ends it (an outbox):
there is a delivery if and only if it happened. Taking one counts its ``attempts`` up and moves ``next_at`` past the
time that sending takes: a sender that is killed leaves it to others, and one that was slow, so that another took it,
changes nothing any more.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.pipelines import JSON
from smartlite.domain.webhooks import Attempt, Delivery, DeliveryState
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.webhooks import of_tenant
from smartlite.storage.webhooks_tables import (
    REASON_CHARACTERS,
    RESPONSE_CHARACTERS,
    WebhookDeliveryRow,
    WebhookEndpointRow,
)

_DELIVERY: Final = (
    WebhookDeliveryRow.id,
    WebhookDeliveryRow.endpoint_id,
    WebhookDeliveryRow.event_id,
    WebhookDeliveryRow.type,
    WebhookDeliveryRow.payload,
    WebhookDeliveryRow.state,
    WebhookDeliveryRow.created_at,
    WebhookDeliveryRow.attempts,
    WebhookDeliveryRow.next_at,
    WebhookDeliveryRow.finished_at,
    WebhookDeliveryRow.status,
    WebhookDeliveryRow.error,
    WebhookDeliveryRow.duration_ms,
    WebhookDeliveryRow.response,
)
_PURGED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is to be sent."""

    delivery_id: str
    endpoint_id: str


async def enqueue(
    session: WriteSession,
    owner: str,
    organization: str | None,
    type: str,
    data: Mapping[str, JSON],
    now: datetime,
) -> None:
    """Have an event told to every endpoint that asked for it; in the unit of work that makes it happen.

    Args:
        session: Writes.
        owner: The user whose thing it is; empty where nobody has to say who they are.
        organization: What it was done for; None: for its user alone.
        type: An ``EventType``.
        data: What is told; at least the ``id`` of the thing.
        now: The time.
    """
    query = (
        select(WebhookEndpointRow.id, WebhookEndpointRow.event_types)
        .where(of_tenant(owner, organization), WebhookEndpointRow.is_active.is_(True))
        .order_by(WebhookEndpointRow.id)
    )
    wanting = [row.id for row in await session.rows(query) if type in row.event_types]
    if wanting:
        event_id = new_id("evt")
        payload = payload_of(event_id, type, data, now)
        await add(session, [new_delivery(endpoint_id, event_id, type, payload, now) for endpoint_id in wanting])


def payload_of(event_id: str, type_: str, data: Mapping[str, JSON], at: datetime) -> str:
    """An event as it is sent."""
    event = {"id": event_id, "object": "event", "created_at": int(at.timestamp()), "type": type_, "data": dict(data)}
    return json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def new_delivery(endpoint_id: str, event_id: str, type_: str, payload: str, now: datetime) -> Delivery:
    """One that is to be sent at once."""
    return Delivery(new_id("whd"), endpoint_id, event_id, type_, payload, DeliveryState.PENDING, now, next_at=now)


async def add(session: WriteSession, deliveries: Sequence[Delivery]) -> None:
    """Add deliveries."""
    rows = [{column.key: getattr(each, column.key) for column in _DELIVERY} for each in deliveries]
    await session.write_all(insert(WebhookDeliveryRow), [{**row, "state": str(row["state"])} for row in rows])


async def get(session: ReadSession, delivery_id: str) -> Delivery | None:
    """The delivery with an id."""
    row = await session.row(select(*_DELIVERY).where(WebhookDeliveryRow.id == delivery_id))
    return None if row is None else _read(row)


async def page(
    session: ReadSession,
    endpoint_id: str,
    states: Sequence[DeliveryState] = (),
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[Delivery]:
    """Deliveries of an endpoint, the newest first; from after the delivery ``after``."""
    query = select(*_DELIVERY).where(WebhookDeliveryRow.endpoint_id == endpoint_id)
    if states:
        query = query.where(WebhookDeliveryRow.state.in_([str(state) for state in states]))
    if after is not None:
        query = query.where(WebhookDeliveryRow.id < after)
    query = query.order_by(WebhookDeliveryRow.id.desc()).limit(limit + 1)
    found = tuple(map(_read, await session.rows(query)))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def due(session: ReadSession, now: datetime, busy: Collection[str] = (), limit: int = 100) -> Sequence[Due]:
    """Deliveries that are to be sent, those that wait longest first.

    Args:
        session: Reads.
        now: The time.
        busy: Endpoints that are sent to as much as they may be.
        limit: Most.
    """
    query = (
        select(WebhookDeliveryRow.id, WebhookDeliveryRow.endpoint_id)
        .where(WebhookDeliveryRow.state == DeliveryState.PENDING, WebhookDeliveryRow.next_at <= now)
        .order_by(WebhookDeliveryRow.next_at)
        .limit(limit)
    )
    if busy:
        query = query.where(WebhookDeliveryRow.endpoint_id.not_in(sorted(busy)))
    return [Due(*row) for row in await session.rows(query)]


async def claim(session: WriteSession, delivery_id: str, now: datetime, until: datetime) -> Delivery | None:
    """Take a delivery, to send it before ``until``; None where another sender was faster."""
    is_free = (WebhookDeliveryRow.state == DeliveryState.PENDING, WebhookDeliveryRow.next_at <= now)
    query = select(*_DELIVERY).where(WebhookDeliveryRow.id == delivery_id, *is_free)
    row = await session.row(query.with_for_update(skip_locked=True))
    if row is None:
        return None
    found = _read(row)
    values = {"attempts": found.attempts + 1, "next_at": until}
    await session.write(update(WebhookDeliveryRow).where(WebhookDeliveryRow.id == delivery_id).values(values))
    return replace(found, attempts=found.attempts + 1, next_at=until)


async def settle(
    session: WriteSession,
    delivery: Delivery,
    attempt: Attempt,
    state: DeliveryState,
    now: datetime,
    next_at: datetime | None,
) -> bool:
    """Write what came of sending a delivery.

    Args:
        session: Writes.
        delivery: As ``claim`` gave it.
        attempt: What came of it.
        state: Of the delivery from now on.
        now: The time.
        next_at: When it is sent again; None where it is not.

    Returns:
        False where it is another sender's by now, or was given up: nothing was written.
    """
    values = {
        "state": str(state),
        "next_at": next_at,
        "finished_at": None if state is DeliveryState.PENDING else now,
        "status": attempt.status,
        "error": attempt.error and attempt.error[:REASON_CHARACTERS],
        "duration_ms": attempt.duration_ms,
        "response": attempt.response and attempt.response[:RESPONSE_CHARACTERS],
    }
    held = (
        WebhookDeliveryRow.id == delivery.id,
        WebhookDeliveryRow.attempts == delivery.attempts,
        WebhookDeliveryRow.state == DeliveryState.PENDING,
    )
    return bool(await session.write(update(WebhookDeliveryRow).where(*held).values(values)))


async def forget(session: WriteSession, delivery_id: str) -> None:
    """Delete a delivery whose endpoint is no more."""
    await session.write(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.id == delivery_id))


async def purge(session: WriteSession, before_id: str) -> int:
    """Delete some of the deliveries older than one would be that was made with this id.

    Returns:
        So many; as long as it is not 0 there may be more.
    """
    query = select(WebhookDeliveryRow.id).where(WebhookDeliveryRow.id < before_id).order_by(WebhookDeliveryRow.id)
    rows = await session.rows(query.limit(_PURGED_AT_ONCE))
    if not rows:
        return 0
    return await session.write(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.id.in_([row.id for row in rows])))


def _read(row: Sequence[Any]) -> Delivery:
    values = dict(zip((column.key for column in _DELIVERY), row, strict=True))
    return Delivery(**{**values, "state": DeliveryState(values["state"])})
