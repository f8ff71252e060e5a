"""Webhook endpoints for whoever has them: made, changed, tried, looked at. Must not know HTTP, nor how events are sent.

Who may see or change one is for the caller to decide, before. Every change is noted in the audit log with it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from smartlite.auth.noted import Actor, note
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.webhooks import TEST_EVENT, Delivery, DeliveryState, WebhookEndpoint
from smartlite.errors import HTTPRequestRefused, InvalidRequest, NotFound
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.webhook_sender import KIND, secret_name
from smartlite.jobs.webhook_signature import PREFIX, new_secret, secret_text
from smartlite.storage import webhook_deliveries, webhooks
from smartlite.storage.bell import WEBHOOKS, Bell
from smartlite.storage.database import Database, WriteSession, retried
from smartlite.storage.encryption import Cipher

MAX_OVERLAP_S: Final = 7 * 24 * 3600
_HINT_CHARACTERS: Final = 4
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody says of an endpoint; what is None stays as it is."""

    url: str | None = None
    name: str | None = None
    event_types: Sequence[str] | None = None
    is_active: bool | None = None


class Webhooks:
    """The endpoints of a database.

    Args:
        database: Where they are.
        cipher: Seals secrets.
        hosts: Which may be told; their addresses are looked at whenever something is sent.
        bell: Tells senders that there is something to send.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        hosts: AllowedHosts,
        bell: Bell | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._hosts = hosts
        self._bell = bell or Bell()
        self._clock = clock

    async def add(
        self, actor: Actor, owner_id: str, organization_id: str | None, url: str, name: str, event_types: Sequence[str]
    ) -> tuple[WebhookEndpoint, str]:
        """Add an endpoint.

        Returns:
            It, and its secret, which nobody is told again.

        Raises:
            InvalidRequest: 400, the URL may not be sent to, or there are too many.
        """
        self._check_url(url)
        now, endpoint_id = self._clock(), new_id("wh")
        secret = new_secret()
        endpoint = WebhookEndpoint(
            id=endpoint_id,
            owner_id=owner_id,
            organization_id=organization_id,
            name=name,
            url=url,
            event_types=_unique(event_types),
            secret=await self._cipher.seal(owner_id, secret_name(endpoint_id), secret),
            secret_hint=_hint(secret),
            created_at=now,
            updated_at=now,
        )

        async def work(session: WriteSession) -> None:
            await webhooks.add(session, endpoint)
            await note(session, actor, "webhook.add", KIND, endpoint_id, {"event_types": list(endpoint.event_types)})

        await self._do(work)
        return endpoint, secret_text(secret)

    async def find(self, endpoint_id: str) -> WebhookEndpoint | None:
        """The endpoint with an id."""
        async with self._database.reading() as session:
            return await webhooks.get(session, endpoint_id)

    async def page(
        self, owner_id: str | None, organization_ids: Sequence[str], after: str | None, limit: int
    ) -> Page[WebhookEndpoint]:
        """Those of a user, and of these organisations, the newest first; None: everybody's."""
        async with self._database.reading() as session:
            return await webhooks.page(session, owner_id, organization_ids, after=after, limit=limit)

    async def change(self, actor: Actor, endpoint: WebhookEndpoint, wanted: Wanted) -> WebhookEndpoint:
        """Change an endpoint. Switched off, it gives up what waits for it; switched on, it begins anew.

        Raises:
            InvalidRequest: 400, the URL may not be sent to.
            NotFound: 404, it is no more.
        """
        if wanted.url is not None:
            self._check_url(wanted.url)
        named = {"url": wanted.url, "name": wanted.name, "is_active": wanted.is_active}
        values: dict[str, object] = {key: value for key, value in named.items() if value is not None}
        if wanted.event_types is not None:
            values["event_types"] = _unique(wanted.event_types)
        changed = sorted(key for key, value in values.items() if value != getattr(endpoint, key))
        if not changed:
            return endpoint
        if wanted.is_active:
            values |= {"inactive_reason": None, "failing_since": None}
        values["updated_at"] = self._clock()

        async def work(session: WriteSession) -> None:
            await webhooks.change(session, endpoint.id, values)
            await note(session, actor, "webhook.change", KIND, endpoint.id, {"changed": changed})

        await self._do(work)
        return await self._again(endpoint.id)

    async def remove(self, actor: Actor, endpoint: WebhookEndpoint) -> None:
        """Remove an endpoint with its deliveries.

        Raises:
            NotFound: 404, it is no more.
        """

        async def work(session: WriteSession) -> None:
            await webhooks.remove(session, endpoint.id)
            await note(session, actor, "webhook.remove", KIND, endpoint.id)

        await self._do(work)

    async def rotate_secret(
        self, actor: Actor, endpoint: WebhookEndpoint, overlap_s: float
    ) -> tuple[WebhookEndpoint, str]:
        """Make an endpoint another secret; for so long events are signed with the one before too.

        Raises:
            NotFound: 404, it is no more.
        """
        secret, now = new_secret(), self._clock()
        values: dict[str, object] = {
            "secret": await self._cipher.seal(endpoint.owner_id, secret_name(endpoint.id), secret),
            "secret_hint": _hint(secret),
            "previous_secret": endpoint.secret if overlap_s else None,
            "previous_until": now + timedelta(seconds=overlap_s) if overlap_s else None,
            "updated_at": now,
        }

        async def work(session: WriteSession) -> None:
            await webhooks.change(session, endpoint.id, values)
            await note(session, actor, "webhook.rotate_secret", KIND, endpoint.id, {"overlap_s": overlap_s})

        await self._do(work)
        return await self._again(endpoint.id), secret_text(secret)

    async def test(self, endpoint: WebhookEndpoint) -> Delivery:
        """Have an event sent that tells of nothing.

        Raises:
            InvalidRequest: 400, the endpoint is switched off.
        """
        now, event_id = self._clock(), new_id("evt")
        payload = webhook_deliveries.payload_of(event_id, TEST_EVENT, {"id": endpoint.id}, now)
        return await self._send(endpoint, event_id, TEST_EVENT, payload)

    async def redeliver(self, actor: Actor, endpoint: WebhookEndpoint, delivery_id: str) -> Delivery:
        """Have an event sent again, as a new delivery with the same id of the event.

        Raises:
            InvalidRequest: 400, it is being sent, or the endpoint is switched off.
            NotFound: 404, the endpoint has no such delivery.
        """
        async with self._database.reading() as session:
            found = await webhook_deliveries.get(session, delivery_id)
        if found is None or found.endpoint_id != endpoint.id:
            raise NotFound(f"There is no delivery '{delivery_id[:64]}'.", "delivery_id")
        if found.state is DeliveryState.PENDING:
            raise InvalidRequest("This delivery is sent again by itself.", "delivery_id")
        return await self._send(endpoint, found.event_id, found.type, found.payload, actor)

    async def page_deliveries(
        self, endpoint: WebhookEndpoint, states: Sequence[DeliveryState], after: str | None, limit: int
    ) -> Page[Delivery]:
        """What became of events that an endpoint was told of, the newest first."""
        async with self._database.reading() as session:
            return await webhook_deliveries.page(session, endpoint.id, states, after=after, limit=limit)

    async def _send(
        self, endpoint: WebhookEndpoint, event_id: str, type_: str, payload: str, actor: Actor | None = None
    ) -> Delivery:
        if not endpoint.is_active:
            raise InvalidRequest("This webhook is switched off: set 'is_active' first.", "is_active")
        delivery = webhook_deliveries.new_delivery(endpoint.id, event_id, type_, payload, self._clock())

        async def work(session: WriteSession) -> None:
            await webhook_deliveries.add(session, [delivery])
            if actor is not None:
                await note(session, actor, "webhook.redeliver", KIND, endpoint.id, {"event": event_id})

        await self._do(work)
        self._bell.ring(WEBHOOKS)
        return delivery

    async def _again(self, endpoint_id: str) -> WebhookEndpoint:
        found = await self.find(endpoint_id)
        if found is None:
            raise webhooks.unknown(endpoint_id)
        return found

    async def _do(self, work: Callable[[WriteSession], Awaitable[None]]) -> None:
        async def unit() -> None:
            async with self._database.writing() as session:
                await work(session)

        await retried(unit)

    def _check_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:
            raise InvalidRequest("'url' cannot be read.", "url") from None
        if not (url.isascii() and url.isprintable() and " " not in url):
            raise InvalidRequest("'url' has a character that URLs do not have; write it in percent-encoding.", "url")
        if parts.scheme not in _DEFAULT_PORTS or not host or parts.username is not None:
            raise InvalidRequest("'url' must be https:// and a host, without a user or a password.", "url")
        if parts.scheme != "https" and not self._hosts.is_named(host, port):
            raise InvalidRequest("'url' must begin with https://.", "url")
        try:
            self._hosts.check_name(host, port)
        except HTTPRequestRefused as error:
            raise InvalidRequest(f"'url': {error.message}", "url") from None


def _unique(event_types: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event_types))


def _hint(secret: bytes) -> str:
    return f"{PREFIX}…{secret_text(secret)[-_HINT_CHARACTERS:]}"
