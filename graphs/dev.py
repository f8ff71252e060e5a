"""The same graph over engines that compute nothing: ``serve run graphs.dev:build_app``. Must not need weights."""

from typing import Final

from ray.serve import Application

from graphs.args import ASRArgs, LLMArgs, ModelArgs, PlatformArgs, TTSArgs
from graphs.platform import build_graph
from smartlite.domain.models import ModelTask
from smartlite.models.catalog import Catalog, ModelEntry, VoiceEntry

_VOICES: Final = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage")


def _entry(task: ModelTask, *aliases: str, voices: tuple[VoiceEntry, ...] = ()) -> ModelEntry:
    return ModelEntry(
        id=f"fake-{task}",
        task=task,
        engine="fake",
        created=1767225600,
        owned_by="smartlite",
        licence="Apache-2.0",
        aliases=aliases,
        voices=voices,
    )


CATALOG: Final = Catalog(
    (
        _entry("asr", "whisper-1"),
        _entry("llm"),
        _entry(
            "tts",
            "tts-1",
            "tts-1-hd",
            voices=(
                VoiceEntry(id="fake", name="A sine tone", language="en-US", aliases=(*_VOICES, "shimmer", "verse")),
            ),
        ),
    )
)
"""Models without files, so nothing is fetched."""

ARGS: Final = PlatformArgs(
    asr=ASRArgs(models=[ModelArgs(model="fake-asr")]),
    llm=LLMArgs(models=[ModelArgs(model="fake-llm")]),
    tts=TTSArgs(models=[ModelArgs(model="fake-tts")]),
)


def build_app(args: dict[str, str]) -> Application:
    """Bind the graph over the fake engines."""
    return build_graph(ARGS, CATALOG)
