"""PKCE, with the example of RFC 7636."""

import pytest

from smartlite.auth.oauth.pkce import challenge_of, is_challenge, proves

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_example_of_the_standard_holds() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    assert is_challenge(CHALLENGE)
    assert proves(VERIFIER, CHALLENGE)


@pytest.mark.parametrize(
    "verifier", ["", CHALLENGE, VERIFIER[:-1], VERIFIER + "k", VERIFIER + "\n", "é" * 43, "x" * 129]
)
def test_another_verifier_proves_nothing(verifier: str) -> None:
    assert not proves(verifier, CHALLENGE)


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "=" * 43, "x" * 42 + "\n", "x" * 42 + "é"])
def test_what_is_no_challenge_is_not_taken_for_one(text: str) -> None:
    assert not is_challenge(text)
