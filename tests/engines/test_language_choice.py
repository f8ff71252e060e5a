"""The likeliest language of those that it may be."""

import pytest

from smartlite.engines.language_choice import choose_language

PROBABILITIES = {"en": 0.6, "fr": 0.3, "it": 0.1}


def test_the_likeliest_of_all_is_taken_as_likely_as_the_model_says() -> None:
    assert choose_language(PROBABILITIES, ()) == ("en", pytest.approx(0.6))


def test_only_possible_languages_are_taken_and_share_the_probability() -> None:
    assert choose_language(PROBABILITIES, ("it", "fr")) == ("fr", pytest.approx(0.75))


def test_languages_that_are_all_impossible_are_equally_likely() -> None:
    assert choose_language({"en": 1.0, "fr": 0.0, "it": 0.0}, ("fr", "it")) == ("fr", 0.5)


def test_a_language_that_is_spoken_more_is_taken_where_both_are_nearly_as_likely() -> None:
    assert choose_language({"ca": 0.5, "es": 0.4}, ())[0] == "es"
    assert choose_language({"ca": 0.7, "es": 0.2}, ())[0] == "ca"
    assert choose_language({"ca": 0.5, "es": 0.4}, ("ca", "es"))[0] == "ca"
