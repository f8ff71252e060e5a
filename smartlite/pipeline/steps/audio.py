"""``audio.convert`` and ``audio.split``. Must not know how audio is coded."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, SPEECH_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.pipelines import JSON
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.steps.media import keep_audio, load_audio
from smartlite.pipeline.steps.ports import Codec

_FRAME_S: Final = 0.02
_SILENCE_BELOW_LOUD: Final = 0.05
"""Part of the loudness of speech (the 95th percentile of all frames) below which a frame is silent: -26 dB."""
_SILENCE_FLOOR: Final = 1e-3
"""Below it every frame is silent: -60 dB of full scale."""


class Audio:
    """Runs both kinds.

    Args:
        codec: Decodes and encodes.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def convert(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        source = await load_audio(context, fields["audio"])
        audio_format = fields["format"]
        rate = fields.get("sample_rate_hz", SPEECH_SAMPLE_RATE_HZ)
        audio = await self._codec.decode(source.data, rate)
        data = await self._codec.encode([audio], audio_format, rate)
        yield StepOutput(await keep_audio(context, "audio", data, audio_format, audio.duration_s))

    async def split(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner; the pieces are WAV at 16 kHz, what is recognised."""
        source = await load_audio(context, fields["audio"])
        rate = RECOGNITION_SAMPLE_RATE_HZ
        audio = await self._codec.decode(source.data, rate)
        longest_s, pause_s = float(fields.get("max_s", 300.0)), float(fields.get("min_silence_s", 0.5))
        cuts = await asyncio.to_thread(cut_in_pauses, audio, longest_s, pause_s)
        pieces: list[JSON] = []
        for begin, end in cuts:
            piece = AudioChunk(audio.samples[begin:end], rate)
            data = await self._codec.encode([piece], "wav", rate)
            kept = await keep_audio(context, f"{len(pieces):05}", data, "wav", piece.duration_s)
            pieces.append({"audio": kept, "start_s": round(begin / rate, 3), "end_s": round(end / rate, 3)})
        yield StepOutput(pieces)


def cut_in_pauses(audio: AudioChunk, longest_s: float, pause_s: float) -> list[tuple[int, int]]:
    """Cut audio into pieces, each as long as it may be, in the middle of pauses; where there is none, anywhere.

    Args:
        audio: Mono.
        longest_s: Of a piece, in seconds.
        pause_s: Shortest silence to cut in, in seconds.

    Returns:
        First sample of each piece, and that after its last; together they are all of the audio.
    """
    total, longest = len(audio.samples), int(longest_s * audio.sample_rate_hz)
    places = _pauses(audio, pause_s)
    cuts: list[tuple[int, int]] = []
    begin = 0
    while total - begin > longest:
        fitting = places[(places > begin + longest // 4) & (places <= begin + longest)]
        end = int(fitting[-1]) if len(fitting) else begin + longest
        cuts.append((begin, end))
        begin = end
    if begin < total:
        cuts.append((begin, total))
    return cuts


def _pauses(audio: AudioChunk, pause_s: float) -> NDArray[np.int64]:
    """Middles of silences, as samples, in order."""
    size = int(_FRAME_S * audio.sample_rate_hz)
    frames = audio.samples[: len(audio.samples) // size * size].reshape(-1, size)
    if not len(frames):
        return np.zeros(0, dtype=np.int64)
    loudness = np.sqrt(np.mean(np.square(frames), axis=1))
    silent = loudness < max(_SILENCE_FLOOR, float(np.percentile(loudness, 95)) * _SILENCE_BELOW_LOUD)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], silent, [False])).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    is_long = (ends - begins) * _FRAME_S >= pause_s
    return np.asarray((begins[is_long] + ends[is_long]) * size // 2, dtype=np.int64)
