"""Languages as people write them."""

import pytest

from smartlite.domain.languages import LANGUAGE_NAMES, language_code, language_name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("en", "en"),
        (" EN ", "en"),
        ("English", "en"),
        ("en-US", "en"),
        ("pt_BR", "pt"),
        ("haitian creole", "ht"),
        ("Flemish", "nl"),
        ("jv", "jw"),
        ("yue", "yue"),
        ("xx", None),
        ("e", None),
        ("", None),
        ("-en", None),
    ],
)
def test_a_language_is_found_by_code_tag_or_name(text: str, code: str | None) -> None:
    assert language_code(text) == code


def test_every_name_leads_back_to_its_code() -> None:
    assert {code: language_code(language_name(code)) for code in LANGUAGE_NAMES} == {
        code: code for code in LANGUAGE_NAMES
    }
