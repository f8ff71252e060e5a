"""The text of a refresh token: what is one, what follows from it, and what is only like one."""

import random

import pytest

from smartlite.auth.api_keys import new_key, parse
from smartlite.auth.refresh_tokens import RefreshToken, new_refresh_token, parse_refresh_token
from smartlite.domain.ids import new_id

SALT = bytes(range(32))


def a_token() -> RefreshToken:
    return new_refresh_token(new_id("ses"))


def test_a_token_comes_back_as_it_was_made() -> None:
    session_id = new_id("ses")
    made = new_refresh_token(session_id)
    assert parse_refresh_token(made.text) == made
    assert made.session_id == session_id
    assert made.is_one_with(made.hash)
    assert made.is_of_family(made.family_hash)
    assert len(made.hash) == len(made.family_hash) == 32


def test_the_next_is_of_the_family_and_always_the_same_with_the_same_salt() -> None:
    first = a_token()
    second = first.next(SALT)
    assert second == first.next(SALT) != first.next(bytes(32))
    assert second.is_of_family(first.family_hash)
    assert not second.is_one_with(first.hash)
    assert parse_refresh_token(second.text) == second
    assert not first.is_one_with(None)


def test_tokens_of_two_sessions_have_nothing_in_common() -> None:
    first, other = a_token(), a_token()
    assert not other.is_of_family(first.family_hash)
    moved = RefreshToken(other.session_hex, first.family, first.secret)
    assert not moved.is_of_family(first.family_hash)
    assert not moved.is_one_with(first.hash)


def test_neither_an_api_key_nor_anything_else_is_one() -> None:
    text = a_token().text
    assert parse(text) is None
    others = [new_key().text, "", "slr_", text + "\n", " " + text, text[:-1], text.upper(), text + text, "é", "\ud800"]
    assert not [other for other in others if parse_refresh_token(other) is not None]


@pytest.mark.parametrize("seed", range(3))
def test_a_token_with_a_character_changed_is_not_looked_for(seed: int) -> None:
    numbers = random.Random(seed)
    text = a_token().text
    for _ in range(500):
        place = numbers.randrange(len(text))
        changed = text[:place] + chr(numbers.randrange(256)) + text[place + 1 :]
        assert changed == text or parse_refresh_token(changed) is None


def test_a_token_is_not_shown() -> None:
    assert a_token().secret not in repr(a_token())
    assert "secret" not in repr(a_token())
