"""Markdown is not read aloud."""

import pytest

from smartlite.pipeline.spoken import to_spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Paris** is the _capital_.", "Paris is the capital."),
        ("# Heading", "Heading"),
        ("- one\n* two", "one\ntwo"),
        ("See [the docs](http://localhost/x) now.", "See the docs now."),
        ("Use `make run`.", "Use make run."),
        ("snake_case stays", "snake_case stays"),
        ("2 * 3", "2  3"),
        ("***", ""),
    ],
)
def test_markup_is_removed_and_words_stay(written: str, spoken: str) -> None:
    assert to_spoken(written) == spoken
