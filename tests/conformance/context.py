"""What every cell of the matrix is given: the platform's address, recordings, and where a reason is told.

Must not know clients.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LLM: Final = "smollm2-135m-instruct"
EMBEDDING: Final = "text-embedding-3-small"
QUESTION: Final = "What is the largest ocean on Earth?"
GERMAN: Final = "Ich komme aus Deutschland und wohne in Berlin."
"""Whisper-base writes and translates it without a second try, so its text does not change from run to run."""
VOICES: Final = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip
SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Rome", "Paris"]}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Rome", "Paris"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}

NO_METHOD: Final = "the client has no such method"
NOT_KEPT: Final = "answers are not stored, so none can be retrieved"
NO_IDENTITY: Final = (
    "keys and limits are off here, as they are by default; `tests/platform/test_identity.py` has them on"
)
NO_SPEAKERS: Final = "no served model tells speakers apart: a 400 that says so"
NO_CLONING: Final = "no served engine makes new voices: a 400 that says so"
NO_DELETING: Final = "models are the operator's: a 405"


@dataclass(frozen=True, slots=True)
class Context:
    """A running platform and recordings to send to it."""

    url: str
    """Without ``/v1``."""
    question: Path
    """``QUESTION`` spoken, WAV."""
    german: Path
    """``GERMAN`` spoken, WAV."""


Cell = Callable[[Context], None]
"""Passes by returning; raises AssertionError or the client's error."""
