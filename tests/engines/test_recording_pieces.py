"""Pieces of a recording: together they are the recording, and they end where nobody speaks."""

from collections.abc import Callable

import numpy as np
import pytest

from smartlite.domain.audio import AudioChunk
from smartlite.engines.recording_pieces import Piece, Pieces
from smartlite.engines.speech_cut import pauses

pytestmark = pytest.mark.models

RATE_HZ = 16_000

Speak = Callable[..., AudioChunk]


def cut(samples: np.ndarray, piece_s: float, side_by_side: int) -> list[Piece]:
    pieces = Pieces(AudioChunk(samples, RATE_HZ), piece_s, side_by_side)
    return list(iter(pieces.next, None))


@pytest.fixture
def talk(espeak: Speak) -> np.ndarray:
    """A minute of sentences with half a second between them."""
    sentence = espeak("The garden has many old trees and a small pond behind the house.").samples
    with_pause = np.concatenate([sentence, np.zeros(RATE_HZ // 2, np.float32)])
    return np.tile(with_pause, 60 * RATE_HZ // len(with_pause) + 1)[: 60 * RATE_HZ]


@pytest.mark.parametrize(
    ("piece_s", "side_by_side", "count"), [(60, 1, 1), (60, 2, 2), (40, 2, 2), (30, 2, 3), (20, 4, 4)]
)
def test_pieces_are_the_whole_recording_in_order(
    talk: np.ndarray, piece_s: float, side_by_side: int, count: int
) -> None:
    pieces = cut(talk, piece_s, side_by_side)
    assert [piece.number for piece in pieces] == list(range(count))
    assert np.array_equal(np.concatenate([piece.audio.samples for piece in pieces]), talk)
    starts = np.cumsum([0.0, *(piece.audio.duration_s for piece in pieces)])
    assert [piece.start_s for piece in pieces] == pytest.approx(starts[:-1])
    assert max(piece.audio.duration_s for piece in pieces) <= piece_s


def test_pieces_are_about_full_until_the_last_of_each_are_alike(talk: np.ndarray) -> None:
    *full, first, last = (piece.audio.duration_s for piece in cut(np.tile(talk, 4), 30, 2))
    assert all(20 < length_s < 29 for length_s in full)
    assert first == pytest.approx(last, abs=5)


def test_long_pauses_do_not_count(talk: np.ndarray) -> None:
    with_pauses = np.concatenate([np.pad(talk[: 12 * RATE_HZ], (0, 20 * RATE_HZ)) for _ in range(10)])
    assert len(cut(with_pauses, 30, 1)) == 5


def test_where_hardly_anybody_speaks_a_piece_has_an_end_all_the_same(talk: np.ndarray) -> None:
    pieces = cut(np.pad(talk[: 5 * RATE_HZ], (0, 600 * RATE_HZ)), 30, 1)
    assert max(piece.audio.duration_s for piece in pieces) <= 150


def test_pieces_end_where_nobody_speaks(talk: np.ndarray) -> None:
    for piece in cut(talk, 20, 3)[1:]:
        at = round(piece.start_s * RATE_HZ)
        assert not talk[at - RATE_HZ // 20 : at + RATE_HZ // 20].any()


def test_speech_without_a_pause_is_cut_at_its_quietest(talk: np.ndarray) -> None:
    silent = np.zeros(len(talk), bool)
    for pause in pauses(talk):
        silent[pause["start"] : pause["end"]] = True
    spoken = np.tile(talk[~silent], 2)[: 60 * RATE_HZ]
    assert max(piece.audio.duration_s for piece in cut(spoken, 20, 3)) <= 20


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_recording_shorter_than_anything_is_at_most_one_piece(count: int) -> None:
    assert len(cut(np.zeros(count, np.float32), 20, 4)) <= max(1, count)


def test_what_is_left_of_a_piece_keeps_its_place() -> None:
    piece = Piece(3, 60.0, AudioChunk(np.arange(2 * RATE_HZ, dtype=np.float32), RATE_HZ))
    rest = piece.after(0.5)
    assert (rest.number, rest.start_s, rest.audio.samples[0]) == (3, 60.5, RATE_HZ / 2)
    assert len(piece.after(9.0).audio.samples) == 0


def test_pauses_lie_between_words(espeak: Speak) -> None:
    spoken = espeak("The garden has many trees.").samples
    silence = np.zeros(RATE_HZ, np.float32)
    found = pauses(np.concatenate([silence, spoken, silence, spoken]))
    longest = sorted(found, key=lambda pause: pause["start"] - pause["end"])[:2]
    assert sorted(pause["start"] // RATE_HZ for pause in longest)[0] == 0
    assert all(pause["end"] - pause["start"] > 0.8 * RATE_HZ for pause in longest)
    assert pauses(spoken[:0]) == []
