"""Keys have one shape, and nothing that is not a key passes for one."""

import hashlib
import random

import pytest

from smartlite.auth.api_keys import new_key, parse
from tests.auth.keyring import ALPHABET, checksum, forged


def test_a_new_key_is_read_as_what_it_is() -> None:
    key = new_key()
    presented = parse(key.text)
    assert presented is not None
    assert presented.public_id == key.public_id
    assert presented.matches(key.secret_hash)


def test_a_key_has_its_prefix_its_fixed_lengths_and_its_checksum() -> None:
    key = new_key()
    prefix, public_id, rest = key.text.split("_")
    assert (prefix, len(public_id), len(rest)) == ("sl", 22, 43 + 6)
    assert set(public_id + rest) <= set(ALPHABET)
    assert key.text[-6:] == checksum(key.text[:-6])


def test_the_hash_is_sha256_of_the_whole_key() -> None:
    key = new_key()
    assert key.secret_hash == hashlib.sha256(key.text.encode()).digest()


def test_no_two_keys_are_alike() -> None:
    keys = [new_key() for _ in range(1000)]
    assert len({key.public_id for key in keys}) == len({key.text[26:69] for key in keys}) == 1000


def test_a_key_does_not_match_the_hash_of_another() -> None:
    presented = parse(new_key().text)
    assert presented is not None
    assert not presented.matches(new_key().secret_hash)
    assert not presented.matches(b"")


def test_another_secret_under_a_known_public_id_is_well_formed_and_does_not_match() -> None:
    key = new_key()
    presented = parse(forged(key))
    assert presented is not None
    assert presented.public_id == key.public_id
    assert not presented.matches(key.secret_hash)


def test_the_secret_is_not_in_what_a_log_would_show() -> None:
    key = new_key()
    assert key.text[26:] not in repr(key)
    assert key.text[26:] not in repr(parse(key.text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sl_",
        "sl__",
        "sk-proj-" + "a" * 67,
        "_" * 75,
        "sl_" + "٣" * 22 + "_" + "٣" * 49,
        "sl_" + "é" * 22 + "_" + "0" * 49,
        "sl_" + "\x00" * 72,
        "\ud800" * 75,
        "\U0001f600" * 75,
        "sl_" + "0" * 253,
        "0" * 1_000_000,
    ],
    ids=lambda text: f"{len(text)}-{text[:8]!a}",
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("change", [str.upper, str.lower, str.strip, lambda text: text + "\n", lambda text: " " + text])
def test_a_key_written_otherwise_is_none(change: object) -> None:
    text = new_key().text
    assert callable(change)
    changed = change(text)
    assert changed == text or parse(changed) is None


def mutated(text: str, source: random.Random) -> str:
    """One of the ways in which a key is mistyped, cut, pasted twice or attacked."""
    at, other = source.randrange(len(text)), source.randrange(len(text))
    strange = source.choice([*ALPHABET, *"_-+/= \n\t\x00\x7f", "é", "０", "٣", "\ud800", "\U0001f511", "\u200b"])
    low, high = sorted((at, other))
    return source.choice(
        [
            text[:at] + strange + text[at + 1 :],
            text[:at] + strange + text[at:],
            text[:at] + text[at + 1 :],
            text[:at],
            text[:low] + text[high] + text[low + 1 : high] + text[low : low + (high > low)] + text[high + 1 :],
            text[:at] + text[at].swapcase() + text[at + 1 :],
            text + text[:at] + strange,
            "".join(source.choices(ALPHABET + "_", k=len(text))),
        ]
    )


def test_no_mutation_of_a_key_is_taken_and_none_raises() -> None:
    source = random.Random(20300101)
    tried = 0
    for _ in range(40):
        text = new_key().text
        for _ in range(200):
            changed = mutated(text, source)
            if changed != text:
                tried += 1
                assert parse(changed) is None, ascii(changed)
    assert tried > 7000


def test_every_single_wrong_character_is_noticed() -> None:
    text = new_key().text
    for at, right in enumerate(text):
        for wrong in ALPHABET:
            if wrong != right:
                assert parse(text[:at] + wrong + text[at + 1 :]) is None
