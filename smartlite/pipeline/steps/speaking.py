"""``tts.speak``: text of any length to one file of speech. Must not know codecs or engines."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Final

import numpy as np

from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.models import resolve_voice
from smartlite.domain.pipelines import JSON
from smartlite.domain.sentences import split_sentences
from smartlite.domain.speaking import Speaker, choose_speaker, refuse_language
from smartlite.domain.stages import TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechFinished, SynthesizeOptions
from smartlite.errors import EngineFailed, TextEmpty, TextTooLong
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.spoken import to_spoken
from smartlite.pipeline.steps.media import keep_audio
from smartlite.pipeline.steps.ports import Codec, Directory

MAX_CHARACTERS: Final = 50_000
"""About an hour of speech, whose samples take 350 MB while it is encoded."""
_PIECE_CHARACTERS: Final = 2000
"""What one request to the stage speaks."""


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
        text = fields["text"]
        if len(text) > MAX_CHARACTERS:
            raise TextTooLong(f"'text' has {len(text)} characters; at most {MAX_CHARACTERS} are spoken.", "text")
        speaker = await self._speaker(fields)
        options = SynthesizeOptions(speaker.voice.id, float(fields.get("speed", 1.0)), speaker.language)
        chunks: list[AudioChunk] = []
        for piece in _pieces(text):
            chunks += await self._say(SpeakRequest(piece, speaker.model.id, options, "pcm"))
        if not chunks:
            raise TextEmpty("'text' holds nothing that can be spoken.", "text")
        audio_format = fields.get("format", "mp3")
        data = await self._codec.encode(chunks, audio_format, SPEECH_SAMPLE_RATE_HZ)
        duration_s = sum(chunk.duration_s for chunk in chunks)
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

    async def _say(self, request: SpeakRequest) -> list[AudioChunk]:
        pcm = bytearray()
        finished = False
        async with aclosing(self._stage.speak(request)) as events:
            async for event in events:
                if isinstance(event, SpeechChunk):
                    pcm += event.data
                elif isinstance(event, SpeechFinished):
                    finished = True
        if not finished:
            raise EngineFailed("The speech synthesis ended before its end.")
        samples = np.frombuffer(bytes(pcm), dtype="<i2").astype(np.float32) / np.float32(32768)
        return [AudioChunk(samples, SPEECH_SAMPLE_RATE_HZ)] if len(samples) else []


def _pieces(text: str) -> Iterator[str]:
    """Sentences that can be spoken, as many together as one request takes."""
    piece = ""
    for sentence in map(to_spoken, split_sentences(text)):
        if not any(character.isalnum() for character in sentence):
            continue
        if piece and len(piece) + len(sentence) >= _PIECE_CHARACTERS:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}" if piece else sentence
    if piece:
        yield piece
