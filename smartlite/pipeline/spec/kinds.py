"""The kinds of steps that a document may use: their fields and what they give. Must not know how any of them runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from smartlite.domain.audio import AUDIO_FORMATS
from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.fields import Field, language_of_speech, language_tag, short_schema, wrong_value

_MEDIA: Final = {"type": "object", "required": ["$media"]}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_SEGMENT: Final = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "start_s": _NUMBER, "end_s": _NUMBER, "text": _TEXT},
}
_WORD: Final = {"type": "object", "properties": {"text": _TEXT, "start_s": _NUMBER, "end_s": _NUMBER}}
_TRANSCRIPT: Final[Mapping[str, JSON]] = {
    "type": "object",
    "properties": {
        "text": _TEXT,
        "language": _TEXT,
        "duration_s": _NUMBER,
        "segments": {"type": "array", "items": _SEGMENT},
        "words": {"type": "array", "items": _WORD},
    },
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What ``uses`` may name."""

    name: str
    description: str
    fields: Mapping[str, Field]
    output: Mapping[str, JSON]
    """JSON Schema of what a step of it gives; of each item, where the step has ``for_each``."""
    text_formats: tuple[str, ...] = ()
    """Values of the field ``format`` for which it gives a string instead."""
    one_of: tuple[str, ...] = ()
    """Exactly one of these fields is given."""
    instead: tuple[str, ...] = ()
    """Beside one of these none of them has to be."""
    only_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field to the fields of which it needs one."""
    open: bool = False
    """Whether it takes fields of any other name too."""
    broken: str | None = None
    """Why a step of it cannot be run for now; no document that uses it is saved."""
    writes: str = ""
    """What of its output is a text that it tells piece by piece; the pieces joined are that text."""
    reads: str = ""
    """The field whose text it takes piece by piece, if another step still writes it."""


def _kind(name: str, description: str, output: Mapping[str, JSON], fields: dict[str, Field], **more: JSON) -> Kind:
    return Kind(name, description, fields, output, **more)


_MODEL: Final = "A served model; absent: the default one."
_ALL: Final = (
    _kind(
        "asr.transcribe",
        "Speech to text.",
        _TRANSCRIPT,
        {
            "audio": Field("media", "Speech.", required=True),
            "model": Field("string", _MODEL, model_of="asr"),
            "language": Field("string", "ISO-639-1 code; absent: detected.", check=language_of_speech),
            "prompt": Field("string", "Text that precedes the audio: spelling, names, style.", max_length=4096),
            "timestamps": Field("string", "Absent: segment.", choices=("none", "segment", "word")),
            "format": Field(
                "string", "Absent: json; the others give a string.", choices=("json", "text", "srt", "vtt")
            ),
        },
        text_formats=("text", "srt", "vtt"),
    ),
    _kind(
        "asr.translate",
        "Speech in any language to English text.",
        _TRANSCRIPT,
        {
            "audio": Field("media", "Speech.", required=True),
            "model": Field("string", _MODEL, model_of="asr"),
        },
    ),
    _kind(
        "llm.chat",
        "A language model's answer.",
        {
            "type": "object",
            "properties": {
                "text": _TEXT,
                "json": {"description": "The answer as JSON where json_schema is given, else null."},
                "finish_reason": _TEXT,
                "usage": {
                    "type": "object",
                    "properties": {"prompt_tokens": {"type": "integer"}, "completion_tokens": {"type": "integer"}},
                },
            },
        },
        {
            "messages": Field("array", "Objects with role and content.", max_length=256),
            "prompt": Field("string", "What the user says; a template where vars is given.", template=True),
            "system": Field("string", "What the model is told first; a template where vars is given.", template=True),
            "user": Field("string", "The same as prompt, beside system.", template=True),
            "prompt_name": Field("string", "A prompt of /v1/prompts that comes before the rest.", max_length=64),
            "prompt_version": Field("integer", "Absent: the latest.", minimum=1, maximum=999_999_999),
            "vars": Field("object", "The variables of the templates, or of the prompt where prompt_name is given."),
            "model": Field("string", _MODEL, model_of="llm"),
            "temperature": Field("number", minimum=0, maximum=2),
            "max_tokens": Field("integer", minimum=1, maximum=1_000_000),
            "json_schema": Field("object", "JSON Schema that the answer keeps to.", check=short_schema),
        },
        writes="text",
        one_of=("messages", "prompt", "user"),
        instead=("prompt_name",),
        only_with={
            "system": ("prompt", "user", "prompt_name"),
            "vars": ("prompt", "user", "prompt_name"),
            "prompt_version": ("prompt_name",),
        },
    ),
    _kind(
        "tts.speak",
        "Text to speech.",
        _MEDIA,
        {
            "text": Field("string", "What is said.", required=True),
            "model": Field("string", _MODEL, model_of="tts"),
            "voice": Field("string", "Absent: the first one of the language.", voice=True),
            "language": Field("string", "BCP 47 tag; absent: the voice's first.", check=language_tag),
            "speed": Field("number", "2 is twice as fast.", minimum=0.25, maximum=4),
            "format": Field("string", "Absent: mp3.", choices=AUDIO_FORMATS),
        },
        reads="text",
    ),
    _kind(
        "audio.convert",
        "Audio in another format.",
        _MEDIA,
        {
            "audio": Field("media", required=True),
            "format": Field("string", required=True, choices=AUDIO_FORMATS),
            "sample_rate_hz": Field("integer", minimum=8_000, maximum=48_000),
        },
    ),
    _kind(
        "audio.split",
        "Long audio cut where nobody speaks.",
        {
            "type": "array",
            "items": {"type": "object", "properties": {"audio": _MEDIA, "start_s": _NUMBER, "end_s": _NUMBER}},
        },
        {
            "audio": Field("media", required=True),
            "max_s": Field("number", "Longest piece, in seconds; absent: 300.", minimum=1, maximum=7200),
            "min_silence_s": Field("number", "Shortest pause to cut in; absent: 0.5.", minimum=0.1, maximum=10),
        },
    ),
    _kind(
        "text.template",
        "Text from a template.",
        _TEXT,
        {
            "template": Field("string", "Jinja, in a sandbox.", required=True, template=True),
            "vars": Field("object", "The template's variables."),
        },
    ),
    _kind(
        "text.split",
        "Text in pieces.",
        {"type": "array", "items": _TEXT},
        {
            "text": Field("string", required=True),
            "by": Field("string", "Absent: paragraph.", choices=("sentence", "paragraph", "chapter", "characters")),
            "max_characters": Field("integer", "Longest piece.", minimum=1, maximum=1_000_000),
        },
    ),
    _kind(
        "http.request",
        "An HTTP request to a host that the operator allows.",
        {
            "type": "object",
            "properties": {
                "status": {"type": "integer"},
                "headers": {"type": "object"},
                "text": _TEXT,
                "json": {"description": "The body where it is JSON, else null."},
            },
        },
        {
            "url": Field("string", required=True, max_length=8192),
            "method": Field("string", "Absent: GET.", choices=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")),
            "headers": Field("object"),
            "json": Field("any", "Sent as JSON."),
            "text": Field("string", "Sent as text."),
            "timeout_s": Field("number", minimum=0.1, maximum=600),
        },
    ),
    _kind(
        "pipeline.run",
        "Another pipeline; gives its outputs.",
        {"type": "object"},
        {
            "pipeline": Field("string", "Its name.", required=True, max_length=64),
            "version": Field("integer", "Absent: the latest.", minimum=1),
            "inputs": Field("object"),
        },
    ),
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _ALL}
"""Those that come with the platform."""
GATEWAY_REQUEST: Final = "gateway.request"
"""A request to the gateway, whose answer is the run's. No document may use it: who asks is in the run, not in it."""
_UNWRITTEN: Final[Mapping[str, Kind]] = {
    GATEWAY_REQUEST: _kind(
        GATEWAY_REQUEST,
        "A request to this platform.",
        {"type": "object"},
        {
            "method": Field("string", required=True),
            "path": Field("string", required=True),
            "content_type": Field("string", required=True),
            "body": Field("media", required=True),
        },
    )
}
"""Kinds of runs that have no document of anybody's."""


