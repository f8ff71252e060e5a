"""Sends webhooks: takes what is due, side by side, and writes what came of it. Must not know what events mean.

Each is sent at least once. A sender that is killed leaves what it had to others, who send it with the same id. An
endpoint that hangs holds up nobody else: no endpoint has more than a few of the places.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from smartlite.auth.noted import Actor, note
from smartlite.domain.ids import first_id
from smartlite.domain.webhooks import Attempt, Delivery, DeliveryState, WebhookEndpoint
from smartlite.errors import DatabaseUnavailable, HTTPRequestFailed, HTTPRequestRefused, SmartLiteError
from smartlite.jobs.webhook_retries import GIVEN_UP_AFTER, next_attempt
from smartlite.jobs.webhook_signature import signed_headers
from smartlite.pipeline.steps.ports import HTTPClient, HTTPRequest
from smartlite.stopping import stop
from smartlite.storage import webhook_deliveries, webhooks
from smartlite.storage.bell import WEBHOOKS, Bell
from smartlite.storage.database import Database, retried
from smartlite.storage.encryption import Cipher

KIND: Final = "webhook"
KEPT_CHARACTERS: Final = 1024
"""Of an answer."""
_GONE: Final = 410
_PURGE_EVERY_S: Final = 3600.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is sent, and how often it is looked for."""

    timeout_s: float = 15.0
    """Of an attempt, from the look-up of its host's address to the end of the answer."""
    claim_s: float = 60.0
    """So long after it was taken, others may take a delivery: its sender is lost."""
    poll_s: float = 1.0
    away_s: float = 2.0
    """Between two looks at a database that is away."""
    slots: int = 64
    """Attempts at the same time, and of one endpoint:"""
    slots_of_endpoint: int = 2


