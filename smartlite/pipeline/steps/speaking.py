"""``tts.speak``: text of any length to one file of speech. Must not know codecs or engines.

A text that another step still writes is spoken sentence by sentence, as in a voice turn; what was written while one
request was spoken is the next request, since each counts against limits.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioChunk, AudioFormat, SpeechEncoder, cut
from smartlite.domain.models import resolve_voice
from smartlite.domain.pipelines import JSON
from smartlite.domain.speaking import Speaker, choose_speaker, refuse_language
from smartlite.domain.stages import TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechFinished, SynthesizeOptions
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed, TextEmpty, TextTooLong
from smartlite.pipeline.execution.kinds import StepAudio, StepContext, StepEvent, StepOutput
from smartlite.pipeline.spoken import SpokenSentences
from smartlite.pipeline.steps.media import keep_audio
from smartlite.pipeline.steps.ports import Codec, Directory

MAX_CHARACTERS: Final = 50_000
"""About an hour of speech, whose samples take 350 MB while it is encoded."""
_PIECE_CHARACTERS: Final = 2000
"""What one request to the stage speaks."""
_FIRST_CLAUSE_CHARACTERS: Final = 40
"""Of a text that is still written: as the voice turn has it in ``serve_config.yaml``."""


@dataclass(slots=True)
class _Speech:
    """What was spoken so far."""

    format: AudioFormat
    live: SpeechEncoder | None
    """For those who listen; None where nobody does."""
    chunks: list[AudioChunk] = field(default_factory=list)

    async def take(self, pcm: bytes) -> AsyncGenerator[StepEvent, None]:
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
        if not len(samples):
            return
        chunk = AudioChunk(samples, SPEECH_SAMPLE_RATE_HZ)
        self.chunks.append(chunk)
        if self.live is None:
            yield StepAudio(b"", self.format)
            return
        for piece in cut(await asyncio.to_thread(self.live.encode, chunk)):
            yield StepAudio(piece, self.format)

    async def end(self) -> AsyncGenerator[StepEvent, None]:
        if self.live is not None:
            for piece in cut(await asyncio.to_thread(self.live.finish)):
                yield StepAudio(piece, self.format)


class Speaking:
    """Runs the kind.

    Args:
        stage: Speaks.
        models: Those that are served.
        codec: Makes the file.
    """

    def __init__(self, stage: TTSStage, models: Directory, codec: Codec) -> None:
        self._stage = stage
        self._models = models
        self._codec = codec

    async def speak(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        audio_format = fields.get("format", "mp3")
        live = self._codec.open_encoder(audio_format) if context.is_followed() else None
        speech = _Speech(audio_format, live)
        speaker = await self._speaker(fields)
        options = SynthesizeOptions(speaker.voice.id, float(fields.get("speed", 1.0)), speaker.language)
        async with aclosing(_texts(context, fields)) as texts:
            async for text in texts:
                async with aclosing(self._say(context, speech, text, speaker.model.id, options)) as events:
                    async for event in events:
                        yield event
        if not speech.chunks:
            raise TextEmpty("'text' holds nothing that can be spoken.", "text")
        async for event in speech.end():
            yield event
        data = await self._codec.encode(speech.chunks, audio_format, SPEECH_SAMPLE_RATE_HZ)
        duration_s = sum(chunk.duration_s for chunk in speech.chunks)
        yield StepOutput(await keep_audio(context, "speech", data, audio_format, duration_s))

    async def _speaker(self, fields: Mapping[str, JSON]) -> Speaker:
        models = await self._models()
        name = fields.get("model")
        model = models.default("tts") if name is None else models.resolve(name, "tts")
        voice = resolve_voice(model, fields.get("voice"))
        language = fields.get("language")
        if language is None:
            return Speaker(model, voice, voice.language)
        speaker = choose_speaker(models, model, voice, language)
        if speaker is None:
            raise refuse_language(models, language)
        return speaker

    async def _say(
        self, context: StepContext, speech: _Speech, text: str, model: str, options: SynthesizeOptions
    ) -> AsyncGenerator[StepEvent, None]:
        is_finished = False
        async with aclosing(self._stage.speak(SpeakRequest(text, model, options, "pcm"))) as events:
            async for event in events:
                if isinstance(event, SpeechChunk):
                    async for told in speech.take(event.data):
                        yield told
                elif isinstance(event, SpeechFinished):
                    is_finished = True
                    context.used.append(ModelUsage(model, audio_output_s=event.duration_s, characters=event.characters))
        if not is_finished:
            raise EngineFailed("The speech synthesis ended before its end.")


async def _texts(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[str, None]:
    """What is said, in requests to the stage."""
    if context.pieces is None:
        text = fields["text"]
        _check_length(len(text))
        whole = SpokenSentences()
        for group in _groups([*whole.feed(text), *whole.flush()]):
            yield group
        return
    written = 0
    sentences = SpokenSentences(_FIRST_CLAUSE_CHARACTERS)
    async for piece in context.pieces():
        written += len(piece)
        _check_length(written)
        for group in _groups(sentences.feed(piece)):
            yield group
    for group in _groups(sentences.flush()):
        yield group


def _check_length(characters: int) -> None:
    if characters > MAX_CHARACTERS:
        raise TextTooLong(f"'text' has {characters} characters; at most {MAX_CHARACTERS} are spoken.", "text")


def _groups(sentences: Iterable[str]) -> Iterator[str]:
    """Sentences, as many together as one request takes."""
    group = ""
    for sentence in sentences:
        if group and len(group) + len(sentence) >= _PIECE_CHARACTERS:
            yield group
            group = ""
        group = f"{group} {sentence}" if group else sentence
    if group:
        yield group
