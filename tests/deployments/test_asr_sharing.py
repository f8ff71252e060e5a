"""Two ASR replicas without a cluster: a long recording is shared out, a short one is not."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.asr import ASRDeployment
from deployments.peers import Peers
from smartlite.domain.asr import (
    PieceEvent,
    PieceRequest,
    Segment,
    TranscribeRequest,
    TranscriptFinished,
    TranscriptInfo,
)
from smartlite.domain.audio import AudioChunk, EncodedAudio
from smartlite.domain.models import ModelFiles
from smartlite.engines.fake import FakeASR

pytestmark = pytest.mark.models

RATE_HZ = 16_000
PIECE_S = 5.0


class Decoded:
    """A decoder that always finds half a minute of loud noise."""

    async def decode(self, audio: EncodedAudio) -> AudioChunk:
        return AudioChunk(np.random.default_rng(2).normal(0, 0.1, 30 * RATE_HZ).astype(np.float32), RATE_HZ)

    async def start(self) -> None:
        """Is always ready."""


class Neighbour:
    """The way to another replica, as RemoteStage is."""

    def __init__(self, replica: ASRDeployment) -> None:
        self._replica = replica
        self.asked: list[tuple[str, PieceRequest, int]] = []

    def stream(self, method: str, request: object, size_bytes: int = 0) -> AsyncGenerator[PieceEvent, None]:
        assert isinstance(request, PieceRequest)
        self.asked.append((method, request, size_bytes))
        return self._replica.transcribe_piece(request)


def engines() -> dict[str, Any]:
    engine = FakeASR(ModelFiles("m", Path()), FakeASR.Options(segment_latency_s=0.01))
    engine.start()
    return {"m": engine}


async def transcribe(piece_s: float, running: int) -> tuple[Neighbour, list[Segment]]:
    neighbour = Neighbour(ASRDeployment(engines, Decoded))
    replica = ASRDeployment(engines, Decoded, None, piece_s, lambda: Peers(lambda: neighbour, lambda: running))
    events = [event async for event in replica.transcribe(TranscribeRequest(EncodedAudio(b"x"), "m"))]
    info, *segments, finished = events
    assert isinstance(info, TranscriptInfo)
    assert isinstance(finished, TranscriptFinished)
    assert info.duration_s == 30.0
    return neighbour, [segment for segment in segments if isinstance(segment, Segment)]


async def test_a_long_recording_is_recognised_here_and_there() -> None:
    neighbour, segments = await transcribe(PIECE_S, running=2)
    assert {method for method, _, _ in neighbour.asked} == {"transcribe_piece"}
    assert all(size_bytes == 4 * len(request.audio.samples) for _, request, size_bytes in neighbour.asked)
    assert len(neighbour.asked) < len(segments) / 2
    times = [time_s for segment in segments for time_s in (segment.start_s, segment.end_s)]
    assert times == pytest.approx(sorted(times), abs=1e-6)
    assert (times[0], times[-1]) == (0.0, pytest.approx(30.0))
    assert [segment.id for segment in segments] == list(range(len(segments)))


@pytest.mark.parametrize(("piece_s", "running"), [(PIECE_S, 1), (30.0, 2), (0.0, 2)])
async def test_a_recording_is_not_shared_that_is_short_or_has_nobody_to_share_with(
    piece_s: float, running: int
) -> None:
    neighbour, segments = await transcribe(piece_s, running)
    assert neighbour.asked == []
    assert [segment.start_s for segment in segments] == [float(second) for second in range(0, 30, 2)]


async def test_a_great_many_replicas_do_not_make_pieces_of_seconds() -> None:
    neighbour, segments = await transcribe(15.0, running=100)
    assert len(neighbour.asked) <= 5
    assert (segments[0].start_s, segments[-1].end_s) == (0.0, pytest.approx(30.0))
