"""Speech by espeak-ng, started as a program (its GPL does not reach across a process), a call per sentence.

Formant synthesis: plain to hear, and in more than a hundred languages without any weights. Must not know audio formats,
aliases of voices or replicas.
"""

import shutil
import struct
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from smartlite.domain.audio import AudioChunk
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.sentences import split_sentences
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.child_process import ChildProcess, run_program
from smartlite.engines.clauses import clean_text, in_latin_script, is_speakable
from smartlite.engines.phonemes import INSTALL_COMMAND, PROGRAM
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.waveform import Samples, change_tempo, set_level, trim_silence
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, TextEmpty, VoiceNotFound

_PREFIX: Final = "espeak-"
"""Of every voice id; the rest is the program's own name of the voice."""
_SPEEDS: Final = (0.25, 4.0)
_PACES: Final = (80, 700)
"""Words a minute between which the length of speech is inversely proportional to them, within 4 % (measured on
espeak-ng 1.51); what lacks is a change of tempo after the program."""
_RATE_AT: Final = 24
_CHUNK_HEADER: Final = 8


class EspeakOptions(EngineOptions):
    """What an operator may set."""

    words_per_minute: Annotated[int, Field(ge=80, le=450)] = 150
    """Pace at speed 1. The program's own 175 is harder to understand: whisper-base had 39 % of the words of 20 English
    sentences wrong at 175, 26 % at 160, 21 % at 150 and 18 % at 140."""
    sentence_silence_s: Annotated[float, Field(ge=0, le=5)] = 0.2
    """Silence after a sentence at speed 1, in seconds."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0
    """Longest time for a sentence, in seconds."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 2
    """Sentences spoken at once, each by a process of its own."""

    @property
    def sentences_at_once(self) -> int:
        """See EngineOptions."""
        return self.parallel


class Espeak:
    """A TTS engine without weights; its voices are the catalog's."""

    Options: ClassVar[type[EngineOptions]] = EspeakOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        self._files = files
        self._options = EspeakOptions.model_validate(options.model_dump())
        self._executor = ThreadPoolExecutor(max_workers=self._options.parallel, thread_name_prefix="espeak")
        self._state = "not running"

    def start(self) -> None:
        """Check that the program is there and speaks.

        Raises:
            ConfigurationError: espeak-ng is missing or does not speak with the first voice, or a voice is none of its.
        """
        if shutil.which(PROGRAM) is None:
            raise ConfigurationError(f"The program {PROGRAM} is not installed. Install it with: {INSTALL_COMMAND}")
        foreign = [voice.id for voice in self._files.voices if not voice.id.startswith(_PREFIX)]
        if foreign or not self._files.voices:
            wrong = f"the voice '{foreign[0]}', which is not espeak-NAME" if foreign else "no voice"
            raise ConfigurationError(f"The model '{self._files.id}' has {wrong}.", "voices")
        first = self._files.voices[0].id
        try:
            audio = ChildProcess().run(self._command(first, 1.0), b"a", self._options.timeout_s)
            _samples(audio)
        except EngineFailed as error:
            raise ConfigurationError(f"{PROGRAM} does not speak as '{first}': {error.message}", "voices") from error
        self._state = "running"

    def voices(self) -> tuple[Voice, ...]:
        """The catalog's."""
        return self._files.voices

    async def synthesize(self, text: str, options: SynthesizeOptions) -> AsyncGenerator[SpokenSentence, None]:
        """Speak a text; the contract of TTSEngine.

        Raises:
            VoiceNotFound: 400.
            InvalidRequest: 400, the speed is out of [0.25, 4].
            TextEmpty: 400, nothing in the text can be spoken.
            EngineFailed: 500, the program failed or took too long.
        """
        await self.check_health()
        if options.voice not in {voice.id for voice in self._files.voices}:
            raise VoiceNotFound(f"The model '{self._files.id}' has no voice '{options.voice[:64]}'.", "voice")
        if not _SPEEDS[0] <= options.speed <= _SPEEDS[1]:
            raise InvalidRequest(f"The speed {options.speed} is not in [{_SPEEDS[0]}, {_SPEEDS[1]}].", "speed")
        latin_only = in_latin_script(options.voice.removeprefix(_PREFIX).partition("-")[0].lower())
        # Pinyin and jyutping are Latin letters for languages that have their own: both are read.
        is_spoken = False
        for sentence in split_sentences(text):
            cleaned = clean_text(sentence, latin_only=latin_only)
            if not is_speakable(cleaned):
                continue
            audio = await self._speak(cleaned, options)
            if audio is not None:
                is_spoken = True
                yield SpokenSentence(sentence, audio, len(cleaned))
        if not is_spoken:
            raise TextEmpty(f"Nothing in the text can be spoken by the voice '{options.voice}'.", "input")

    async def check_health(self) -> None:
        """Raise EngineFailed before start and after close."""
        if self._state != "running":
            raise EngineFailed(f"The engine of '{self._files.id}' is {self._state}.")

    def close(self) -> None:
        """End the threads; a running call ends by itself within its limit."""
        self._state = "closed"
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _speak(self, cleaned: str, options: SynthesizeOptions) -> AudioChunk | None:
        """One sentence; None where the program knows no sound for any of its letters."""
        data = cleaned.encode("utf-8", "ignore")
        command = self._command(options.voice, options.speed)
        samples, rate_hz = _samples(await run_program(self._executor, command, data, self._options.timeout_s))
        samples = trim_silence(samples, rate_hz)
        if not samples.size or not samples.any():
            return None
        samples = change_tempo(samples, rate_hz, self._words_per_minute(options.speed) / self._pace(options.speed))
        silence = np.zeros(int(self._options.sentence_silence_s / options.speed * rate_hz), np.float32)
        return AudioChunk(np.concatenate([set_level(samples, rate_hz), silence]), rate_hz)

    def _words_per_minute(self, speed: float) -> float:
        return self._options.words_per_minute * speed

    def _pace(self, speed: float) -> int:
        return round(min(max(self._words_per_minute(speed), _PACES[0]), _PACES[1]))

    def _command(self, voice: str, speed: float) -> list[str]:
        # Text goes in by standard input only, so it can never be an option. SSML needs -m, which is not given.
        name = voice.removeprefix(_PREFIX)
        return [PROGRAM, "-b", "1", "-v", name, "-s", str(self._pace(speed)), "--stdin", "--stdout"]


def _samples(wav: bytes) -> tuple[Samples, int]:
    """Samples and rate of what the program writes: 16-bit mono WAV, whose sizes are wrong since it is a stream."""
    data = wav.find(b"data", _RATE_AT)
    if not wav.startswith(b"RIFF") or data < 0:
        raise EngineFailed(f"{PROGRAM} gave no sound.")
    (rate_hz,) = struct.unpack_from("<I", wav, _RATE_AT)
    body = wav[data + _CHUNK_HEADER :]
    samples = np.frombuffer(body[: len(body) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)
    return samples, rate_hz