class WebhookSender:
    """Sends the deliveries of a database. Used in one event loop.

    Args:
        database: Where they are.
        client: Sends to where it may be sent; follows no redirect, and cuts answers that are long.
        cipher: Opens secrets.
        log_days: So long deliveries are kept.
        pace: How fast.
        clock: Tells the time in UTC.
        bell: Tells that there is something to send.
    """

    def __init__(
        self,
        database: Database,
        client: HTTPClient,
        cipher: Cipher,
        log_days: int = 30,
        pace: Pace = Pace(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        bell: Bell | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._cipher = cipher
        self._log_days = log_days
        self._pace = pace
        self._clock = clock
        self._bell = bell or Bell()
        self._woken = asyncio.Event()
        self._sending: dict[asyncio.Task[None], str] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._is_closing = False

    def begin(self) -> None:
        """Start to work, once an event loop runs; nothing where it works already."""
        if not self._loops:
            self._is_closing = False
            self._loops = [asyncio.create_task(work) for work in (self._send_for_ever(), self._purge_for_ever())]

    async def close(self) -> None:
        """Stop; what was being sent is sent again by others."""
        self._is_closing = True
        loops, self._loops = self._loops, []
        await stop((*loops, *self._sending))

    async def purge(self) -> None:
        """Delete what is older than it is kept."""
        before = first_id("whd", self._clock() - timedelta(days=self._log_days))

        async def portion() -> int:
            async with self._database.writing() as session:
                return await webhook_deliveries.purge(session, before)

        while await retried(portion):
            pass

    async def _send_for_ever(self) -> None:
        with self._bell.waiting(WEBHOOKS, self._woken):
            await self._send_until_closed()

    async def _send_until_closed(self) -> None:
        is_away = False
        while not self._is_closing:
            self._woken.clear()
            pause_s = self._pace.poll_s
            try:
                while len(self._sending) < self._pace.slots and await self._take_some():
                    pass
                is_away = False
            except DatabaseUnavailable as error:
                if not is_away:
                    _logger.warning("no webhook can be sent", extra={"reason": error.message})
                is_away, pause_s = True, self._pace.away_s
            except Exception:
                _logger.exception("no webhook can be sent")
                pause_s = self._pace.away_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()

    async def _take_some(self) -> bool:
        """Take what is due and has a place; whether there may be more."""
        counts = Counter(self._sending.values())
        busy = {endpoint for endpoint, count in counts.items() if count >= self._pace.slots_of_endpoint}
        async with self._database.reading() as session:
            found = await webhook_deliveries.due(session, self._clock(), busy, self._pace.slots)
        for due in found:
            if len(self._sending) >= self._pace.slots:
                break
            if counts[due.endpoint_id] < self._pace.slots_of_endpoint:
                counts[due.endpoint_id] += 1
                await self._start(due.delivery_id, due.endpoint_id)
        return bool(found)

    async def _start(self, delivery_id: str, endpoint_id: str) -> None:
        async def work() -> Delivery | None:
            now = self._clock()
            async with self._database.writing() as session:
                until = now + timedelta(seconds=self._pace.claim_s)
                return await webhook_deliveries.claim(session, delivery_id, now, until)

        delivery = await retried(work)
        if delivery is not None:
            task = asyncio.create_task(self._deliver(delivery))
            self._sending[task] = endpoint_id
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._woken.set()

    async def _deliver(self, delivery: Delivery) -> None:
        told = {"delivery": delivery.id, "endpoint": delivery.endpoint_id}
        try:
            async with self._database.reading() as session:
                endpoint = await webhooks.get(session, delivery.endpoint_id)
            if endpoint is None:
                async with self._database.writing() as session:
                    await webhook_deliveries.forget(session, delivery.id)
                return
            attempt, headers = await self._attempt(endpoint, delivery)
            await retried(lambda: self._settle(endpoint, delivery, attempt, headers))
        except SmartLiteError as error:
            _logger.warning("a webhook is sent again", extra={**told, "reason": error.message})
        except Exception:
            _logger.exception("a webhook is sent again", extra=told)

    async def _attempt(self, endpoint: WebhookEndpoint, delivery: Delivery) -> tuple[Attempt, Mapping[str, str]]:
        body = delivery.payload.encode()
        now = self._clock()
        signed = signed_headers(await self._secrets(endpoint, now), delivery.event_id, now, body)
        headers = {"content-type": "application/json", "user-agent": "SmartLite-Webhooks/1", **signed}
        began_s = time.monotonic()
        status, error, response, answered = None, None, None, dict[str, str]()
        try:
            request = HTTPRequest("POST", endpoint.url, headers, body, self._pace.timeout_s)
            answer = await self._client.send(request)
        except (HTTPRequestFailed, HTTPRequestRefused) as failure:
            error = failure.message
        else:
            status, answered = answer.status, dict(answer.headers)
            response = answer.body[: 4 * KEPT_CHARACTERS].decode("utf-8", "replace")[:KEPT_CHARACTERS]
            error = None if 200 <= status < 300 else _refusal(status)
        return Attempt(status, error, round(1000 * (time.monotonic() - began_s)), response), answered

    async def _secrets(self, endpoint: WebhookEndpoint, now: datetime) -> list[bytes]:
        sealed = [endpoint.secret]
        if endpoint.previous_secret is not None and endpoint.previous_until and now < endpoint.previous_until:
            sealed.append(endpoint.previous_secret)
        return [await self._cipher.open(endpoint.owner_id, secret_name(endpoint.id), each) for each in sealed]

    async def _settle(
        self, endpoint: WebhookEndpoint, delivery: Delivery, attempt: Attempt, headers: Mapping[str, str]
    ) -> None:
        now = self._clock()
        is_gone = attempt.status == _GONE
        again = None if attempt.error is None or is_gone else next_attempt(delivery.attempts, headers, now)
        state = DeliveryState.PENDING if again else DeliveryState.FAILED
        if attempt.error is None:
            state = DeliveryState.SUCCEEDED
        async with self._database.writing() as session:
            if not await webhook_deliveries.settle(session, delivery, attempt, state, now, again):
                return
            if attempt.error is None:
                await webhooks.note_success(session, endpoint.id)
                return
            await webhooks.note_failure(session, endpoint.id, now)
            reason = "It answered 410 (Gone)." if is_gone else None
            if state is DeliveryState.FAILED and not is_gone:
                current = await webhooks.get(session, endpoint.id)
                since = None if current is None else current.failing_since
                if since is not None and now - since >= GIVEN_UP_AFTER:
                    reason = f"No delivery has succeeded since {since:%Y-%m-%d %H:%M} UTC. The last: {attempt.error}"
            if reason is not None:
                values = {"is_active": False, "inactive_reason": reason, "updated_at": now}
                await webhooks.change(session, endpoint.id, values)
                await note(session, Actor(None), "webhook.switch_off", KIND, endpoint.id, {"reason": reason[:500]})
                _logger.warning("a webhook was switched off", extra={"endpoint": endpoint.id, "reason": reason})

    async def _purge_for_ever(self) -> None:
        while not self._is_closing:
            # At another moment on each replica, so that they do not wait for each other's locks.
            await asyncio.sleep(_PURGE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 - nobody gains by guessing
            try:
                await self.purge()
            except SmartLiteError as error:
                _logger.warning("old deliveries were not deleted", extra={"reason": error.message})


def secret_name(endpoint_id: str) -> str:
    """What the secrets of an endpoint are sealed as."""
    return f"webhooks/{endpoint_id}/secret"


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"It answered {status}; redirects are not followed."
    return f"It answered {status}."
