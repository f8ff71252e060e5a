"""Who a key belongs to, and that everything else is the same refusal."""

from datetime import UTC, datetime, timedelta

import pytest

from smartlite.auth.api_keys import NewKey, new_key
from smartlite.auth.authenticator import Authenticator
from smartlite.domain.principal import Principal
from smartlite.errors import Unauthorized
from tests.auth.keyring import Clock, Keyring, bearer, forged

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def test_a_good_key_tells_who_asks_and_what_that_one_may() -> None:
    keyring = Keyring()
    key = keyring.add(role_scopes=frozenset({"llm:chat", "models:read"}), scopes=frozenset({"llm:chat:small"}))
    principal = await Authenticator(keyring.find, Clock()).authenticate(bearer(key))
    assert principal == Principal(
        "user_1", "key_0", ("user",), frozenset({"llm:chat:small"}), "Ada", has_own_scopes=True
    )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_written_as_one_likes(scheme: str) -> None:
    keyring = Keyring()
    key = keyring.add()
    assert await Authenticator(keyring.find, Clock()).authenticate(f"{scheme} {key.text}")


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": NOW - timedelta(days=1)},
        {"expires_at": NOW},
        {"expires_at": NOW - timedelta(microseconds=1)},
        {"is_active": False},
        {"secret_hash": new_key().secret_hash},
        {"secret_hash": b""},
        None,
    ],
    ids=["revoked", "expires now", "expired", "inactive", "another secret", "no secret", "unknown"],
)
async def test_a_key_that_is_not_good_is_refused_in_the_same_words_as_none(change: dict[str, object] | None) -> None:
    keyring = Keyring()
    key = new_key() if change is None else keyring.add(**change)
    authenticator = Authenticator(keyring.find, Clock())
    with pytest.raises(Unauthorized) as caught:
        await authenticator.authenticate(bearer(key))
    with pytest.raises(Unauthorized) as nothing:
        await authenticator.authenticate(None)
    assert caught.value.args == nothing.value.args
    assert key.public_id not in caught.value.message
    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    assert authenticator.take_used() == []


async def test_a_key_is_good_until_the_moment_in_which_it_expires_even_if_it_is_remembered() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add(expires_at=clock.now + timedelta(seconds=0.5))
    authenticator = Authenticator(keyring.find, clock)
    await authenticator.authenticate(bearer(key))
    clock.move(0.5)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(bearer(key))
    assert len(keyring.asked) == 1


def other_headers(key: NewKey) -> list[str | None]:
    text = key.text
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    return [
        None,
        "",
        "Bearer",
        "Bearer ",
        text,
        f"Basic {text}",
        f"Bearer{text}",
        f"Bearer  {text}",
        f"Bearer\t{text}",
        f"Bearer {text} ",
        f"Bearer {text}, Bearer {text}",
        f"Bearer {wrong}",
        "Bearer " + "a" * 1_000_000,
        "Bearer é",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
    ]


async def test_what_cannot_be_a_key_is_refused_without_asking_the_store() -> None:
    keyring = Keyring()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, Clock())
    for header in other_headers(key):
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(header)
    assert keyring.asked == []


async def test_a_wrong_secret_is_refused_after_the_right_one_was_taken() -> None:
    keyring = Keyring()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, Clock())
    await authenticator.authenticate(bearer(key))
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(f"Bearer {forged(key)}")
    assert keyring.asked == [key.public_id]


async def test_use_is_told_once_for_each_key_with_its_last_time() -> None:
    keyring, clock = Keyring(), Clock()
    first, second = keyring.add(), keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    for key in (first, second, first):
        await authenticator.authenticate(bearer(key))
        clock.move(1)
    assert sorted(authenticator.take_used()) == [
        ("key_0", NOW + timedelta(seconds=2)),
        ("key_1", NOW + timedelta(seconds=1)),
    ]
    assert authenticator.take_used() == []
