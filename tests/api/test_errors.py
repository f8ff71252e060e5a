"""Every error class as the client sees it, and that nothing from inside is seen."""

import inspect
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

import smartlite.errors
from smartlite.api.app import create_app
from smartlite.api.errors import as_smartlite_error
from smartlite.api.services import Services
from smartlite.errors import ReplicaLost, SmartLiteError


def error_classes() -> Iterator[type[SmartLiteError]]:
    for _, found in inspect.getmembers(smartlite.errors, inspect.isclass):
        if issubclass(found, SmartLiteError):
            yield found


def client_that_raises(services: Services, error: BaseException) -> httpx.AsyncClient:
    app = create_app(services)

    @app.get("/raise")
    async def raise_it() -> None:
        raise error

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.mark.parametrize("error_class", list(error_classes()), ids=lambda found: found.__name__)
async def test_every_error_has_openais_shape(services: Services, error_class: type[SmartLiteError]) -> None:
    async with client_that_raises(services, error_class("what was wrong", "field")) as client:
        answer = await client.get("/raise")
    assert answer.status_code == error_class.status_code
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert (error["type"], error["code"]) == (error_class.type, error_class.code)
    if error_class.status_code == 500:
        assert error["message"] == (inspect.getdoc(error_class) or "").partition("\n")[0]
        assert error["param"] is None
    else:
        assert (error["message"], error["param"]) == ("what was wrong", "field")
    retry_after = None if error_class.retry_after_s is None else str(error_class.retry_after_s)
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers.get("x-should-retry") != ("false" if retry_after else "true")
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "error",
    [RuntimeError("/secret/path"), KeyError("s3cr3t"), ExceptionGroup("g", [ValueError("s3cr3t")]), RecursionError()],
    ids=lambda error: type(error).__name__,
)
async def test_what_nobody_foresaw_is_a_500_that_tells_nothing(
    services: Services, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_that_raises(services, error) as client:
        answer = await client.get("/raise")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "cret" not in answer.text
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert any(record.exc_info for record in caplog.records)


async def test_our_error_in_a_group_is_told(services: Services) -> None:
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("x"), ReplicaLost("The replica ended.")])])
    async with client_that_raises(services, group) as client:
        answer = await client.get("/raise")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "replica_lost"


async def test_text_that_cannot_be_encoded_is_replaced(services: Services) -> None:
    async with client_that_raises(services, ReplicaLost("bad \udc80 text", "p\ud800")) as client:
        answer = await client.get("/raise")
    assert answer.json()["error"]["message"] == "bad ? text"
    assert answer.json()["error"]["param"] == "p?"


async def test_an_unknown_address_is_a_404_of_the_same_shape(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/<script>%00")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET"),
        ("TRACE", "/v1/models", "GET"),
        ("OPTIONS", "/v1/models", "GET"),
        ("BREW", "/healthz", "GET"),
        ("PUT", "/docs", "GET"),
    ],
)
async def test_another_method_is_a_405_that_names_the_allowed(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow
    assert answer.json()["error"]["code"] == "method_not_allowed"


async def test_a_parameter_of_the_url_is_checked_in_the_same_shape(services: Services) -> None:
    app: FastAPI = create_app(services)

    @app.get("/limited")
    async def limited(limit: int) -> None:
        """Takes a number."""

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        wrong = await client.get("/limited?limit=abc%ff")
        missing = await client.get("/limited")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "limit")
    assert wrong.json()["error"]["code"] == "invalid_type"
    assert "abc" not in wrong.text
    assert missing.json()["error"]["code"] == "missing_required_parameter"


def test_an_error_of_ours_is_left_as_it_is() -> None:
    error = ReplicaLost("x")
    assert as_smartlite_error(error) is error
