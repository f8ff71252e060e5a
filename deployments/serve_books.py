"""What Serve's replica has to know of requests that it does not handle itself. Must not know what they ask for.

How many are under way: a replica that is told to stop waits for them, and autoscaling goes by it. How many there were,
exactly, and how long they took, of failures and of some others: Serve enters every time into two histograms.
"""

import time
from http import HTTPStatus
from typing import Any, Final

from ray.serve._private.common import RequestMetadata, RequestProtocol
from ray.serve._private.request_ingress_metrics import RequestIngressMetrics

_TIMED_PER_S: Final = 20
_CLIENT_GONE: Final = 499


class ServeBooks:
    """Keeps the books of one replica.

    Args:
        replica: Serve's own object of the replica.
    """

    def __init__(self, replica: Any) -> None:
        self._figures = replica._metrics_manager
        self._application = replica._deployment_id.app_name
        self._deployment = replica._deployment_id.name
        self._direct = RequestMetadata(
            request_id="", internal_request_id="", is_direct_ingress=True, _request_protocol=RequestProtocol.HTTP
        )
        self._second = 0
        self._timed = 0
        self._untimed: dict[tuple[str, str, int], int] = {}

    def begin(self) -> float:
        """Count a request as under way; gives the moment, in seconds of ``time.monotonic``."""
        self._figures.inc_num_ongoing_requests(self._direct)
        return time.monotonic()

    def end(self, method: str, route: str, status: int, began_s: float) -> None:
        """Count it as answered.

        Args:
            method: Of HTTP.
            route: Its template.
            status: Of the answer; 0 where there was none.
            began_s: What ``begin`` gave.
        """
        self._figures.dec_num_ongoing_requests(self._direct)
        now_s = time.monotonic()
        if self._second != (second := int(now_s)):
            self._second, self._timed = second, 0
            self._enter_untimed()
        if self._timed < _TIMED_PER_S or not 0 < status < HTTPStatus.BAD_REQUEST:
            self._timed += 1
            self._enter(method, route, status, 1000 * (now_s - began_s))
        else:
            kind = (method, route, status)
            self._untimed[kind] = self._untimed.get(kind, 0) + 1

    def _enter_untimed(self) -> None:
        for (method, route, status), count in self._untimed.items():
            self._figures._request_counter.inc(count, tags={"route": route})
            tags = RequestIngressMetrics.request_tags(
                method=method, route=route, application=self._application, status_code=str(status)
            )
            self._figures._ingress_metrics[RequestProtocol.HTTP].request_counter.inc(count, tags=tags)
        self._untimed.clear()

    def _enter(self, method: str, route: str, status: int, latency_ms: float) -> None:
        is_failure = status == 0 or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self._figures.record_request_metrics(route=route, latency_ms=latency_ms, is_error=is_failure)
        self._figures.record_ingress_request_metrics(
            protocol=RequestProtocol.HTTP,
            method=method,
            route=route,
            app_name=self._application,
            deployment_name=self._deployment,
            latency_ms=latency_ms,
            is_error=status == 0 or status >= HTTPStatus.BAD_REQUEST,
            status_code=str(status or _CLIENT_GONE),
        )
