"""What wrk prints."""

import pytest

from benchmarks.gateway import parse_wrk
from smartlite.errors import Unavailable

_PRINTED = """Running 8s test @ http://127.0.0.1:8000/v1/models
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.90ms    2.85ms  51.19ms   87.62%
    Req/Sec     6.79k   438.21     7.37k    85.00%
  Latency Distribution
     50%    4.35ms
     75%    5.53ms
     90%    7.60ms
     99%    1.20s
  54013 requests in 8.01s, 90.12MB read
  Socket errors: connect 1, read 2, write 0, timeout 4
  Non-2xx or 3xx responses: 10
Requests/sec:   6743.20
Transfer/sec:     11.25MB
"""


def test_figures_are_read_with_their_units() -> None:
    load = parse_wrk(_PRINTED)

    assert (load.requests, load.rate, load.p50_ms, load.p99_ms) == (54013, 6743.2, 4.35, 1200)


def test_errors_of_sockets_and_of_answers_count_as_failed() -> None:
    assert parse_wrk(_PRINTED).failed == 17


def test_a_refused_connection_is_no_figure() -> None:
    with pytest.raises(Unavailable, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:8000 Connection refused\n")