def checked_fields(uses: str, fields: Mapping[str, JSON], kinds: Mapping[str, Kind] = KINDS) -> dict[str, JSON]:
    """Check what the expressions of a step gave, before it runs.

    Args:
        uses: A kind of ``kinds``, or one that no document may use.
        fields: Without expressions; those that are null count as absent.
        kinds: Those that there are.

    Returns:
        The fields that are there and that the kind has; a step's other fields are none of its fallback's.

    Raises:
        PipelineInvalid: 400, final: a field is missing or its value is not allowed; ``param`` is ``with`` and its name.
    """
    kind = kinds.get(uses) or _UNWRITTEN[uses]
    given = {name: value for name, value in fields.items() if value is not None and (name in kind.fields or kind.open)}
    for name, known in kind.fields.items():
        if name not in given:
            if known.required:
                raise PipelineInvalid(f"'{uses}' needs the field '{name}', and it is null.", f"with.{name}")
        elif (reason := wrong_value(known, given[name])) is not None:
            raise PipelineInvalid(f"The field '{name}' of '{uses}' {reason}", f"with.{name}")
    if kind.one_of and not any(name in given for name in (*kind.one_of, *kind.instead)):
        raise PipelineInvalid(f"'{uses}' needs one of the fields {', '.join(kind.one_of)}.", "with")
    return given
