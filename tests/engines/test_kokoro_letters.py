"""Kokoro's letters, without the model."""

import pytest

from smartlite.engines.kokoro_japanese import JapaneseReader, kana_to_letters
from smartlite.engines.kokoro_letters import PROGRAM_VOICES, to_letters


@pytest.mark.parametrize(
    ("language", "ipa", "letters"),
    [
        ("en", "hˈaʊ nˈaɪs dʒˈɔɪ", "hˈW nˈIs ʤˈY"),
        ("en", "wˈɜːd bˈɛɾɚ", "wˈɜɹd bˈɛTəɹ"),
        ("de", "dˈɔøtʃ tsˈaɪt", "dˈYʧ ʦˈIt"),
        ("es", "mutʃˈo ɡrˈande", "muʧˈo ɡɾˈande"),
        ("fr", "lə- ʁˈɑ̃", "lə ɹˈɑ̃"),
        ("it", "ˈɔdʒːɪ", "ˈɔʤːi"),
        ("pt", "ˈoʒy", "ˈoʒi"),
    ],
)
def test_phonemes_become_the_letters_of_the_model(language: str, ipa: str, letters: str) -> None:
    assert to_letters(ipa, language) == letters


def test_every_language_of_the_program_has_letters() -> None:
    assert [to_letters("a-b", language) for language in PROGRAM_VOICES] == ["ab"] * 6


@pytest.mark.parametrize(
    ("kana", "letters"),
    [
        ("トーキョー", "toːkʲoː"),
        ("ガッコー", "ɡaʔkoː"),
        ("シンブン", "ɕimbɯɴ"),
        ("リンゴ", "ɾʲiŋɡo"),
        ("コンニチワ", "koɲɲiʨiβa"),
        ("サンタ", "santa"),
        ("ティッシュ", "tʲiʔɕɨ"),
        ("ハイ?", "hai?"),
        ("マシ’タ", "maɕita"),
        ("abc漢", ""),
        ("", ""),
    ],
)
def test_kana_become_the_letters_of_the_model(kana: str, letters: str) -> None:
    assert kana_to_letters(kana) == letters


@pytest.mark.integration
@pytest.mark.parametrize(
    ("sentence", "letters"),
    [
        ("今日は、東京へ行きます。", "kʲoːβa, toːkʲoːe ikʲimasɨ."),
        ("3本のペン", "sambonno peɴ"),
        ("ｶﾞｯｺｳ！", "ɡaʔkoː!"),
        ("😀…", ""),
        ("", ""),
    ],
)
def test_japanese_is_read_as_it_is_said(sentence: str, letters: str) -> None:
    assert JapaneseReader().letters(sentence) == letters
