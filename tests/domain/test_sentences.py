"""Sentences of prose, and promises that hold for any text."""

import random

import pytest

from smartlite.domain.sentences import SentenceSplitter, split_sentences

ALPHABET = [*"aZ 9.,;:!?…-—\n\"'()”。，「」é好", "Dr.", " e.g. ", "U.S. ", "1. ", "\n\n", "...", " The ", "word ", "  "]


def _any_text(seed: int, length: int = 300) -> str:
    random_ = random.Random(seed)
    return "".join(random_.choice(ALPHABET) for _ in range(length))


def _feed_in_pieces(text: str, seed: int, splitter: SentenceSplitter) -> list[str]:
    random_ = random.Random(seed)
    pieces, position = [], 0
    while position < len(text):
        size = random_.randint(1, 9)
        pieces += splitter.feed(text[position : position + size])
        position += size
    return pieces + splitter.flush()


def _without_space(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello there. How are you? Fine! ", ["Hello there.", "How are you?", "Fine!"]),
        ("hello there. how are you", ["hello there.", "how are you"]),
        ("I met Dr. Smith and Mrs. Jones. They left.", ["I met Dr. Smith and Mrs. Jones.", "They left."]),
        ("Use a tool, e.g. a saw. It cuts.", ["Use a tool, e.g. a saw.", "It cuts."]),
        (
            "The U.S. Army came. Then it left the U.S. The end.",
            ["The U.S. Army came.", "Then it left the U.S.", "The end."],
        ),
        (
            "It opens at 9 a.m. on Monday. It closes at 5 p.m. We wait.",
            ["It opens at 9 a.m. on Monday.", "It closes at 5 p.m.", "We wait."],
        ),
        ("J. R. R. Tolkien wrote it. I read it.", ["J. R. R. Tolkien wrote it.", "I read it."]),
        ("Pi is 3.14. It is not 4.", ["Pi is 3.14.", "It is not 4."]),
        ("See No. 5 on p. 7. I said no. Then we left.", ["See No. 5 on p. 7.", "I said no.", "Then we left."]),
        ("Well... maybe. Wait... What?", ["Well... maybe.", "Wait...", "What?"]),
        ("Hmm… perhaps. Oh… No!", ["Hmm… perhaps.", "Oh…", "No!"]),
        ('"Really?" he asked. "Yes." She left.', ['"Really?" he asked.', '"Yes."', "She left."]),
        ("(It rained.) We stayed. [Noise.] Quiet.", ["(It rained.)", "We stayed.", "[Noise.]", "Quiet."]),
        ("**Bold claim.** Then text.", ["**Bold claim.**", "Then text."]),
        ("What?! No way!!! Yes.", ["What?!", "No way!!!", "Yes."]),
        ("Visit example.com or v1.2.3 now. Done.", ["Visit example.com or v1.2.3 now.", "Done."]),
        ("1. Buy milk\n2. Sell eggs\n- Rest\nDone", ["1. Buy milk", "2. Sell eggs", "- Rest", "Done"]),
        ("A line that was\nwrapped goes on. New.", ["A line that was\nwrapped goes on.", "New."]),
        ("A title\n\nand text", ["A title", "and text"]),
        ("今天天气很好。你呢？「好。」他说！再见", ["今天天气很好。", "你呢？", "「好。」", "他说！", "再见"]),
        ("你好! 再见", ["你好!", "再见"]),
        ("यह एक वाक्य है। यह दूसरा है।", ["यह एक वाक्य है।", "यह दूसरा है।"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_prose_is_cut_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_a_sentence_is_given_as_soon_as_its_end_is_certain() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("It is sunny.") == []
    assert splitter.feed(" ") == ["It is sunny."]
    assert splitter.feed("Ask Dr. ") == []
    assert splitter.feed("No") == []
    assert splitter.flush() == ["Ask Dr. No"]


def test_a_flushed_splitter_takes_another_text() -> None:
    splitter = SentenceSplitter(first_clause_chars=3)
    assert splitter.feed("Well then, go. ") == ["Well then,", "go."]
    assert splitter.flush() == []
    assert splitter.feed("Well then, go. ") == ["Well then,", "go."]


@pytest.mark.parametrize("seed", range(40))
def test_joined_pieces_hold_every_character_but_white_space(seed: int) -> None:
    text = _any_text(seed)
    assert _without_space("".join(split_sentences(text, max_chars=50))) == _without_space(text)


@pytest.mark.parametrize("seed", range(40))
def test_how_a_text_arrives_does_not_change_its_sentences(seed: int) -> None:
    text = _any_text(seed)
    for maximum, clause in ((400, 0), (30, 0), (60, 12), (1, 1)):
        whole = SentenceSplitter(max_chars=maximum, first_clause_chars=clause)
        expected = [*whole.feed(text), *whole.flush()]
        arriving = SentenceSplitter(max_chars=maximum, first_clause_chars=clause)
        assert _feed_in_pieces(text, seed, arriving) == expected


@pytest.mark.parametrize("seed", range(40))
def test_no_piece_is_empty_or_longer_than_allowed(seed: int) -> None:
    pieces = split_sentences(_any_text(seed) + "x" * 100, max_chars=25)
    assert all(0 < len(piece) <= 25 and piece == piece.strip() for piece in pieces)


def test_a_long_sentence_is_cut_after_a_clause_then_at_a_space_then_anywhere() -> None:
    text = "one two three, four five six seven"
    assert split_sentences(text, max_chars=20) == ["one two three,", "four five six seven"]
    assert split_sentences(text.replace(",", ""), max_chars=20) == ["one two three four", "five six seven"]
    assert split_sentences("abcdefghij", max_chars=4) == ["abcd", "efgh", "ij"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Well, that is a good question, my friend. Yes.", "Well, that is a good question,"),
        ("There are 1,000,000 people, or more.", "There are 1,000,000 people,"),
        ("At 10:30 we leave: be there.", "At 10:30 we leave:"),
        ("A well-known fact - it is known.", "A well-known fact -"),
        ("The answer is here—look at it.", "The answer is here—"),
        ("很高兴认识你们大家，我们走吧。", "很高兴认识你们大家，"),
        ("Short. And then, more.", "Short."),
    ],
)
def test_the_first_piece_may_end_with_a_clause(text: str, first: str) -> None:
    assert SentenceSplitter(first_clause_chars=10).feed(text)[0] == first


def test_only_the_first_piece_ends_with_a_clause() -> None:
    splitter = SentenceSplitter(first_clause_chars=4)
    assert splitter.feed("Well then, go on, please. Now then, go. ") == [
        "Well then,",
        "go on, please.",
        "Now then, go.",
    ]


@pytest.mark.parametrize("unit", [".", " ", "\n", "a", ". ", "e.g. ", '"', ",", "。", "1. "])
def test_little_is_held_back_whatever_comes(unit: str) -> None:
    splitter = SentenceSplitter(max_chars=50)
    given = 0
    for count in range(1, 400):
        given += sum(map(len, splitter.feed(unit)))
        held = len(_without_space(unit)) * count - given
        assert held <= 50 + 16 + len(unit)


@pytest.mark.parametrize("options", [{"max_chars": 0}, {"first_clause_chars": -1}])
def test_limits_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        SentenceSplitter(**options)


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("max_chars", [40, 400])
def test_a_sentence_is_one_also_when_it_stands_alone(seed: int, max_chars: int) -> None:
    """What is spoken sentence by sentence in several places is what one place speaks."""
    for sentence in split_sentences(_any_text(seed), max_chars=max_chars):
        assert split_sentences(sentence, max_chars=max_chars) == [sentence]
