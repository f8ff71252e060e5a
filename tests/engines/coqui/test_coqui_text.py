"""How a sentence becomes ids of a model's alphabet, or text."""

import pytest

from smartlite.engines.coqui_text import Alphabet, PhonemeReader, TextReader
from smartlite.engines.phonemes import EspeakNG

LETTERS = {letter: 10 + number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz0123456789 .,?'")}


class Spelling(EspeakNG):
    """Says a text's own letters for phonemes; no program is started."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def phonemize(self, clauses: object) -> list[str]:
        assert isinstance(clauses, list)
        self.said += clauses
        return [clause.lower() for clause in clauses]

    def close(self) -> None:
        """Nothing is held."""


def letters(ids: tuple[int, ...]) -> str:
    return "".join(letter for each in ids for letter, number in LETTERS.items() if number == each)


@pytest.mark.parametrize(
    ("alphabet", "framed"),
    [
        (Alphabet({}, None, None, None), (7, 8)),
        (Alphabet({}, 0, None, None), (0, 7, 0, 8, 0)),
        (Alphabet({}, 0, 1, 2), (1, 0, 7, 0, 8, 0, 2)),
        (Alphabet({}, None, 1, 2), (1, 7, 8, 2)),
    ],
)
def test_ids_are_framed_as_the_model_was_trained(alphabet: Alphabet, framed: tuple[int, ...]) -> None:
    assert alphabet.frame([7, 8]) == framed


def test_phonemes_are_composed_only_for_an_alphabet_without_combining_marks() -> None:
    decomposed = "c\u0327"

    assert Alphabet({"\u00e7": 5}, None, None, None).encode(decomposed) == [5]
    assert Alphabet({"c": 3, "\u0327": 4}, None, None, None).encode(decomposed) == [3, 4]


def test_an_unknown_phoneme_is_left_out() -> None:
    assert Alphabet({"a": 1}, None, None, None).encode("aʘa") == [1, 1]


async def test_clauses_are_joined_with_their_marks_and_a_space() -> None:
    espeak = Spelling()
    reader = PhonemeReader(espeak, "en-us", Alphabet(LETTERS, None, None, None), 200)

    [part] = await reader.read("Well, it costs $12.50 at 5:30.", "")

    assert letters(part.ids).startswith("well, it costs 12 dollars and 50 cents")
    assert letters(part.ids).endswith(".")
    assert espeak.said[0] == "Well"
    assert (part.text, part.ends_sentence) == ("Well, it costs $12.50 at 5:30.", True)


async def test_a_long_clause_is_cut_after_a_space_and_loses_no_letter() -> None:
    reader = PhonemeReader(Spelling(), "de", Alphabet(LETTERS, None, None, None), 50)
    text = " ".join(["abcdefg"] * 20)

    parts = await reader.read(text, "")

    assert all(len(part.ids) <= 50 for part in parts)
    assert [part.ends_sentence for part in parts] == [False] * (len(parts) - 1) + [True]
    assert " ".join(letters(part.ids) for part in parts) == text + "."


async def test_text_for_a_model_that_takes_text_is_spelled_out_and_bounded() -> None:
    reader = TextReader(60)

    [one] = await reader.read("It costs $12.50.", "en")
    many = await reader.read("word " * 60, "de")

    assert (one.text, one.said) == ("It costs $12.50.", "It costs 12 dollars and 50 cents.")
    assert all(len(part.said) <= 60 for part in many)
    assert " ".join(part.said for part in many) == ("word " * 60).strip()


@pytest.mark.parametrize("text", ["", "...", "🎉", "\ud800"])
async def test_nothing_that_can_be_spoken_gives_no_part(text: str) -> None:
    alphabet = Alphabet(LETTERS, None, None, None)

    assert await PhonemeReader(Spelling(), "en", alphabet, 50).read(text, "en") == []
    assert await TextReader(50).read(text, "en") == []
