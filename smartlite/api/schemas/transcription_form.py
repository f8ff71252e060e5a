"""Form fields of transcriptions and translations, as OpenAI has them, and our extensions. Must not know the answers."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from smartlite.api.schemas.caching import Cache
from smartlite.domain.languages import language_code

ModelName = Annotated[str, Field(min_length=1, max_length=256)]
Temperature = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Granularity = Literal["word", "segment"]

STEPS: Final = ("loudness", "trim_silence", "denoise")
"""Of the preprocessing, in the order in which they are done."""


def _code(text: str) -> str:
    code = language_code(text)
    if code is None:
        msg = "there is no such language; use ISO-639-1 codes such as 'en'"
        raise ValueError(msg)
    return code


def _steps(values: tuple[str, ...]) -> tuple[str, ...]:
    """Split at commas: ``loudness,denoise`` is sent in one field as often as in two."""
    names = tuple(name.strip().lower() for value in values for name in value.split(","))
    for name in names:
        if name not in (*STEPS, "auto", "none"):
            msg = f"the steps are {', '.join(STEPS)}; or 'auto' or 'none'"
            raise ValueError(msg)
    if "none" in names and len(set(names)) > 1:
        msg = "'none' stands alone"
        raise ValueError(msg)
    return names


class ServerVADConfig(BaseModel):
    """``chunking_strategy`` as an object; in a form as JSON or as ``chunking_strategy[threshold]=0.5``."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        0.5, description="Probability from which sound is taken for speech."
    )
    prefix_padding_ms: Annotated[int, Field(ge=0, le=10_000)] = Field(
        300, description="Audio kept before each stretch of speech."
    )
    silence_duration_ms: Annotated[int, Field(ge=0, le=60_000)] = Field(
        200, description="A pause that is longer ends a stretch."
    )


class _RecognitionForm(BaseModel):
    """What both routes take."""

    model: ModelName = Field(description="Model id or alias, as `GET /v1/models` lists them.", examples=["whisper-1"])
    language: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="ISO-639-1 code of what is spoken, such as `en`; detected when absent.", examples=["en"]
    )
    prompt: str | None = Field(
        None, description="Text that precedes the recording: names, spelling, style. English for a translation."
    )
    temperature: Temperature = Field(0.0, description="Sampling temperature from 0 to 1; 0 is the most likely text.")
    chunking_strategy: Literal["auto"] | ServerVADConfig | None = Field(
        None,
        description="How the recording is cut where nobody speaks: `auto`, which evens out loudness first, or an "
        "object `{type: server_vad, threshold, prefix_padding_ms, silence_duration_ms}`.",
    )
    beam_size: Annotated[int, Field(ge=1, le=16)] | None = Field(
        None, description="Extension: hypotheses kept at temperature 0."
    )
    best_of: Annotated[int, Field(ge=1, le=16)] | None = Field(
        None, description="Extension: samples drawn at temperatures above 0, of which the likeliest is taken."
    )
    patience: Annotated[float, Field(gt=0, le=4, allow_inf_nan=False)] | None = Field(
        None, description="Extension: beam search ends after `patience * beam_size` hypotheses."
    )
    length_penalty: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        None, description="Extension: exponent of the length that a hypothesis' score is divided by."
    )
    condition_on_previous_text: bool | None = Field(
        None, description="Extension: whether a window of 30 s sees the text of those before it."
    )
    preprocessing: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=128)], ...], Field(max_length=8), AfterValidator(_steps)
    ] = Field(
        ("auto",),
        description="Extension: what is done to the sound first, of `loudness`, `trim_silence` and `denoise`; `none`; "
        "`auto` leaves what is not named to the server. `preprocessing[]` and a list with commas are taken too.",
        examples=[["loudness", "denoise"]],
    )
    cache: Cache = None
    max_line_length: Annotated[int, Field(ge=8, le=200)] | None = Field(
        None, description="Extension, srt and vtt: longest line, in characters. Naming any limit re-cuts the captions."
    )
    max_lines: Annotated[int, Field(ge=1, le=8)] | None = Field(
        None, description="Extension, srt and vtt: most lines of a caption."
    )
    max_chars_per_second: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] | None = Field(
        None, description="Extension, srt and vtt: reading speed; captions stay longer where silence follows."
    )


class TranslationForm(_RecognitionForm):
    """Fields of ``POST /v1/audio/translations`` beside ``file``; others are ignored, as OpenAI ignores them."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = Field(
        "json", description="Form of the answer."
    )


class TranscriptionForm(_RecognitionForm):
    """Fields of ``POST /v1/audio/transcriptions`` beside ``file``; others are ignored, as OpenAI ignores them."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = Field(
        "json", description="Form of the answer. `diarized_json` is refused: no served model tells speakers apart."
    )
    timestamp_granularities: tuple[Granularity, ...] = Field(
        ("segment",), description="What `verbose_json` lists with its times. `timestamp_granularities[]` is taken too."
    )
    include: tuple[Literal["logprobs"], ...] = Field(
        (), description="`logprobs`: how likely each token is (json, streamed or not). `include[]` is taken too."
    )
    languages: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=64), AfterValidator(_code)], ...], Field(max_length=100)
    ] = Field((), description="Codes of the languages that may be spoken. `languages[]` is taken too.")
    keywords: Annotated[
        tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)], ...],
        Field(max_length=100),
    ] = Field((), description="Words or phrases that may be spoken, such as names. `keywords[]` is taken too.")
    stream: bool = Field(
        False, description="Send `transcript.text.delta` and `.done` events as segments are recognised (json, text)."
    )
    known_speaker_names: tuple[str, ...] = Field((), description="Refused: no served model tells speakers apart.")
    known_speaker_references: tuple[str, ...] = Field((), description="Refused: no served model tells speakers apart.")
