"""Scripts of texts."""

import pytest

from smartlite.domain.scripts import is_written_in, writing_of


@pytest.mark.parametrize(
    ("text", "script", "first"),
    [
        ("Hello", "LATIN", None),
        ("漢字かな", "KANA", "ja"),
        ("ｺﾝﾆﾁﾊ", "KANA", "ja"),
        ("漢字", "CJK", "zh"),
        ("안녕 GPT", "HANGUL", "ko"),
        ("Привет", "CYRILLIC", "ru"),
        ("مرحبا", "ARABIC", "ar"),
        ("שלום", "HEBREW", "he"),
        ("สวัสดี", "THAI", "th"),
        ("नमस्ते", "DEVANAGARI", "hi"),
        ("12 + 3 🎉", "", None),
        ("", "", None),
        ("\udc80", "", None),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str, first: str | None) -> None:
    writing = writing_of(text)
    assert writing.script == script
    assert (writing.languages[:1] or (None,))[0] == first


def test_one_foreign_kana_does_not_make_a_long_text_japanese() -> None:
    assert writing_of("今天天气很好我们去公园玩吧の").script == "CJK"


def test_only_the_start_of_a_text_is_read() -> None:
    assert writing_of("a" * 600 + "ж" * 10_000).script == "LATIN"


@pytest.mark.parametrize(
    ("language", "script", "expected"),
    [("en", "LATIN", True), ("en", "", True), ("en", "GREEK", False), ("ja", "CJK", True), ("ja", "LATIN", False)],
)
def test_a_language_has_its_scripts(language: str, script: str, expected: bool) -> None:
    assert is_written_in(language, script) is expected
