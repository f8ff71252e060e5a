"""Loads engines on a replica's node: catalog, model store, registry, start. Must not know what is asked of engines."""

import ctypes
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from deployments.loopback import bind_to_loopback
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.pool import DecoderPool
from smartlite.config import Settings, load_settings
from smartlite.domain.models import ModelFiles
from smartlite.engines.protocols import ASREngine, Engine, LLMEngine, TTSEngine
from smartlite.engines.registry import create_asr, create_llm, create_tts
from smartlite.logging import configure_logging
from smartlite.models.catalog import ModelEntry
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

_logger = logging.getLogger(__name__)

_E = TypeVar("_E", bound=Engine)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """A model, the engine that runs it and that engine's options, as ``serve_config.yaml`` has them."""

    entry: ModelEntry
    engine: str
    options: dict[str, object] = field(default_factory=dict)


def open_store(settings: Settings) -> ModelStore:
    """Open the model store that the settings name."""
    return ModelStore(FsspecObjectStore(settings.objects_url), settings.model_cache_dir)


def open_decoder() -> DecoderPool:
    """Open the audio gate with the limits that the settings have."""
    settings = load_settings()
    limits = AudioLimits(max_bytes=settings.max_upload_bytes, max_duration_s=settings.max_audio_duration_s)
    return DecoderPool(limits)


def load_asr(specs: Iterable[EngineSpec]) -> dict[str, ASREngine]:
    """Load and start ASR engines by model id. Blocks: minutes where weights have to be fetched."""
    return _load(specs, create_asr)


def load_llm(specs: Iterable[EngineSpec]) -> dict[str, LLMEngine]:
    """Load and start LLM engines by model id. Blocks."""
    return _load(specs, create_llm)


def load_tts(specs: Iterable[EngineSpec]) -> dict[str, TTSEngine]:
    """Load and start TTS engines by model id. Blocks."""
    return _load(specs, create_tts)


def _load(specs: Iterable[EngineSpec], create: Callable[[str, ModelFiles, dict[str, object]], _E]) -> dict[str, _E]:
    bind_to_loopback()
    settings = load_settings()
    configure_logging(settings.log_level)
    store = open_store(settings)
    engines: dict[str, _E] = {}
    for spec in specs:
        began = time.monotonic()
        engine = create(spec.engine, store.ensure_local(spec.entry), spec.options)
        engine.start()
        engines[spec.entry.id] = engine
        seconds = round(time.monotonic() - began, 2)
        _logger.info("model loaded", extra={"model": spec.entry.id, "engine": spec.engine, "seconds": seconds})
    _trim_heap()
    return engines


def _trim_heap() -> None:
    """Give back to the system what loading needed and no longer does; where the C library cannot, it stays."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
