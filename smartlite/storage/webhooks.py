"""Webhook endpoints, as rows. Must not know how anything is sent, nor who may see one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from smartlite.domain.identity import Page
from smartlite.domain.webhooks import MAX_ENDPOINTS, DeliveryState, WebhookEndpoint
from smartlite.errors import InvalidRequest, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.tables import NAME_CHARACTERS
from smartlite.storage.webhooks_tables import (
    REASON_CHARACTERS,
    URL_CHARACTERS,
    WebhookDeliveryRow,
    WebhookEndpointRow,
)

_ENDPOINT: Final = (
    WebhookEndpointRow.id,
    WebhookEndpointRow.owner_id,
    WebhookEndpointRow.organization_id,
    WebhookEndpointRow.name,
    WebhookEndpointRow.url,
    WebhookEndpointRow.event_types,
    WebhookEndpointRow.secret,
    WebhookEndpointRow.secret_hint,
    WebhookEndpointRow.created_at,
    WebhookEndpointRow.updated_at,
    WebhookEndpointRow.is_active,
    WebhookEndpointRow.inactive_reason,
    WebhookEndpointRow.failing_since,
    WebhookEndpointRow.previous_secret,
    WebhookEndpointRow.previous_until,
)
SWITCHED_OFF: Final = "The endpoint was switched off."


def of_tenant(owner_id: str, organization_id: str | None) -> ColumnElement[bool]:
    """Endpoints that are told of what a user does for an organisation, or for none."""
    if organization_id is not None:
        return WebhookEndpointRow.organization_id == organization_id
    return (WebhookEndpointRow.owner_id == owner_id) & WebhookEndpointRow.organization_id.is_(None)


async def add(session: WriteSession, endpoint: WebhookEndpoint) -> None:
    """Add an endpoint.

    Raises:
        InvalidRequest: Its URL or name is too long, or its organisation, or else its owner, has too many.
    """
    whose = of_tenant(endpoint.owner_id, endpoint.organization_id)
    row = await session.row(select(func.count()).select_from(WebhookEndpointRow).where(whose))
    if row is not None and row[0] >= MAX_ENDPOINTS:
        raise InvalidRequest(f"There are {MAX_ENDPOINTS} webhook endpoints already, which is the most.")
    values = {column.key: getattr(endpoint, column.key) for column in _ENDPOINT}
    await session.write(insert(WebhookEndpointRow).values(_stored(values)))


async def get(session: ReadSession, endpoint_id: str) -> WebhookEndpoint | None:
    """The endpoint with an id."""
    row = await session.row(select(*_ENDPOINT).where(WebhookEndpointRow.id == endpoint_id))
    return None if row is None else _read(row)


async def page(
    session: ReadSession,
    owner_id: str | None,
    organization_ids: Sequence[str] = (),
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[WebhookEndpoint]:
    """Endpoints, the newest first; from after the endpoint ``after``.

    Args:
        session: Reads.
        owner_id: Whose; None: everybody's.
        organization_ids: Those of these organisations too.
        after: ``Page.next`` of the part before.
        limit: Most.
    """
    query = select(*_ENDPOINT).order_by(WebhookEndpointRow.id.desc()).limit(limit + 1)
    if owner_id is not None:
        is_of_them = WebhookEndpointRow.organization_id.in_(list(organization_ids))
        query = query.where(or_(WebhookEndpointRow.owner_id == owner_id, is_of_them))
    if after is not None:
        query = query.where(WebhookEndpointRow.id < after)
    found = tuple(map(_read, await session.rows(query)))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def change(session: WriteSession, endpoint_id: str, values: Mapping[str, object]) -> None:
    """Change columns of an endpoint. What waits for one that is switched off is given up.

    Raises:
        NotFound: There is no such endpoint.
        InvalidRequest: Its URL or name is too long.
    """
    statement = update(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint_id)
    if not await session.write(statement.values(_stored(values))):
        raise unknown(endpoint_id)
    if values.get("is_active") is False:
        waits = (WebhookDeliveryRow.endpoint_id == endpoint_id, WebhookDeliveryRow.state == DeliveryState.PENDING)
        given_up = {"state": str(DeliveryState.FAILED), "next_at": None, "finished_at": values["updated_at"]}
        await session.write(update(WebhookDeliveryRow).where(*waits).values({**given_up, "error": SWITCHED_OFF}))


async def remove(session: WriteSession, endpoint_id: str) -> None:
    """Remove an endpoint with its deliveries.

    Raises:
        NotFound: There is no such endpoint.
    """
    if not await session.write(delete(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint_id)):
        raise unknown(endpoint_id)
    await session.write(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.endpoint_id == endpoint_id))


async def note_success(session: WriteSession, endpoint_id: str) -> None:
    """Say that an endpoint took a delivery."""
    failing = (WebhookEndpointRow.id == endpoint_id, WebhookEndpointRow.failing_since.is_not(None))
    await session.write(update(WebhookEndpointRow).where(*failing).values(failing_since=None))


async def note_failure(session: WriteSession, endpoint_id: str, at: datetime) -> None:
    """Say that an endpoint did not take a delivery; the time is that of the first since one was taken."""
    well = (WebhookEndpointRow.id == endpoint_id, WebhookEndpointRow.failing_since.is_(None))
    await session.write(update(WebhookEndpointRow).where(*well).values(failing_since=at))


def unknown(endpoint_id: str) -> NotFound:
    """What is told of an endpoint that is not there."""
    return NotFound(f"There is no webhook '{endpoint_id[:64]}'.", "webhook_id")


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(values)
    for name, characters in (("name", NAME_CHARACTERS), ("url", URL_CHARACTERS)):
        if name in found:
            fitting(found[name], characters, name)
    if "event_types" in found:
        found["event_types"] = list(found["event_types"])
    if found.get("inactive_reason"):
        found["inactive_reason"] = found["inactive_reason"][:REASON_CHARACTERS]
    return found


def _read(row: Sequence[Any]) -> WebhookEndpoint:
    values = dict(zip((column.key for column in _ENDPOINT), row, strict=True))
    values["event_types"] = tuple(values["event_types"])
    return WebhookEndpoint(**values)
