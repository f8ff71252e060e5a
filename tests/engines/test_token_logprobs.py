"""Logprobs of a window go to the segments that its tokens went to, and spell their text to the byte."""

from smartlite.engines.byte_level import token_bytes
from smartlite.engines.token_logprobs import WindowLogprobs

VOCABULARY = {1: b" Zo", 2: "ë".encode()[:1], 3: "ë".encode()[1:], 4: b" went"}


def test_each_segment_takes_its_own_tokens_and_skipped_ones_go_to_nobody() -> None:
    window = WindowLogprobs([1, 2, 3, 4, 4, 1], [-0.1, -0.2, -0.3, -0.4, -0.5, 0.01], VOCABULARY.__getitem__)
    first = window.take([1, 2, 3])
    assert b"".join(token.data for token in first).decode() == " Zoë"
    assert [token.logprob for token in first] == [-0.1, -0.2, -0.3]
    assert first[1].token == "\ufffd"
    (last,) = window.take([1])
    assert (last.token, last.logprob) == (" Zo", 0.0)
    assert window.take([1]) == ()


def test_a_spelling_of_every_byte_leads_back_to_it() -> None:
    assert token_bytes("ĠhouseĊ") == b" house\n"
    assert token_bytes("Ã«") == "ë".encode()
    assert token_bytes("Ń") == b"\xad"
