"""The ASR replica: decodes what was sent and has an engine recognise it. Must not know wire formats."""

import dataclasses
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Final, Protocol

from deployments.engine_replica import EngineReplica
from deployments.model_pool import OnDemand
from smartlite.codecs.preparer import Preparer
from smartlite.domain.asr import (
    EngineTranscriptEvent,
    Segment,
    TranscribeRequest,
    TranscriptEvent,
    TranscriptFinished,
)
from smartlite.domain.audio import AudioChunk, AudioFile, EncodedAudio
from smartlite.engines.protocols import ASREngine

_FRAMES_PER_S: Final = 100
"""Of ``Segment.seek``."""


class Decoder(Protocol):
    """Makes samples of encoded bytes; ``smartlite.codecs`` has the real one."""

    async def decode(self, audio: EncodedAudio) -> AudioChunk:
        """Mono samples at 16 kHz; raises the audio errors of ``smartlite.errors``."""
        ...

    async def start(self) -> None:
        """Have a decoder ready; does nothing where one is."""
        ...


class ASRDeployment(EngineReplica[ASREngine]):
    """An ASRStage around engines in this process.

    Args:
        load: Loads and starts the engines, by model id; called once, here, so that only a replica loads weights.
        open_decoder: Opens the audio gate.
        on_demand: The engines that are loaded when they are first asked for.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, ASREngine]],
        open_decoder: Callable[[], Decoder],
        on_demand: OnDemand[ASREngine] | None = None,
    ) -> None:
        super().__init__(load, on_demand)
        self._decoder = open_decoder()
        self._preparer = Preparer()

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        began = time.monotonic()
        audio = await self._decoder.decode(await _held(request.audio))
        prepared = await self._preparer.prepare(audio, request.preprocessing)
        decoded = time.monotonic()
        async with (
            self.engine(request.model) as engine,
            aclosing(engine.transcribe(prepared.audio, request.options)) as events,
        ):
            async for event in events:
                yield _in_the_original(event, prepared.offset_s, audio.duration_s)
        yield TranscriptFinished(decode_s=decoded - began, transcribe_s=time.monotonic() - decoded)

    async def check_health(self) -> None:
        """As every engine replica; the first call makes the decoder ready before any request."""
        await self._decoder.start()
        await super().check_health()


async def _held(audio: AudioFile) -> EncodedAudio:
    return audio if isinstance(audio, EncodedAudio) else EncodedAudio(await audio.read(), audio.filename)


def _in_the_original(event: EngineTranscriptEvent, offset_s: float, duration_s: float) -> EngineTranscriptEvent:
    """An event of prepared samples with the times of what was sent."""
    if not isinstance(event, Segment):
        return dataclasses.replace(event, duration_s=duration_s)
    if not offset_s:
        return event
    words = tuple(
        dataclasses.replace(word, start_s=word.start_s + offset_s, end_s=word.end_s + offset_s) for word in event.words
    )
    return dataclasses.replace(
        event,
        start_s=event.start_s + offset_s,
        end_s=event.end_s + offset_s,
        seek=event.seek + round(offset_s * _FRAMES_PER_S),
        words=words,
    )
