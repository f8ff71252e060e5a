"""Webhooks are sent at least once, to whoever takes them and in spite of whoever does not, on both databases."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from smartlite.auth.noted import utc_now
from smartlite.domain.webhooks import DeliveryState
from smartlite.jobs.webhook_retries import MOST_ATTEMPTS
from smartlite.jobs.webhook_sender import Pace
from smartlite.jobs.webhooks import Wanted
from smartlite.pipeline.steps.ports import HTTPAnswer, HTTPRequest
from smartlite.storage import audit, webhook_deliveries
from smartlite.storage.database import Database
from tests.jobs.receivers import NOBODY, URL, Post, a_post, answering, hang, refuse_connections
from tests.storage.rows import NOON

OTHER = "https://other.example/hook"


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    async with a_post(database) as post:
        yield post


async def test_an_event_is_sent_to_whoever_asked_for_it_and_the_log_tells_what_came_of_it(post: Post) -> None:
    mine = await post.endpoint()
    others = [await post.endpoint(owner="user_2"), await post.endpoint(organization="org_1")]
    await post.happen("run.failed")
    await post.happen("run.cancelled")
    post.sender()
    sent = await post.attempted(mine, 1)
    assert (sent.state, sent.status, sent.error, sent.response) == (DeliveryState.SUCCEEDED, 200, None, "ok")
    assert sent.finished_at == NOON
    assert [await post.deliveries(each) for each in others] == [(), ()]
    (request,) = post.network.sent
    assert json.loads(request.body) == {
        "id": sent.event_id,
        "object": "event",
        "created_at": int(NOON.timestamp()),
        "type": "run.failed",
        "data": {"id": "run_1"},
    }
    assert request.headers["webhook-id"] == sent.event_id


async def test_what_is_done_for_an_organization_is_told_to_its_endpoints_alone(post: Post) -> None:
    mine, ours = await post.endpoint(), await post.endpoint(owner="user_2", organization="org_1")
    await post.happen(owner="user_1", organization="org_1")
    assert (len(await post.deliveries(mine)), len(await post.deliveries(ours))) == (0, 1)


async def test_a_receiver_that_answers_500_for_a_day_gets_every_event_in_the_end(post: Post) -> None:
    endpoint = await post.endpoint()
    post.network.answers[URL] = answering(500, b"down")
    await post.happen()
    post.sender()
    times = 0
    while post.now < NOON + timedelta(days=1):
        times += 1
        failed = await post.attempted(endpoint, times)
        assert (failed.state, failed.status, failed.response) == (DeliveryState.PENDING, 500, "down")
        assert failed.next_at is not None
        post.now = failed.next_at
    del post.network.answers[URL]
    sent = await post.until(endpoint, lambda each: each.state is not DeliveryState.PENDING)
    assert (sent.state, sent.attempts, times) == (DeliveryState.SUCCEEDED, 9, 8)
    assert len({request.headers["webhook-id"] for request in post.network.sent}) == 1
    found = await post.webhooks.find(endpoint.id)
    assert found is not None
    assert (found.is_active, found.failing_since) == (True, None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answering(301, location="http://127.0.0.1/"), "It answered 301; redirects are not followed."),
        (answering(404), "It answered 404."),
        (refuse_connections, "The service could not be asked: ConnectError."),
    ],
)
async def test_a_receiver_that_does_not_take_it_is_asked_again(post: Post, answer: object, error: str) -> None:
    endpoint = await post.endpoint()
    post.network.answers[URL] = answer  # type: ignore[assignment]
    await post.happen()
    post.sender()
    failed = await post.attempted(endpoint, 1)
    assert (failed.state, failed.error, len(post.network.sent)) == (DeliveryState.PENDING, error, 1)


async def test_an_endpoint_that_takes_nothing_for_days_is_switched_off_and_says_why(post: Post) -> None:
    endpoint = await post.endpoint()
    post.network.answers[URL] = answering(503)
    await post.happen()
    post.sender()
    for times in range(1, MOST_ATTEMPTS + 1):
        failed = await post.attempted(endpoint, times)
        post.now = failed.next_at or post.now
    assert (failed.state, failed.next_at) == (DeliveryState.FAILED, None)
    found = await post.webhooks.find(endpoint.id)
    assert found is not None
    assert not found.is_active
    assert found.inactive_reason == "No delivery has succeeded since 2026-07-01 12:00 UTC. The last: It answered 503."
    await post.happen()
    assert len(await post.deliveries(endpoint)) == 1


async def test_an_endpoint_that_is_gone_is_switched_off_at_once_and_may_be_switched_on_again(post: Post) -> None:
    endpoint = await post.endpoint()
    post.network.answers[URL] = answering(410)
    await post.happen()
    post.sender()
    assert (await post.attempted(endpoint, 1)).state is DeliveryState.FAILED
    found = await post.webhooks.find(endpoint.id)
    assert found is not None
    assert (found.is_active, found.inactive_reason) == (False, "It answered 410 (Gone).")
    async with post.database.reading() as session:
        noted = (await audit.page(session)).items
    assert [entry.action for entry in noted] == ["webhook.switch_off", "webhook.add"]
    again = await post.webhooks.change(NOBODY, found, Wanted(is_active=True))
    assert (again.is_active, again.inactive_reason, again.failing_since) == (True, None, None)


async def test_a_longer_time_that_a_receiver_asks_for_is_kept_to(post: Post) -> None:
    endpoint = await post.endpoint()
    post.network.answers[URL] = answering(429, retry_after="3600")
    await post.happen()
    post.sender()
    assert (await post.attempted(endpoint, 1)).next_at == NOON + timedelta(hours=1)


async def test_one_that_hangs_holds_up_nobody_else(post: Post) -> None:
    hanging, other = await post.endpoint(), await post.endpoint(OTHER)
    post.network.answers[URL] = hang
    for _ in range(20):
        await post.happen()
    post.sender(Pace(poll_s=0.01, slots=4))
    await post.all_ended(other)
    assert [request.url for request in post.network.sent].count(URL) == Pace().slots_of_endpoint
    assert all(each.state is DeliveryState.PENDING for each in await post.deliveries(hanging))


async def test_what_a_killed_sender_had_is_sent_by_another_with_the_same_id(post: Post) -> None:
    endpoint = await post.endpoint()
    post.network.answers[URL] = hang
    await post.happen()
    first = post.sender()
    await post.network.arrived.wait()
    await first.close()
    del post.network.answers[URL]
    post.later(seconds=61)
    post.sender()
    assert (await post.until(endpoint, lambda each: each.state is DeliveryState.SUCCEEDED)).attempts == 2
    assert len({request.headers["webhook-id"] for request in post.network.sent}) == 1


async def test_what_a_slow_sender_says_of_a_delivery_that_another_took_counts_for_nothing(post: Post) -> None:
    endpoint = await post.endpoint()
    go = asyncio.Event()

    async def late(request: HTTPRequest) -> HTTPAnswer:
        await go.wait()
        return HTTPAnswer(500, {}, b"")

    post.network.answers[URL] = late
    await post.happen()
    post.sender(Pace(poll_s=100))
    await post.network.arrived.wait()
    del post.network.answers[URL]
    post.later(seconds=61)
    post.sender()
    sent = await post.until(endpoint, lambda each: each.state is DeliveryState.SUCCEEDED)
    go.set()
    await post.senders[0].close()
    assert await post.deliveries(endpoint) == (sent,)


async def test_many_senders_send_each_event_once(post: Post) -> None:
    endpoint = await post.endpoint()
    for _ in range(12):
        await post.happen()
    for _ in range(3):
        post.sender()
    await post.all_ended(endpoint)
    assert len({request.headers["webhook-id"] for request in post.network.sent}) == len(post.network.sent) == 12


async def test_a_delivery_whose_endpoint_is_no_more_is_forgotten(post: Post) -> None:
    gone = replace(await post.endpoint(), id="wh_0")
    async with post.database.writing() as session:
        orphan = webhook_deliveries.new_delivery(gone.id, "evt_0", "run.failed", "{}", NOON)
        await webhook_deliveries.add(session, [orphan])
    last = await post.endpoint()
    await post.happen()
    post.sender(Pace(slots=1))
    await post.all_ended(last)
    assert await post.deliveries(gone) == ()


async def test_the_log_is_kept_for_so_many_days(post: Post) -> None:
    endpoint = await post.endpoint()
    await post.happen()
    sender = post.sender()
    await post.attempted(endpoint, 1)
    post.now = utc_now()  # ids tell the real time
    await sender.purge()
    assert len(await post.deliveries(endpoint)) == 1
    post.later(days=31)
    await sender.purge()
    assert await post.deliveries(endpoint) == ()
