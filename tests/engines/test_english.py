import pytest

from smartlite.engines.english import set_is_apart, spell_english


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$12.50", "12 dollars and 50 cents"),
        ("$1", "1 dollar"),
        ("$0.99", "99 cents"),
        ("$1.01", "1 dollar and 1 cent"),
        ("$1,200", "1,200 dollars"),
        ("€3.5 million", "3.5 million euros"),
        ("-£5", "minus 5 pounds"),
        ("¥500", "500 yen"),
        ("at 12:30", "at 12 30"),
        ("at 5:05 p.m", "at 5 oh 5 P M"),
        ("at 9:00", "at 9 o'clock"),
        ("at 9:00 am", "at 9 A M"),
        ("at 13:00", "at 13 hundred hours"),
        ("a ratio of 3:2", "a ratio of 3:2"),
        ("10:20:30", "10:20:30"),
        ("in 1999", "in 19 99"),
        ("in 1905", "in 19 oh 5"),
        ("since 1900", "since 19 hundred"),
        ("in 2005", "in 2005"),
        ("in 2024", "in 20 24"),
        ("1500 people", "1500 people"),
        ("in 1999.5", "in 1999.5"),
        ("100°C", "100 degrees Celsius"),
        ("60 km/h", "60 kilometers per hour"),
        ("No. 5", "number 5"),
        ("No, 5", "No, 5"),
        ("10–20", "10 to 20"),
        ("cats vs dogs", "cats versus dogs"),
        ("Generally", "Generally"),
        ("5 * 3", "5 times 3"),
    ],
)
def test_numbers_are_written_as_they_are_said(text: str, expected: str) -> None:
    assert spell_english(text) == expected


@pytest.mark.parametrize(
    ("phonemes", "expected"),
    [
        ("fɹˈæns ɪz pˈæɹɪs", "fɹˈæns ˌɪz pˈæɹɪs"),
        ("ðə ˈɔfɪs ɪz", "ðə ˈɔfɪs ˌɪz"),
        ("dˈɑːɡ ɪz", "dˈɑːɡ ɪz"),
        ("ðɪs ɪzɹeɪl", "ðɪs ɪzɹeɪl"),
    ],
)
def test_is_after_a_sibilant_is_a_word_of_its_own(phonemes: str, expected: str) -> None:
    assert set_is_apart(phonemes) == expected
