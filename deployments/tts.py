"""The TTS replica: has an engine speak a text and encodes what it says. Must not know wire formats."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from deployments.engine_replica import EngineReplica
from deployments.model_pool import OnDemand
from smartlite.domain.audio import AudioFormat, SpeechEncoder, cut
from smartlite.domain.models import Voice
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechEvent, SpeechFinished
from smartlite.engines.protocols import TTSEngine
from smartlite.errors import EngineFailed


class TTSDeployment(EngineReplica[TTSEngine]):
    """A TTSStage around engines in this process.

    Args:
        load: Loads and starts the engines, by model id; called once, here.
        open_encoder: Opens a streaming encoder for a format, fed at the given rate.
        on_demand: The engines that are loaded when they are first asked for.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, TTSEngine]],
        open_encoder: Callable[[AudioFormat, int], SpeechEncoder],
        on_demand: OnDemand[TTSEngine] | None = None,
    ) -> None:
        super().__init__(load, on_demand)
        self._open_encoder = open_encoder

    async def model_voices(self) -> dict[str, tuple[Voice, ...]]:
        """Who speaks, by model id, of the models that are there from the start."""
        return {model: engine.voices() for model, engine in self.kept_engines.items()}

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """See TTSStage."""
        encoder: SpeechEncoder | None = None
        began = time.monotonic()
        first_audio_s = 0.0
        duration_s = 0.0
        input_tokens = 0
        async with (
            self.engine(request.model) as engine,
            aclosing(engine.synthesize(request.text, request.options)) as sentences,
        ):
            async for sentence in sentences:
                encoder = encoder or self._open_encoder(request.format, sentence.audio.sample_rate_hz)
                duration_s += sentence.audio.duration_s
                input_tokens += sentence.input_tokens
                for data in cut(await asyncio.to_thread(encoder.encode, sentence.audio)):
                    first_audio_s = first_audio_s or time.monotonic() - began
                    yield SpeechChunk(data)
        if encoder is None:
            raise EngineFailed("The speech synthesis ended without audio.")
        for data in cut(await asyncio.to_thread(encoder.finish)):
            first_audio_s = first_audio_s or time.monotonic() - began
            yield SpeechChunk(data)
        yield SpeechFinished(duration_s, len(request.text), input_tokens, first_audio_s, time.monotonic() - began)
