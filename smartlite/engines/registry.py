"""Which engines exist, by task and name: adding an engine is one file and one line here. Must not load any library."""

from typing import Any, Final, cast

from pydantic import ValidationError

from smartlite.domain.models import ModelFiles, ModelTask
from smartlite.engines.coqui import Coqui
from smartlite.engines.espeak import Espeak
from smartlite.engines.fake import FakeASR, FakeLLM, FakeTTS
from smartlite.engines.fake_embedding import FakeEmbedding
from smartlite.engines.faster_whisper import FasterWhisper
from smartlite.engines.kokoro import Kokoro
from smartlite.engines.llama_cpp import LlamaCpp
from smartlite.engines.llama_cpp_embedding import LlamaCppEmbedding
from smartlite.engines.onnx_vits import OnnxVITS
from smartlite.engines.openai_whisper import OpenAIWhisper
from smartlite.engines.protocols import ASREngine, EmbeddingEngine, Engine, EngineOptions, LLMEngine, TTSEngine
from smartlite.engines.transformers_llm import TransformersLLM
from smartlite.engines.upstream_asr import UpstreamASR
from smartlite.engines.upstream_embedding import UpstreamEmbedding
from smartlite.engines.upstream_llm import UpstreamLLM
from smartlite.engines.upstream_tts import UpstreamTTS
from smartlite.errors import ConfigurationError
from smartlite.strict import describe, nearest

ENGINES: Final[dict[ModelTask, dict[str, type[Any]]]] = {
    "asr": {
        "openai_upstream": UpstreamASR,
        "faster_whisper": FasterWhisper,
        "openai_whisper": OpenAIWhisper,
        "fake": FakeASR,
    },
    "llm": {"openai_upstream": UpstreamLLM, "llama_cpp": LlamaCpp, "transformers": TransformersLLM, "fake": FakeLLM},
    "tts": {
        "openai_upstream": UpstreamTTS,
        "onnx_vits": OnnxVITS,
        "kokoro": Kokoro,
        "coqui": Coqui,
        "espeak": Espeak,
        "fake": FakeTTS,
    },
    "embedding": {
        "openai_upstream": UpstreamEmbedding,
        "llama_cpp": LlamaCppEmbedding,
        "fake": FakeEmbedding,
    },
}

WITHOUT_FILES: Final[dict[str, tuple[str, ...]]] = {
    "openai_upstream": (),
    "espeak": (),
    "fake": (),
    "openai_whisper": ("checkpoint",),
    "coqui": ("checkpoint", "model_name"),
}
"""Engines that serve a model which is not in the catalog; where options are named, only with one of them."""

TELL_VOICES: Final = frozenset({"coqui", "openai_upstream", "fake"})
"""TTS engines that know who speaks where neither catalog nor configuration says it."""


def parse_options(task: ModelTask, engine: str, options: dict[str, object]) -> EngineOptions:
    """Check what an operator wrote for an engine.

    Raises:
        ConfigurationError: The engine or a key of its options is unknown (the nearest right one is told), or a value
            is not allowed.
    """
    engine_class = ENGINES[task].get(engine)
    if engine_class is None:
        raise ConfigurationError(
            f"Unknown {task} engine '{engine}'.{nearest(engine, ENGINES[task])} Known: {', '.join(ENGINES[task])}.",
            "engine",
        )
    try:
        return cast("EngineOptions", engine_class.Options.model_validate(options))
    except ValidationError as error:
        key, reason = describe(error, engine_class.Options)
        raise ConfigurationError(f"Options of the {task} engine '{engine}': {reason}", key) from error


def create(task: ModelTask, engine: str, files: ModelFiles, options: dict[str, object]) -> Engine:
    """Construct an engine of any task by name, not started."""
    return _create(task, engine, files, options)


def create_asr(engine: str, files: ModelFiles, options: dict[str, object]) -> ASREngine:
    """Construct an ASR engine by name, not started."""
    return cast("ASREngine", _create("asr", engine, files, options))


def create_llm(engine: str, files: ModelFiles, options: dict[str, object]) -> LLMEngine:
    """Construct an LLM engine by name, not started."""
    return cast("LLMEngine", _create("llm", engine, files, options))


def create_tts(engine: str, files: ModelFiles, options: dict[str, object]) -> TTSEngine:
    """Construct a TTS engine by name, not started."""
    return cast("TTSEngine", _create("tts", engine, files, options))


def create_embedding(engine: str, files: ModelFiles, options: dict[str, object]) -> EmbeddingEngine:
    """Construct an embedding engine by name, not started."""
    return cast("EmbeddingEngine", _create("embedding", engine, files, options))


def _create(task: ModelTask, engine: str, files: ModelFiles, options: dict[str, object]) -> Engine:
    parsed = parse_options(task, engine, options)
    return cast("Engine", ENGINES[task][engine](files, parsed))
