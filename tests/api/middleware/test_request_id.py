"""The request id: taken if it is well formed, made if not, on every answer exactly once."""

import httpx
import pytest

from smartlite.logging import request_id


@pytest.mark.parametrize("value", ["a", "req_0123", "A.b-c_9", "x" * 128])
async def test_a_well_formed_id_is_kept(client: httpx.AsyncClient, value: str) -> None:
    answer = await client.get("/healthz", headers={"x-request-id": value})
    assert answer.headers.get_list("x-request-id") == [value]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 129,
        "a b",
        "a\tb",
        "a/b",
        "a;b",
        'a"b',
        "ä".encode(),
        "٣".encode(),
        b"a\xff",
        "../../etc",
        "{}",
        "a\x7f",
    ],
)
async def test_any_other_id_is_replaced(client: httpx.AsyncClient, value: str | bytes) -> None:
    answer = await client.get(
        "/healthz", headers=[(b"x-request-id", value if isinstance(value, bytes) else value.encode())]
    )
    (given,) = answer.headers.get_list("x-request-id")
    assert given.startswith("req_")
    assert len(given) == 36


async def test_two_ids_are_none(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz", headers=[("x-request-id", "a"), ("x-request-id", "b")])
    (given,) = answer.headers.get_list("x-request-id")
    assert given.startswith("req_")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 307),
        ("GET", "/nothing", 404),
        ("PUT", "/healthz", 405),
        ("POST", "/v1/chat/completions", 415),
        ("GET", "/openapi.json", 200),
        ("GET", "/swagger/swagger-ui.css", 200),
    ],
)
async def test_every_answer_has_one(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path, headers={"x-request-id": "mine"})
    assert answer.status_code == status
    assert answer.headers.get_list("x-request-id") == ["mine"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_ids_of_two_requests_differ(client: httpx.AsyncClient) -> None:
    first, second = [(await client.get("/healthz")).headers["x-request-id"] for _ in range(2)]
    assert first != second


async def test_the_id_is_forgotten_after_the_request(client: httpx.AsyncClient) -> None:
    await client.get("/healthz")
    assert request_id.get() is None
