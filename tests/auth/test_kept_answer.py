"""Answers are opened by the key they were kept for, at the place where they were kept, unchanged."""

import dataclasses
from typing import Any

import pytest

from smartlite.auth.kept_answer import Answer, new_salt, seal, unseal
from smartlite.errors import StorageCorrupt

ANSWER = Answer(201, [("content-type", "application/json")], b'{"key": "sl_secret"}')
SALT = b"s" * 32


def test_an_answer_comes_back_as_it_was() -> None:
    sealed = seal("key", SALT, "place", ANSWER)
    assert unseal("key", SALT, "place", 201, ANSWER.headers, sealed) == ANSWER


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "another"},
        {"salt": b"t" * 32},
        {"place": "another"},
        {"status": 200},
        {"headers": [("content-type", "text/html")]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_with_anything_else_it_does_not_open(changed: dict[str, Any]) -> None:
    given = {"key": "key", "salt": SALT, "place": "place", "status": 201, "headers": ANSWER.headers}
    with pytest.raises(StorageCorrupt):
        unseal(**(given | changed), sealed=seal("key", SALT, "place", ANSWER))


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_what_was_cut_off_does_not_open(cut: int) -> None:
    with pytest.raises(StorageCorrupt):
        unseal("key", SALT, "place", 201, ANSWER.headers, seal("key", SALT, "place", ANSWER)[:cut])


def test_a_changed_byte_does_not_open() -> None:
    sealed = bytearray(seal("key", SALT, "place", ANSWER))
    sealed[-1] ^= 1
    with pytest.raises(StorageCorrupt):
        unseal("key", SALT, "place", 201, ANSWER.headers, bytes(sealed))


def test_the_same_answer_is_never_the_same_bytes() -> None:
    assert seal("key", SALT, "place", ANSWER) != seal("key", SALT, "place", ANSWER)
    assert new_salt() != new_salt()
    assert b"sl_secret" not in seal("key", SALT, "place", dataclasses.replace(ANSWER))
