"""What Serve is told of requests that it does not handle itself."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from ray.serve._private.common import RequestProtocol

from deployments import serve_books
from deployments.serve_books import ServeBooks


class Figures:
    """Stands in for Serve's own object."""

    def __init__(self) -> None:
        self.under_way = 0
        self.counted: Counter[str] = Counter()
        self.timed: list[str] = []
        self.failed: list[str] = []
        inc = SimpleNamespace(inc=lambda count, tags: self.counted.update({tags["status_code"]: count}))
        self._request_counter = SimpleNamespace(inc=lambda count, tags: None)
        self._ingress_metrics = {RequestProtocol.HTTP: SimpleNamespace(request_counter=inc)}

    def inc_num_ongoing_requests(self, _metadata: Any) -> None:
        self.under_way += 1

    def dec_num_ongoing_requests(self, _metadata: Any) -> None:
        self.under_way -= 1

    def record_request_metrics(self, **_figures: Any) -> None:
        pass

    def record_ingress_request_metrics(self, *, status_code: str, is_error: bool, **_figures: Any) -> None:
        self.counted[status_code] += 1
        self.timed.append(status_code)
        if is_error:
            self.failed.append(status_code)


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def books(figures: Figures) -> ServeBooks:
    names = SimpleNamespace(app_name="smartlite", name="ingress")
    return ServeBooks(SimpleNamespace(_metrics_manager=figures, _deployment_id=names))


def answer(books: ServeBooks, status: int, times: int) -> None:
    for _ in range(times):
        books.end("GET", "/v1/models", status, books.begin())


def test_what_is_under_way_is_counted(books: ServeBooks, figures: Figures) -> None:
    began_s = books.begin()
    books.begin()
    books.end("GET", "/v1/models", 200, began_s)
    assert figures.under_way == 1


def test_every_request_is_counted_and_few_are_timed(
    books: ServeBooks, figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SimpleNamespace(monotonic=lambda: 5.0)
    monkeypatch.setattr(serve_books, "time", now)
    answer(books, 200, 500)
    assert len(figures.timed) == 20
    now.monotonic = lambda: 6.0
    answer(books, 200, 1)
    assert figures.counted["200"] == 501


def test_every_failure_is_entered_at_once(books: ServeBooks, figures: Figures) -> None:
    answer(books, 200, 100)
    answer(books, 503, 30)
    answer(books, 0, 1)
    assert figures.counted["503"] == 30
    assert figures.failed == ["503"] * 30 + ["499"]
