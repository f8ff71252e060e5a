"""The ASR replica's plain class: what it prepares, and times that count from the start of what was sent."""

from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest

from deployments.asr import ASRDeployment
from smartlite.domain.asr import (
    EngineTranscriptEvent,
    Preprocessing,
    Segment,
    TranscribeOptions,
    TranscribeRequest,
    TranscriptFinished,
    TranscriptInfo,
    Word,
)
from smartlite.domain.audio import AudioChunk, EncodedAudio
from smartlite.domain.models import ModelFiles
from smartlite.engines.protocols import EngineOptions

RATE_HZ = 16_000
SILENCE_S = 3.0


class Decoded:
    """A decoder that always finds three seconds of silence, one of noise and three of silence."""

    async def decode(self, audio: EncodedAudio) -> AudioChunk:
        silence = np.zeros(int(SILENCE_S * RATE_HZ), np.float32)
        sound = np.random.default_rng(2).normal(0, 0.0005, RATE_HZ).astype(np.float32)
        return AudioChunk(np.concatenate([silence, sound, silence]), RATE_HZ)

    async def start(self) -> None:
        """Is always ready."""


class Listener:
    """An engine that says when it heard the first and the last sound, and keeps what it was given."""

    Options = EngineOptions
    pieces_at_once = 1

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        self.heard: list[AudioChunk] = []

    def start(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to give back."""

    async def check_health(self) -> None:
        """Is always well."""

    async def transcribe(
        self, audio: AudioChunk, options: TranscribeOptions
    ) -> AsyncGenerator[EngineTranscriptEvent, None]:
        self.heard.append(audio)
        sounding = np.flatnonzero(audio.samples) / RATE_HZ
        first_s, last_s = float(sounding[0]), float(sounding[-1])
        yield TranscriptInfo("en", 1.0, audio.duration_s)
        yield Segment(0, first_s, last_s, " hush", seek=5, words=(Word("hush", first_s, last_s, 1.0),))


async def run(asked: Preprocessing) -> tuple[AudioChunk, TranscriptInfo, Segment]:
    engine = Listener(ModelFiles("m", Path()), EngineOptions())
    replica = ASRDeployment(lambda: {"m": engine}, Decoded)
    request = TranscribeRequest(EncodedAudio(b"x"), "m", preprocessing=asked)
    info, segment, finished = [event async for event in replica.transcribe(request)]
    assert isinstance(info, TranscriptInfo)
    assert isinstance(segment, Segment)
    assert isinstance(finished, TranscriptFinished)
    return engine.heard[0], info, segment


@pytest.mark.parametrize("trim", [True, False, None])
async def test_times_count_from_the_start_of_what_was_sent(trim: bool | None) -> None:
    heard, info, segment = await run(Preprocessing(trim_silence=trim))
    assert heard.duration_s == pytest.approx(1.5 if trim else 7.0, abs=0.05)
    assert info.duration_s == 7.0
    assert segment.start_s == pytest.approx(SILENCE_S, abs=0.01)
    assert segment.end_s == pytest.approx(SILENCE_S + 1, abs=0.01)
    assert (segment.words[0].start_s, segment.words[0].end_s) == (segment.start_s, segment.end_s)
    assert segment.seek == (280 if trim else 5)


async def test_quiet_sound_reaches_the_engine_louder_unless_that_is_switched_off() -> None:
    for asked, expected in ((Preprocessing(), 0.0708), (Preprocessing(loudness=False), 0.0005)):
        heard, _, _ = await run(asked)
        sound = heard.samples[heard.samples != 0]
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(expected, rel=0.05)
