"""What makes two requests the same one."""

from typing import Any

import pytest

from smartlite.api.request_hash import RequestHash

FORM = (
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
    b'--B\r\nContent-Disposition: form-data; name="b"\r\n\r\n--C\r\n--B--\r\n'
)


def digest(
    body: bytes = b"{}",
    content_type: str = "application/json",
    about: str = "",
    pieces: int = 1,
    **scope: Any,
) -> bytes:
    headers = [(b"content-type", content_type.encode())] if content_type else []
    request = {"type": "http", "method": "POST", "path": "/v1/x", "query_string": b"", "headers": headers} | scope
    hashed = RequestHash(request, about)
    for start in range(0, len(body), max(1, len(body) // pieces)):
        hashed.feed(body[start : start + max(1, len(body) // pieces)])
    return hashed.digest()


def form(body: bytes = FORM, boundary: str = "B", pieces: int = 1) -> bytes:
    return digest(body, f"multipart/form-data; boundary={boundary}", pieces=pieces)


@pytest.mark.parametrize(
    "other",
    [
        digest(b"{ }"),
        digest(b""),
        digest(method="PUT"),
        digest(path="/v1/y"),
        digest(query_string=b"a=1"),
        digest(content_type="text/plain"),
        digest(content_type="application/json; charset=utf-8"),
        digest(content_type=""),
        digest(about="org_1"),
    ],
)
def test_whatever_differs_makes_another_request(other: bytes) -> None:
    assert digest() != other


def test_headers_that_are_not_the_content_type_do_not_count() -> None:
    headers = [(b"x-stainless-retry-count", b"1"), (b"content-type", b"application/json"), (b"user-agent", b"x")]
    assert digest(headers=headers) == digest()


def test_how_the_body_is_cut_does_not_count() -> None:
    assert digest(b"0123456789", pieces=10) == digest(b"0123456789", pieces=3)
    assert form(pieces=len(FORM)) == form(pieces=7) == form()


def test_the_boundary_of_a_form_does_not_count() -> None:
    assert form(FORM.replace(b"--B", b"--another"), "another") == form()
    assert form(FORM.replace(b"--B", b"--another"), '"another"') == form()


@pytest.mark.parametrize(
    ("old", "new"), [(b"one", b"two"), (b'"a"', b'"A"'), (b"\r\n\r\n--C", b"\r\nContent-Type: text/plain\r\n\r\n--C")]
)
def test_whatever_differs_in_a_part_makes_another_request(old: bytes, new: bytes) -> None:
    assert form(FORM.replace(old, new)) != form()


def test_the_order_of_parts_counts() -> None:
    first, second = FORM.removesuffix(b"--B--\r\n").split(b"--B\r\n")[1:]
    swapped = b"--B\r\n" + second + b"--B\r\n" + first + b"--B--\r\n"
    assert form(swapped) != form()


def test_bytes_that_are_no_form_are_hashed_as_they_are() -> None:
    assert form(b"no form at all") == form(b"no form at all")
    assert form(b"no form at all") != form(b"another")
    assert form(FORM[:-6]) != form()
    assert form(FORM, "x" * 1000) != form()
