"""What is asked of Whisper, checked against a model and filled up with an engine's settings.

Must not know the libraries that run Whisper.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smartlite.domain.asr import Task, TranscribeOptions
from smartlite.domain.languages import language_code
from smartlite.engines.speech_cut import SpeechCut
from smartlite.engines.whisper_options import WhisperOptions
from smartlite.errors import InvalidRequest, UnsupportedParameter

_FALLBACK_TEMPERATURES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Tried in turn while a window's text is too repetitive or too unlikely (Radford et al., 2022, section 4.5)."""
_PROMPT_TOKENS: Final = 223
"""Room before a window's own text: half of the 448 tokens, less the one that begins it."""
_KEYWORD_TOKENS: Final = 160
"""Of that room; the rest is for the text before the window."""
_MAX_CANDIDATES: Final = 16
_MAX_PATIENCE: Final = 4.0
_TAIL_S: Final = 0.1
"""Kept after a stretch of speech that a request cuts: Silero's end is that of the last 32 ms it took for speech."""
_PADDING_S: Final = 0.4
"""Kept on both sides otherwise, as faster-whisper does."""


@dataclass(frozen=True, slots=True)
class WhisperModelFacts:
    """What a request is checked against."""

    id: str
    multilingual: bool
    knows: Callable[[str], bool]
    """Whether the model has a token for a language's code."""
    encode: Callable[[str], list[int]]
    """Text to tokens, of which none is special whatever the text says."""


@dataclass(frozen=True, slots=True)
class WhisperRequest:
    """A checked request; nothing is left open."""

    task: Task
    language: str | None
    """None: to be detected."""
    languages: tuple[str, ...]
    """Among which it is detected; empty: all."""
    temperatures: tuple[float, ...]
    prompt: tuple[int, ...]
    keywords: tuple[int, ...]
    word_timestamps: bool
    logprobs: bool
    cut: SpeechCut | None
    """How to find speech; None takes everything for speech."""
    beam_size: int
    best_of: int
    patience: float
    length_penalty: float | None
    """None: the library's own."""
    condition_on_previous_text: bool

    @property
    def without_speech(self) -> tuple[str, float]:
        """The language of a recording in which nobody speaks, and its probability."""
        if self.language is not None:
            return self.language, 1.0
        return (self.languages or ("en",))[0], 0.0

    def context(self, before: list[int]) -> list[int]:
        """Tokens that stand before a window: the keywords, then as much of the text before it as there is room for."""
        room = _PROMPT_TOKENS - len(self.keywords)
        return [*self.keywords, *before[-room:]]


def resolve_request(options: TranscribeOptions, engine: WhisperOptions, model: WhisperModelFacts) -> WhisperRequest:
    """Check a request and fill it up.

    Raises:
        InvalidRequest: 400, a value that is not allowed, a language that the model does not know, a translation by an
            English-only model.
        UnsupportedParameter: 400, an option that has no meaning beside the others.
    """
    if not model.multilingual and options.task == "translate":
        raise InvalidRequest(f"The model '{model.id}' knows only English and cannot translate.", "model")
    beam_size = _within("beam_size", options.beam_size, engine.beam_size, 1, _MAX_CANDIDATES)
    patience = _within("patience", options.patience, 1.0, 0.0, _MAX_PATIENCE)
    if patience == 0 or (options.patience is not None and beam_size == 1):
        reason = "be greater than 0" if patience == 0 else "have an effect only with a 'beam_size' of 2 or more"
        raise UnsupportedParameter(f"'patience' can {reason}.", "patience")
    penalty = options.length_penalty
    conditions = options.condition_on_previous_text
    return WhisperRequest(
        task=options.task,
        language=_language(options.language, model),
        languages=_languages(options, model),
        temperatures=_FALLBACK_TEMPERATURES if options.temperature == 0 else (options.temperature,),
        prompt=tuple(model.encode(f" {options.prompt.strip()}") if options.prompt and options.prompt.strip() else ()),
        keywords=_keywords(options.keywords, model),
        word_timestamps=options.word_timestamps,
        logprobs=options.logprobs,
        cut=_cut(options, engine),
        beam_size=int(beam_size),
        best_of=int(_within("best_of", options.best_of, engine.best_of, 1, _MAX_CANDIDATES)),
        patience=patience,
        length_penalty=None if penalty is None else _within("length_penalty", penalty, penalty, 0.0, 1.0),
        condition_on_previous_text=engine.condition_on_previous_text if conditions is None else conditions,
    )


def _language(asked: str | None, model: WhisperModelFacts) -> str | None:
    """The code of the language asked for; an English-only model needs none and takes no other."""
    if asked is None:
        return None if model.multilingual else "en"
    return _code(asked, model, "language")


def _languages(options: TranscribeOptions, model: WhisperModelFacts) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(_code(asked, model, "languages") for asked in options.languages))
    return codes if options.language is None else ()


def _code(asked: str, model: WhisperModelFacts, param: str) -> str:
    code = language_code(asked)
    if code is None:
        raise InvalidRequest(f"There is no language '{asked[:32]}'. Use an ISO-639-1 code such as 'en'.", param)
    if not (code == "en" or (model.multilingual and model.knows(code))):
        allowed = "" if model.multilingual else " It knows only English ('en')."
        raise InvalidRequest(f"The model '{model.id}' does not know the language '{code}'.{allowed}", param)
    return code


def _keywords(words: tuple[str, ...], model: WhisperModelFacts) -> tuple[int, ...]:
    text = ", ".join(word.strip() for word in words if word.strip())
    tokens = model.encode(f" {text}.") if text else []
    if len(tokens) > _KEYWORD_TOKENS:
        raise InvalidRequest(
            f"The keywords have {len(tokens)} tokens; '{model.id}' takes {_KEYWORD_TOKENS}. Name fewer of them.",
            "keywords",
        )
    return tuple(tokens)


def _cut(options: TranscribeOptions, engine: WhisperOptions) -> SpeechCut | None:
    if (vad := options.vad) is not None:
        threshold = _within("chunking_strategy", vad.threshold, 0.5, 0.0, 1.0)
        silence_s = _within("chunking_strategy", vad.silence_s, 0.2, 0.0, 60.0)
        before_s = _within("chunking_strategy", vad.prefix_padding_s, 0.3, 0.0, 60.0)
        return SpeechCut(threshold, silence_s, before_s, _TAIL_S)
    if engine.vad:
        return SpeechCut(engine.vad_threshold, engine.vad_min_silence_s, _PADDING_S, _PADDING_S)
    return None


def _within(param: str, asked: float | None, otherwise: float, least: float, most: float) -> float:
    value = otherwise if asked is None else asked
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidRequest(f"'{param}' must be from {least:g} to {most:g}, not {value:g}.", param)
    return value
