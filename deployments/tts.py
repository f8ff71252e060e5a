"""The TTS replica: has an engine speak a text and encodes what it says. Must not know wire formats.

A text of several sentences is shared with the other replicas that have nothing to speak.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from deployments.engine_replica import EngineReplica
from deployments.model_pool import OnDemand
from deployments.peers import Peers, open_peers
from smartlite.domain.audio import AudioFormat, SpeechEncoder, cut
from smartlite.domain.models import Voice
from smartlite.domain.sentences import split_sentences
from smartlite.domain.tts import SentenceAnswer, SpeakRequest, SpeechChunk, SpeechEvent, SpeechFinished, SpokenSentence
from smartlite.engines.protocols import TTSEngine
from smartlite.engines.shared_speech import Places, speak_together
from smartlite.errors import EngineFailed, Overloaded, SmartLiteError, Unavailable

_logger = logging.getLogger(__name__)

_MOST_ELSEWHERE: Final = 16
"""Sentences of one text that all other replicas together have at once: that many are kept for its reader."""
_TAKE_TIMEOUT_S: Final = 1.0
"""Longest wait for another replica to take a sentence, which it does before it works."""
_SENTENCE_TIMEOUT_S: Final = 10.0
"""Longest wait for it to be spoken there."""
_FIRST_PIECE_S: Final = 0.25
"""Of the first sentence, encoded and sent before the rest: 5 s take 48 ms as mp3 (142 ms on a busy machine), this much
less than 3 ms. Each further piece is twice as long, so that it is encoded while the one before it plays."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the sentences of one text are shared."""

    at_once: Mapping[str, int] = field(default_factory=dict)
    """How many an engine speaks at once, by model; 0, or no entry, where it takes a text whole."""
    ahead: int = 0
    """How many each other replica may be given; 0 shares nothing."""


class TTSDeployment(EngineReplica[TTSEngine]):
    """A TTSStage around engines in this process.

    Args:
        load: Loads and starts the engines, by model id; called once, here.
        open_encoder: Opens a streaming encoder for a format, fed at the given rate.
        on_demand: The engines that are loaded when they are first asked for.
        sharing: How texts are shared.
        peers: The replicas they are shared with; found out when there are none.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, TTSEngine]],
        open_encoder: Callable[[AudioFormat, int], SpeechEncoder],
        on_demand: OnDemand[TTSEngine] | None = None,
        sharing: Sharing | None = None,
        peers: Peers | None = None,
    ) -> None:
        super().__init__(load, on_demand)
        self._open_encoder = open_encoder
        self._sharing = sharing or Sharing()
        self._peers = peers or open_peers(_TAKE_TIMEOUT_S, _SENTENCE_TIMEOUT_S)
        self._others = 0
        self._own_texts = 0
        self._lent_sentences = 0

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
        async with self.engine(request.model) as engine:
            self._own_texts += 1
            try:
                async with aclosing(self._synthesize(engine, request)) as sentences:
                    async for sentence in sentences:
                        encoder = encoder or self._open_encoder(request.format, sentence.audio.sample_rate_hz)
                        duration_s += sentence.audio.duration_s
                        input_tokens += sentence.input_tokens
                        # Once something sounds, what is made is ahead of what is played.
                        pieces = (
                            (sentence.audio,) if first_audio_s else sentence.audio.in_growing_pieces(_FIRST_PIECE_S)
                        )
                        for piece in pieces:
                            for data in cut(await asyncio.to_thread(encoder.encode, piece)):
                                first_audio_s = first_audio_s or time.monotonic() - began
                                yield SpeechChunk(data)
            finally:
                self._own_texts -= 1
        if encoder is None:
            raise EngineFailed("The speech synthesis ended without audio.")
        for data in cut(await asyncio.to_thread(encoder.finish)):
            first_audio_s = first_audio_s or time.monotonic() - began
            yield SpeechChunk(data)
        yield SpeechFinished(duration_s, len(request.text), input_tokens, first_audio_s, time.monotonic() - began)

    async def speak_sentence(self, request: SpeakRequest) -> AsyncGenerator[SentenceAnswer | SpokenSentence, None]:
        """Speak a sentence of another replica's text: SentenceAnswer, then its parts, cut into messages.

        It is refused where this replica has a text of its own, enough of others, or would have to load the model.

        Raises:
            SmartLiteError: As the engine.
        """
        is_loaded = (await self.model_states()).get(request.model) == "loaded"
        if self._own_texts or self._lent_sentences >= self._sharing.ahead or not is_loaded:
            yield SentenceAnswer(is_taken=False)
            return
        self._lent_sentences += 1
        try:
            yield SentenceAnswer(is_taken=True)
            async with (
                self.engine(request.model) as engine,
                aclosing(engine.synthesize(request.text, request.options)) as parts,
            ):
                async for part in parts:
                    for piece in part.cut():
                        yield piece
        finally:
            self._lent_sentences -= 1

    async def check_health(self) -> None:
        """As every engine replica; also looks how many other replicas there are, which no request waits for."""
        await super().check_health()
        if self._sharing.ahead:
            self._others = max(0, (await self._peers.running() or 1) - 1)

    def _synthesize(self, engine: TTSEngine, request: SpeakRequest) -> AsyncGenerator[SpokenSentence, None]:
        here = self._sharing.at_once.get(request.model, 0)
        elsewhere = min(self._others * self._sharing.ahead, _MOST_ELSEWHERE)
        # An engine may find the language that nobody told in the whole text.
        if not here or here + elsewhere == 1 or request.options.language is None:
            return engine.synthesize(request.text, request.options)
        sentences = split_sentences(request.text)
        if len(sentences) < 2:
            return engine.synthesize(request.text, request.options)

        def speak_here(sentence: str) -> AsyncGenerator[SpokenSentence, None]:
            return engine.synthesize(sentence, request.options)

        def speak_elsewhere(sentence: str) -> AsyncGenerator[SpokenSentence, None]:
            return self._speak_elsewhere(replace(request, text=sentence))

        # One more is begun than the engine speaks, so that its phonemes are there when the engine is free.
        return speak_together(sentences, Places(speak_here, here + 1, speak_elsewhere, elsewhere))

    async def _speak_elsewhere(self, asked: SpeakRequest) -> AsyncGenerator[SpokenSentence, None]:
        is_taken = True
        try:
            async with aclosing(self._peers.stream("speak_sentence", asked)) as events:
                async for event in events:
                    if isinstance(event, SpokenSentence):
                        yield event
                    else:
                        is_taken = event.is_taken
            if not is_taken:
                raise Overloaded("The other replica has enough to speak.")
        except SmartLiteError:
            raise
        except Exception as error:
            _logger.exception("another replica could not be asked")
            raise Unavailable("Another replica could not be asked.") from error
