"""Answers that are spoken: sentence by sentence while the model writes, or as one file. Must not know wire formats."""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal

from smartlite.api.chat.choices import Indexed, merge
from smartlite.api.spending import Spending
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioFormat
from smartlite.domain.estimates import CHARACTERS_PER_TOKEN, DEFAULT_ANSWER_TOKENS
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, TextDelta
from smartlite.domain.models import ModelDirectory, resolve_voice
from smartlite.domain.sentences import SentenceSplitter
from smartlite.domain.stages import TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechFinished, SynthesizeOptions
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed, UnsupportedParameter, VoiceNotFound
from smartlite.pipeline.spoken import to_spoken

_WAITING_SENTENCES: Final = 8
"""When so many wait to be spoken, the model waits too."""

SpokenFormat = Literal["wav", "mp3", "flac", "opus", "aac", "pcm16"]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks the answers of one request."""

    stage: TTSStage
    model: str
    """A served model's own id."""
    voice: str
    """A voice's own id."""
    spending: Spending
    """Where the characters that are spoken are noted."""

    async def reserve(self, options: ChatOptions) -> None:
        """Take what speaking the longest answer may need; ``read_options`` has bounded it.

        Raises:
            RateLimited: 429.
        """
        tokens = options.max_tokens or DEFAULT_ANSWER_TOKENS
        await self.spending.reserve(ModelUsage(self.model, characters=tokens * CHARACTERS_PER_TOKEN))

    async def whole(self, text: str, form: SpokenFormat) -> bytes:
        """The speech of a text as one file; empty where there is nothing that can be spoken."""
        spoken = to_spoken(text)
        if not _can_be_spoken(spoken):
            return b""
        # A WAV that is written as it is made does not know its length; this one does.
        wire: AudioFormat = "pcm" if form in {"pcm16", "wav"} else form  # type: ignore[assignment]  # no pcm16 is left
        data = b"".join([chunk.data async for chunk in self._speak(spoken, wire)])
        return _wav(data) if form == "wav" else data

    async def alongside(
        self, events: AsyncGenerator[Indexed, None]
    ) -> AsyncGenerator[tuple[int, ChatEvent | SpeechChunk], None]:
        """The events of one answer, its speech as pcm among them; ChatFinished comes last."""
        sentences: asyncio.Queue[str | None] = asyncio.Queue(_WAITING_SENTENCES)
        finished: ChatFinished | None = None
        sources = [_passed_on(events, sentences), self._speech(sentences)]
        async with aclosing(merge(sources, len(sources))) as merged:
            async for _, event in merged:
                if isinstance(event, ChatFinished):
                    finished = event
                else:
                    yield 0, event
        if finished is not None:
            yield 0, finished

    async def _speech(self, sentences: asyncio.Queue[str | None]) -> AsyncGenerator[ChatEvent | SpeechChunk, None]:
        while (sentence := await sentences.get()) is not None:
            spoken = to_spoken(sentence)
            if _can_be_spoken(spoken):
                async with aclosing(self._speak(spoken, "pcm")) as chunks:
                    async for chunk in chunks:
                        yield chunk

    async def _speak(self, text: str, form: AudioFormat) -> AsyncGenerator[SpeechChunk, None]:
        finished = False
        asked = SpeakRequest(text, self.model, SynthesizeOptions(self.voice), form)
        async with aclosing(self.stage.speak(asked)) as events:
            async for event in events:
                finished = isinstance(event, SpeechFinished)
                if isinstance(event, SpeechChunk):
                    yield event
                else:
                    self.spending.use(
                        ModelUsage(self.model, audio_output_s=event.duration_s, characters=event.characters)
                    )
        if not finished:
            raise EngineFailed("The speech synthesis ended before its end.")


def choose_speaker(stage: TTSStage, models: ModelDirectory, voice: str, spending: Spending) -> Speaker:
    """Find the voice, in the first speech synthesis model that is served.

    Raises:
        UnsupportedParameter: 400, there is no such model.
        VoiceNotFound: 400, it has no such voice.
    """
    model = next((model for model in models.models if model.task == "tts"), None)
    if model is None:
        raise UnsupportedParameter(
            "Unsupported value: 'modalities' must be ['text']: no speech synthesis model is served.", "modalities"
        )
    try:
        return Speaker(stage, model.id, resolve_voice(model, voice).id, spending)
    except VoiceNotFound as error:
        raise VoiceNotFound(f"'audio.voice': {error.message}", "audio.voice") from None


async def _passed_on(
    events: AsyncGenerator[Indexed, None], sentences: asyncio.Queue[str | None]
) -> AsyncGenerator[ChatEvent | SpeechChunk, None]:
    splitter = SentenceSplitter()
    async with aclosing(events):
        async for _, event in events:
            yield event
            if isinstance(event, TextDelta):
                for sentence in splitter.feed(event.text):
                    await sentences.put(sentence)
    for sentence in splitter.flush():
        await sentences.put(sentence)
    await sentences.put(None)


def _can_be_spoken(text: str) -> bool:
    return any(map(str.isalnum, text))


def _wav(data: bytes) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_SAMPLE_RATE_HZ)
        file.writeframes(data)
    return target.getvalue()
