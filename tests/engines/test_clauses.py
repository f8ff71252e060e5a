import pytest

from smartlite.engines.clauses import MAX_CLAUSE_WEIGHT, Clause, clean_text, is_speakable, split_clauses


def clauses(text: str) -> list[tuple[str, str]]:
    return [(clause.text, clause.mark) for clause in split_clauses(clean_text(text, latin_only=True))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wait, is it 12:30?", [("Wait", ","), ("is it 12:30", "?")]),
        ("It costs 3,000.50 here.", [("It costs 3,000.50 here", ".")]),
        ("One; two: three!", [("One", ";"), ("two", ":"), ("three", "!")]),
        ("Really?! Yes", [("Really", "?"), ("Yes", ".")]),
        ("Well... maybe", [("Well", ","), ("maybe", ".")]),
        ("A pause — here", [("A pause", ","), ("here", ".")]),
        ("He said “stop!” and left.", [("He said stop", "!"), ("and left", ".")]),
        ("Dr. Smith and J. K. Rowling left.", [("Dr Smith and J K Rowling left", ".")]),
        ("The U.S. Army.", [("The U S Army", ".")]),
        ("你好", []),
    ],
)
def test_a_sentence_is_cut_at_marks_that_a_space_or_the_end_follows(text: str, expected: list[tuple[str, str]]) -> None:
    assert clauses(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x1b[31m c", "a b 31m c"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("party 🎉👍🏽 time", "party time"),
        ("\u202eright to left\u202c", "right to left"),
        ("[[h@l'oU]]", "h@l'oU"),
        ("**bold** and `code`", "bold and code"),
        ("café 你好 Привет π", "café π"),
        ("don’t", "don't"),
    ],
)
def test_what_cannot_be_spoken_is_taken_out(text: str, expected: str) -> None:
    assert clean_text(text, latin_only=True) == expected


def test_a_voice_of_another_script_keeps_its_letters() -> None:
    assert clean_text("Привет, 你好", latin_only=False) == "Привет, 你好"


@pytest.mark.parametrize("text", ["", "...", "?!", "🎉", "( ) — ,", "مرحبا"])
def test_text_without_words_is_not_speakable(text: str) -> None:
    assert not is_speakable(clean_text(text, latin_only=True))


@pytest.mark.parametrize("text", ["word " * 200, "x" * 2000, "1" * 500, "@" * 300])
def test_a_long_clause_is_cut_and_loses_nothing(text: str) -> None:
    cut = split_clauses(text)

    assert len(cut) > 1
    assert "".join(clause.text for clause in cut).replace(" ", "") == text.replace(" ", "")
    assert all(len(clause.text) <= MAX_CLAUSE_WEIGHT for clause in cut)
    assert [clause.mark for clause in cut] == [""] * (len(cut) - 1) + ["."]


def test_only_the_last_piece_of_a_cut_clause_has_the_mark() -> None:
    first, second = split_clauses("word " * 60 + "end?")

    assert first.mark == ""
    assert second == Clause("word " * 16 + "end", "?")
