"""Text that another OpenAI-compatible server speaks. Must not know where it is or how its errors read."""

from collections.abc import AsyncGenerator
from typing import Any, Final

import numpy as np

from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.models import OPENAI_VOICES, Voice
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.upstream import Upstream
from smartlite.errors import EngineFailed, InvalidRequest, TextEmpty, VoiceNotFound

_PIECE_BYTES: Final = SPEECH_SAMPLE_RATE_HZ
"""Half a second of 16-bit samples: what is passed on at once."""


class UpstreamTTS(Upstream):
    """A TTS engine: the text goes out whole, so that its melody is the server's; the audio streams through."""

    def voices(self) -> tuple[Voice, ...]:
        """Those of the configuration, else OpenAI's 13, in the languages of the configuration."""
        if self._files.voices:
            return self._files.voices
        languages = self._files.languages or ("en",)
        return tuple(Voice(name, name.capitalize(), languages[0], languages=languages) for name in OPENAI_VOICES)

    async def synthesize(self, text: str, options: SynthesizeOptions) -> AsyncGenerator[SpokenSentence, None]:
        """Speak; the contract of TTSEngine. The pieces are of half a second; the first carries the whole text.

        Raises:
            VoiceNotFound: 400, a voice that is not among those configured, or that the server refuses.
            TextEmpty: 400, there is no letter or digit in the text.
        """
        if options.voice not in {voice.id for voice in self.voices()}:
            raise VoiceNotFound(f"The model '{self._files.id}' has no voice '{options.voice[:64]}'.", "voice")
        if not any(map(str.isalnum, text)):
            raise TextEmpty("There is nothing in the text that can be spoken.", "input")
        if not 0.25 <= options.speed <= 4.0:
            raise InvalidRequest(f"The speed {options.speed} is not in [0.25, 4].", "speed")
        request: dict[str, Any] = {
            "model": self._model,
            "voice": options.voice,
            "input": text,
            "response_format": "pcm",
            "speed": options.speed,
        }
        if options.instructions:
            request["instructions"] = options.instructions
        if options.language and self._options.extensions:
            request["extra_body"] = {"language": options.language}
        spoken, rest = False, b""
        async with (
            self.translated_errors(),
            self.client().audio.speech.with_streaming_response.create(**request) as answer,
        ):
            async for data in answer.iter_bytes(_PIECE_BYTES):
                rest += data
                whole = len(rest) // 2 * 2
                if whole:
                    yield _piece("" if spoken else text, rest[:whole])
                    spoken, rest = True, rest[whole:]
        if not spoken:
            raise EngineFailed(f"The server of '{self._files.id}' answered no audio.")


def _piece(text: str, data: bytes) -> SpokenSentence:
    samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
    return SpokenSentence(text, AudioChunk(samples, SPEECH_SAMPLE_RATE_HZ), len(text))
