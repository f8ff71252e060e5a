"""Two ways of writing the same speech."""

import pytest

from benchmarks.normalise import normalise


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("It's twenty-five miles.", "it is 25 miles"),
        ("Two hundred and five people", "205 people"),
        ("It costs $12.50!", "it costs 12.50 dollars"),
        ("three thousand five hundred", "3,500"),
        ("the third time", "the 3rd time"),
        ("Mr. Smith can't come.", "Mister Smith cannot come"),
        ("about 20%", "about twenty percent"),
        ("at 5 p.m.", "at 5 PM"),
        ("uh, well (laughs) yes", "Well, yes."),
        ("one two three", "1 2 3"),
    ],
)
def test_the_same_speech_becomes_the_same_words(written: str, heard: str) -> None:
    assert normalise(written) == normalise(heard)


@pytest.mark.parametrize(
    ("one", "other"), [("the cat", "the hat"), ("25", "52"), ("one and two", "three"), ("1.5", "15"), ("is", "is not")]
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_a_lone_and_after_a_hundred_is_kept() -> None:
    assert normalise("a hundred and more") == "a hundred and more"
    assert normalise("one hundred and more") == "100 and more"
