"""Access tokens: good ones are read, nothing else is taken, and nothing raises; joserfc is the second opinion."""

import base64
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt as second
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from smartlite.auth import token_self_test
from smartlite.auth.token_guard import LEEWAY_S, AccessToken
from smartlite.auth.token_self_test import bad_tokens, good_claims, good_header, good_token, self_test, signed
from smartlite.auth.tokens import ALGORITHM, AUDIENCE, ISSUER, new_signing_key, read_key, sign, verify
from smartlite.errors import ConfigurationError

NOW = datetime.now(UTC)
KEY = read_key(new_signing_key(NOW))
KEYS = {KEY.id: KEY}
GOOD = sign(KEY, good_token(NOW))
NAMES_OF_BAD = [name for name, _ in bad_tokens(KEY, NOW)]


@pytest.fixture(scope="module", autouse=True)
def _now() -> None:
    """The libraries look at the clock of the machine, and these tests may run long after they were collected."""
    global NOW, GOOD  # noqa: PLW0603
    NOW = datetime.now(UTC)
    GOOD = sign(KEY, good_token(NOW))


def second_opinion(text: str) -> bool:
    """Whether joserfc takes a token as ours."""
    try:
        token = second.decode(text, ECKey.import_key(dict(KEY.public_jwk)), algorithms=[ALGORITHM])
        second.JWTClaimsRegistry(
            leeway=LEEWAY_S + 2,  # it is asked a moment later
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            jti={"essential": True},
        ).validate(token.claims)
    except (JoseError, ValueError, TypeError):
        return False
    return token.header.get("typ") == "at+jwt" and token.header.get("kid") == KEY.id


def test_a_token_comes_back_as_it_was_signed() -> None:
    assert verify(GOOD, KEYS, NOW) == good_token(NOW)
    assert second_opinion(GOOD)
    header, claims, _ = (
        json.loads(base64.urlsafe_b64decode(part + "==") or b"0") for part in (*GOOD.split(".")[:2], "")
    )
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": KEY.id}
    assert claims == good_claims(NOW)


@pytest.mark.parametrize("number", range(len(NAMES_OF_BAD)), ids=NAMES_OF_BAD)
def test_a_bad_token_is_refused_and_raises_nothing(number: int) -> None:
    _, text = list(bad_tokens(KEY, NOW))[number]
    assert verify(text, KEYS, NOW) is None


def test_what_is_no_text_is_refused() -> None:
    for value in (None, 1, b"x", [], {}, GOOD.encode(), object()):
        assert verify(value, KEYS, NOW) is None  # type: ignore[arg-type]


def test_a_token_is_good_until_it_ends_and_a_little_longer() -> None:
    end = datetime.fromtimestamp(good_token(NOW).expires_at, UTC)
    assert verify(GOOD, KEYS, end + timedelta(seconds=LEEWAY_S - 1)) is not None
    assert verify(GOOD, KEYS, end + timedelta(seconds=LEEWAY_S)) is None
    assert verify(GOOD, KEYS, NOW - timedelta(seconds=LEEWAY_S + 2)) is None


def test_without_its_key_a_token_is_nothing() -> None:
    assert verify(GOOD, {}, NOW) is None
    assert verify(GOOD, {"sk_other": KEY}, NOW) is None


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_changed_in_a_token_makes_it_bad(seed: int) -> None:
    numbers = random.Random(seed)
    for _ in range(2500):
        text = mutated(GOOD, numbers)
        assert text == GOOD or verify(text, KEYS, NOW) is None, text


def mutated(text: str, numbers: random.Random) -> str:
    for _ in range(numbers.choice((1, 1, 1, 2, 5))):
        place = numbers.randrange(len(text) + 1)
        piece = numbers.choice(
            (
                "",
                ".",
                "=",
                "\n",
                "\0",
                " ",
                "A",
                "_",
                "-",
                "é",
                chr(numbers.randrange(0x11000)),
                text[place : place + 40],
            )
        )
        text = text[:place] + piece + text[place + numbers.choice((0, 0, 1, 1, 1, 30)) :]
    return text


ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 2**53, 2**63, 1e308, "", "x", "none", "HS256", "ES256", "at+jwt", "JWT"),
    *([], {}, ["x"], {"x": "x"}, ISSUER, [ISSUER], [ISSUER, "x"], KEY.id, [[[]]], "é", "\ud800", "x" * 200),
)
NAMES = (
    "alg",
    "typ",
    "kid",
    "crit",
    "b64",
    "jku",
    "jwk",
    "zip",
    "cty",
    "iss",
    "aud",
    "sub",
    "sid",
    "jti",
    "exp",
    "iat",
    "nbf",
    "x",
)


def changed(values: dict[str, Any], numbers: random.Random) -> dict[str, Any]:
    values = dict(values)
    for _ in range(numbers.choice((0, 1, 1, 2))):
        name = numbers.choice(NAMES)
        if numbers.random() < 0.3:
            values.pop(name, None)
        elif name in {"exp", "iat", "nbf"} and numbers.random() < 0.6:
            values[name] = int(NOW.timestamp()) + numbers.choice((-4000, -61, -29, 0, 29, 60, 899, 3599, 4000))
        else:
            values[name] = numbers.choice(ODD)
    return values


@pytest.mark.parametrize("seed", range(4))
def test_what_is_taken_with_any_header_and_claims_the_second_library_takes_too(seed: int) -> None:
    numbers = random.Random(seed)
    taken = 0
    for _ in range(500):
        text = signed(KEY, changed(good_header(KEY), numbers), changed(good_claims(NOW), numbers))
        found = verify(text, KEYS, NOW)
        if found is not None:
            taken += 1
            assert second_opinion(text), text
            assert isinstance(found, AccessToken)
    assert taken > 20


def test_the_second_library_reads_the_published_key_and_its_tokens_are_read_by_ours() -> None:
    private = ECKey.import_key(KEY.stored.private_key)
    theirs = second.encode(good_header(KEY), good_claims(NOW), private, algorithms=[ALGORITHM])
    assert verify(theirs, KEYS, NOW) == good_token(NOW)
    assert set(KEY.public_jwk) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_the_start_finds_out_where_a_bad_token_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    self_test(NOW)
    tokens: Callable[..., Any] = bad_tokens
    monkeypatch.setattr(
        token_self_test, "bad_tokens", lambda key, now: [*tokens(key, now), ("good", sign(key, good_token(now)))]
    )
    with pytest.raises(ConfigurationError, match=r"taken \(good\)"):
        self_test(NOW)


@pytest.mark.parametrize("change", [{"algorithm": "HS256"}, {"private_key": "x"}, {"private_key": ""}])
def test_a_key_of_another_kind_or_a_damaged_one_is_told(change: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_key(replace(KEY.stored, **change))  # type: ignore[arg-type]
    assert "PRIVATE" not in caught.value.message


def test_one_module_knows_the_library() -> None:
    root = Path(token_self_test.__file__).parents[2]
    files = [file for name in ("smartlite", "deployments", "graphs") for file in (root / name).rglob("*.py")]
    importing = [file.name for file in files if re.search(r"^\s*(from|import) jose\b", file.read_text(), re.MULTILINE)]
    assert importing == ["tokens.py"]


def test_the_library_that_leaks_its_keys_time_is_never_imported() -> None:
    code = (
        "import sys\nfrom datetime import UTC, datetime\nfrom smartlite.auth.token_self_test import self_test\n"
        "self_test(datetime.now(UTC))\nprint(sorted({'ecdsa', 'rsa', 'jose.jwe'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
