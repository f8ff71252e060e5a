"""Where an answer may be sent to, and what is made of it."""

import pytest

from smartlite.auth.oauth.redirect_uris import check_redirect_uri, place_of, with_parameters
from smartlite.domain.oauth import ClientKind
from smartlite.errors import InvalidRequest

GOOD = [
    "https://app.example/callback",
    "https://app.example:8443/callback?x=1&y=%20",
    "https://app.example",
    "http://127.0.0.1:8765/callback",
    "http://localhost/callback",
    "http://[::1]:8765/callback",
]


@pytest.mark.parametrize("kind", ClientKind)
@pytest.mark.parametrize("uri", GOOD)
def test_an_address_that_is_safe_is_taken_as_it_is(uri: str, kind: ClientKind) -> None:
    assert check_redirect_uri(uri, kind) == uri


@pytest.mark.parametrize("uri", ["com.example.app:/callback", "com.example.my-app://callback"])
def test_a_scheme_of_its_own_is_for_programs_that_are_installed(uri: str) -> None:
    assert check_redirect_uri(uri, ClientKind.PUBLIC) == uri
    with pytest.raises(InvalidRequest):
        check_redirect_uri(uri, ClientKind.CONFIDENTIAL)


@pytest.mark.parametrize(
    "uri",
    ["", "/callback", "//app.example/callback", "app.example/callback", "https:", "https://", "https:///callback",
     "http://app.example/callback", "http://127.0.0.1.evil.example/", "http://0.0.0.0/", "http://10.0.0.1/",
     "https://me@app.example/", "https://me:pw@app.example/", "https://app.example/#x", "https://app.example/#",
     "https://*.example/", "https://app.example/*", "https://app.example/a b", "https://app.example/\n",
     "https://app.example\\@evil.example/", "https://app.example;script-src/", "https://a,b.example/",
     "https://app.example:0/", "https://app.example:99999/", "https://app.example:x/", "https://[::1/",
     "https://app.example/'", 'https://app.example/"', "https://app.example/<x>", "https://äpp.example/",
     "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "myapp:/callback",
     "urn:ietf:wg:oauth:2.0:oob", "https://app.example/" + "x" * 500],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_redirect_uri(uri, ClientKind.PUBLIC)
    assert caught.value.param == "redirect_uris"
    assert len(caught.value.message) < 300


def test_parameters_are_added_to_those_that_are_there() -> None:
    assert with_parameters("https://a.example/", {"code": "x&y", "state": None}) == "https://a.example/?code=x%26y"
    assert with_parameters("https://a.example/?z=1", {"code": "é"}) == "https://a.example/?z=1&code=%C3%A9"
    assert with_parameters("com.example.app:/cb", {"code": "x"}) == "com.example.app:/cb?code=x"


def test_people_see_the_place_and_not_the_path() -> None:
    assert place_of("https://app.example:8443/callback?x=1") == "https://app.example:8443"
    assert place_of("com.example.app:/callback") == "com.example.app:"
