"""Which URLs the platform may be known by."""

import pytest
from pydantic import ValidationError

from smartlite.config import Settings


@pytest.mark.parametrize("url", ["https://voice.example.com", "https://voice.example.com:8443", "http://127.0.0.1:80"])
def test_an_origin_is_taken(url: str) -> None:
    assert Settings(public_url=url).issuer == url


def test_without_one_it_is_where_the_gateway_listens() -> None:
    assert Settings(host="::1", port=81).issuer == "http://[::1]:81"


@pytest.mark.parametrize(
    "url",
    ["voice.example.com", "http://voice.example.com", "https://voice.example.com/", "https://voice.example.com/x",
     "https://voice.example.com?x", "https://voice.example.com#", "https://me@voice.example.com", "https://", "ftp://x",
     "https://voice.example.com:0", "https://a b", "https://ä.example"],
)  # fmt: skip
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(public_url=url)
