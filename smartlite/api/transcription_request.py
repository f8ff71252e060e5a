"""From a form's fields to what the ASR stage is asked, and the refusals that need more than one field.

Must not know how a form is read or how an answer is written.
"""

from dataclasses import replace
from typing import Final

from smartlite.api.schemas.transcription_form import STEPS, ServerVADConfig, TranscriptionForm, TranslationForm
from smartlite.domain.asr import Preprocessing, ServerVAD, TranscribeOptions
from smartlite.domain.captions import CaptionLimits
from smartlite.domain.languages import language_code
from smartlite.errors import InvalidRequest, UnsupportedParameter

_THRESHOLD_EDGE: Final = 0.001
"""OpenAI's thresholds reach from 0 to 1; a probability is neither, so the ends stand for nearly so."""


def check_supported(fields: TranscriptionForm) -> None:
    """Refuse what no combination of model and format can give.

    Raises:
        UnsupportedParameter: 400.
        InvalidRequest: 400, ``language`` and ``languages`` contradict each other.
    """
    if fields.response_format == "diarized_json":
        raise UnsupportedParameter(
            "'response_format' cannot be 'diarized_json': no served model tells speakers apart.", "response_format"
        )
    for name in ("known_speaker_names", "known_speaker_references"):
        if getattr(fields, name):
            raise UnsupportedParameter(f"'{name}' cannot be used: no served model tells speakers apart.", name)
    if fields.include and fields.response_format != "json":
        raise UnsupportedParameter(
            f"'include' cannot be 'logprobs' with the response_format '{fields.response_format}', only with 'json'.",
            "include",
        )
    if fields.stream and fields.response_format not in ("json", "text"):
        raise UnsupportedParameter(
            f"'stream' needs the response_format 'json' or 'text', not '{fields.response_format}'.", "stream"
        )
    if fields.language is not None and fields.languages and language_code(fields.language) not in fields.languages:
        raise InvalidRequest("'language' is not one of 'languages'; send only one of the two.", "language")


def transcription_options(fields: TranscriptionForm) -> TranscribeOptions:
    """Options of a transcription; one possible language is a known language."""
    languages = tuple(dict.fromkeys(fields.languages))
    language = fields.language or (languages[0] if len(languages) == 1 else None)
    return replace(
        _shared(fields),
        language=language,
        languages=() if language is not None else languages,
        keywords=tuple(dict.fromkeys(fields.keywords)),
        logprobs=bool(fields.include),
        word_timestamps=_needs_words(fields)
        or (fields.response_format == "verbose_json" and "word" in fields.timestamp_granularities),
    )


def translation_options(fields: TranslationForm) -> TranscribeOptions:
    """Options of a translation; ``language`` is what is spoken."""
    return replace(_shared(fields), task="translate", language=fields.language, word_timestamps=_needs_words(fields))


def preprocessing(fields: TranscriptionForm | TranslationForm) -> Preprocessing:
    """What is done to the sound: steps that are named are done, others are not, unless ``auto`` stands with them."""
    names = fields.preprocessing
    unnamed = None if "auto" in names else False
    steps = {step: True if step in names else unnamed for step in STEPS}
    if fields.chunking_strategy == "auto" and steps["loudness"] is None:
        steps["loudness"] = True
    return Preprocessing(**steps)


def caption_limits(fields: TranscriptionForm | TranslationForm) -> CaptionLimits | None:
    """Limits of srt and vtt; None, where none was named, leaves each segment one caption as OpenAI does."""
    named = (fields.max_line_length, fields.max_lines, fields.max_chars_per_second)
    return CaptionLimits(*named) if any(limit is not None for limit in named) else None


def _needs_words(fields: TranscriptionForm | TranslationForm) -> bool:
    return fields.response_format in ("srt", "vtt") and caption_limits(fields) is not None


def _shared(fields: TranscriptionForm | TranslationForm) -> TranscribeOptions:
    vad = fields.chunking_strategy if isinstance(fields.chunking_strategy, ServerVADConfig) else None
    return TranscribeOptions(
        prompt=fields.prompt,
        temperature=fields.temperature,
        vad=None if vad is None else _server_vad(vad),
        beam_size=fields.beam_size,
        best_of=fields.best_of,
        patience=fields.patience,
        length_penalty=fields.length_penalty,
        condition_on_previous_text=fields.condition_on_previous_text,
    )


def _server_vad(config: ServerVADConfig) -> ServerVAD:
    return ServerVAD(
        threshold=min(max(config.threshold, _THRESHOLD_EDGE), 1 - _THRESHOLD_EDGE),
        prefix_padding_s=config.prefix_padding_ms / 1000,
        silence_s=config.silence_duration_ms / 1000,
    )
