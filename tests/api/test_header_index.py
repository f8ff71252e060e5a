"""A request's headers by name."""

from typing import Any

from smartlite.api.header_index import header, header_values, headers_of


def scope_with(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": list(headers)}


def test_names_are_found_whatever_their_case() -> None:
    assert header(scope_with((b"Content-Type", b"text/plain")), b"content-type") == "text/plain"


def test_a_header_that_was_not_sent_is_none_and_has_no_values() -> None:
    scope = scope_with()
    assert header(scope, b"host") is None
    assert header_values(scope, b"host") == []


def test_values_come_in_the_order_in_which_they_were_sent() -> None:
    assert header_values(scope_with((b"a", b"2"), (b"b", b"x"), (b"A", b"1")), b"a") == ["2", "1"]


def test_a_list_that_was_replaced_is_read_anew() -> None:
    scope = scope_with((b"a", b"1"))
    headers_of(scope)
    scope["headers"] = [*scope["headers"], (b"b", b"2")]
    assert header(scope, b"b") == "2"


def test_bytes_that_are_no_utf_8_are_kept() -> None:
    assert header(scope_with((b"a", b"\xff")), b"a") == "\xff"
