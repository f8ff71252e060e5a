"""Which passwords are taken, and that comparing one costs the same whoever's it is."""

import asyncio
from collections.abc import Iterator

import pytest

from smartlite.auth.passwords import MAX_WAITING, MEMORY_KIB, Passwords, check_new, common_passwords
from smartlite.errors import Overloaded, PasswordRefused

EMAIL = "ana.lopez@example.com"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(memory_kib=8)
    yield passwords
    passwords.close()


@pytest.mark.parametrize(
    "password", ["12 45 78", "x" * 63 + "y", "🎙🎤🎧📻🔊📢📣🔔", "é" * 511 + "ab", " leading and trailing "]
)
def test_any_text_of_eight_characters_to_a_kilobyte_is_taken(password: str) -> None:
    check_new(password, EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        *("", "1234567", "🎙🎤", "x" * 1023 + "yz", "é" * 512 + "x", "x" * 1_000_000, "lone \ud800 surrogate"),
        *(
            "Ana.Lopez@Example.com",
            "ana.lopez@example.com ",
            "ANA.LOPEZ",
            "Password1",
            "qwertyuiop",
            "zzzzzzzzz",
            "🎙" * 9,
        ),
    ],
)
def test_one_that_is_too_short_too_long_or_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused) as caught:
        check_new(password, EMAIL, "new_password")
    assert (caught.value.status_code, caught.value.param) == (422, "new_password")
    assert not password or password not in caught.value.message


def test_the_list_has_only_what_would_be_taken_without_it() -> None:
    assert 200 < len(common_passwords()) < 500
    assert all(len(each) >= 8 and each == each.casefold() for each in common_passwords())


@pytest.mark.parametrize("password", ["correct horse battery", "é" * 500, "🎙🎤🎧📻🔊📢📣🔔"])
async def test_a_password_is_known_again_and_no_other_is(passwords: Passwords, password: str) -> None:
    hashed = await passwords.hash(password)
    assert hashed != await passwords.hash(password)
    assert await passwords.verify(hashed, password)
    for other in (password + " ", password[:-1], password.upper() + "!", "", "x" * 5000, "\ud800", password + "\0"):
        assert not await passwords.verify(hashed, other)
        assert not await passwords.verify(None, other)


@pytest.mark.parametrize("hashed", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$AAAA$", "$2b$12$abcdefghijklmnopqrstuv", "\0"])
async def test_a_hash_that_is_none_fits_no_password(passwords: Passwords, hashed: str) -> None:
    assert not await passwords.verify(hashed, "correct horse battery")


async def test_nobodys_password_is_not_the_one_it_is_compared_with(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "a password of nobody")


async def test_a_hash_of_other_settings_is_known_and_made_anew(passwords: Passwords) -> None:
    dearer = Passwords(memory_kib=16)
    hashed = await passwords.hash("correct horse battery")
    assert await dearer.verify(hashed, "correct horse battery")
    assert dearer.needs_rehash(hashed)
    assert not passwords.needs_rehash(hashed)
    dearer.close()


async def test_the_settings_are_those_that_asvs_asks_for() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct horse battery")
    assert hashed.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t=1,p=1$")
    passwords.close()


async def test_passwords_wait_in_no_endless_line_and_who_hangs_up_leaves_no_place_taken(passwords: Passwords) -> None:
    tasks = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(MAX_WAITING * 3)]
    for task in tasks[:5]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert any(isinstance(answer, Overloaded) for answer in answers)
    for _ in range(3):
        assert not await passwords.verify(None, "x")
