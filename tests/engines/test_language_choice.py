"""The likeliest language of those that it may be."""

import pytest

from smartlite.engines.language_choice import choose_language

PROBABILITIES = {"en": 0.6, "fr": 0.3, "it": 0.1}


def alike(_: str) -> float:
    """Every language reads as well as the others."""
    return -1.0


def test_the_likeliest_of_all_is_taken_as_likely_as_the_model_says() -> None:
    assert choose_language(PROBABILITIES, (), alike) == ("en", pytest.approx(0.6))


def test_only_possible_languages_are_taken_and_share_the_probability() -> None:
    assert choose_language(PROBABILITIES, ("it", "fr"), alike) == ("fr", pytest.approx(0.75))


def test_languages_that_are_all_impossible_are_equally_likely() -> None:
    assert choose_language({"en": 1.0, "fr": 0.0, "it": 0.0}, ("fr", "it"), alike) == ("fr", 0.5)


def test_a_language_that_is_spoken_more_is_taken_where_both_are_nearly_as_likely() -> None:
    assert choose_language({"ca": 0.5, "es": 0.4}, (), alike)[0] == "es"
    assert choose_language({"ca": 0.7, "es": 0.2}, (), alike)[0] == "ca"
    assert choose_language({"ca": 0.5, "es": 0.4}, ("ca", "es"), alike)[0] == "ca"


def test_a_doubtful_recording_is_of_the_language_that_reads_best() -> None:
    read: list[str] = []

    def write_down(language: str) -> float:
        read.append(language)
        return {"es": -0.4}.get(language, -0.9)

    doubtful = {"it": 0.35, "es": 0.25, "pt": 0.2, "fr": 0.11, "ca": 0.07, "gl": 0.02}
    assert choose_language(doubtful, (), write_down) == ("es", 0.25)
    assert read == ["it", "es", "pt", "fr"]
    read.clear()
    assert choose_language({"it": 0.6, "es": 0.02, "pt": 0.3, "ca": 0.08}, (), write_down)[0] == "it"
    assert read == ["it", "pt", "ca"]
    assert choose_language(doubtful, ("it", "pt"), lambda language: {"pt": -0.1}.get(language, -0.9))[0] == "pt"


def test_where_the_model_is_sure_nothing_is_written_down() -> None:
    def write_down(_: str) -> float:
        raise AssertionError

    assert choose_language({"it": 0.85, "es": 0.15}, (), write_down)[0] == "it"
    assert choose_language({"it": 0.36, "es": 0.04, "en": 0.6}, ("it", "es"), write_down) == ("it", pytest.approx(0.9))
