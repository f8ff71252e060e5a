"""Loads engines on a replica's node: catalog, model store, registry, start. Must not know what is asked of engines."""

import ctypes
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from deployments.cores import own_cores
from deployments.loopback import bind_to_loopback
from deployments.model_pool import OnDemand
from deployments.peers import Peers, open_peers
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.pool import DecoderPool
from smartlite.config import Settings, load_settings
from smartlite.domain.models import ModelTask
from smartlite.engines.protocols import Engine
from smartlite.engines.registry import create, parse_options
from smartlite.logging import configure_logging
from smartlite.models.catalog import ModelEntry
from smartlite.models.store import ModelStore
from smartlite.storage.open_objects import open_objects

_logger = logging.getLogger(__name__)

_BY_CORES: Final[Mapping[ModelTask, tuple[str, int]]] = {
    "asr": ("threads", 256),
    "llm": ("batch_threads", 8),
    "embedding": ("batch_threads", 8),
}
"""The option of how many threads there are, and the most that a replica gives itself: threads of a language model meet
so often that many of them mostly wait."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """A model, the engine that runs it and that engine's options, as ``serve_config.yaml`` has them."""

    entry: ModelEntry
    engine: str
    options: dict[str, object] = field(default_factory=dict)


def open_store(settings: Settings) -> ModelStore:
    """Open the model store that the settings name."""
    return ModelStore(open_objects(settings), settings.model_cache_dir)


def open_decoder() -> DecoderPool:
    """Open the audio gate with the limits that the settings have."""
    settings = load_settings()
    limits = AudioLimits(max_bytes=settings.max_upload_bytes, max_duration_s=settings.max_audio_duration_s)
    return DecoderPool(limits)


def open_replica_peers() -> Peers:
    """Find the peers of the replica that this process is; they may take as long to answer as any stage."""
    settings = load_settings()
    return open_peers(settings.first_event_timeout_s, settings.next_event_timeout_s)


def load_engines(specs: Iterable[EngineSpec]) -> dict[str, Engine]:
    """Prepare this process, then load and start engines by model id.

    Blocks: minutes where weights have to be fetched.
    """
    bind_to_loopback()
    settings = load_settings()
    configure_logging(settings.log_level)
    engines = {spec.entry.id: _load(spec, settings) for spec in specs}
    _trim_heap()
    return engines


def on_demand(specs: Iterable[EngineSpec], max_loaded: int) -> OnDemand[Engine] | None:
    """Describe engines that a replica loads when they are first asked for; None where there are none."""
    by_model = {spec.entry.id: spec for spec in specs}
    if not by_model:
        return None
    timeout_s = load_settings().model_load_timeout_s
    return OnDemand(tuple(by_model), partial(_load_one, by_model), partial(_fetch_one, by_model), max_loaded, timeout_s)


def _load_one(specs: Mapping[str, EngineSpec], model: str) -> Engine:
    engine = _load(specs[model], load_settings())
    _trim_heap()
    return engine


def _fetch_one(specs: Mapping[str, EngineSpec], model: str) -> None:
    open_store(load_settings()).ensure_local(specs[model].entry)


def _load(spec: EngineSpec, settings: Settings) -> Engine:
    began = time.monotonic()
    files = open_store(settings).ensure_local(spec.entry)
    engine = create(spec.entry.task, spec.engine, files, with_threads(spec))
    engine.start()
    seconds = round(time.monotonic() - began, 2)
    _logger.info("model loaded", extra={"model": spec.entry.id, "engine": spec.engine, "seconds": seconds})
    return engine


def with_threads(spec: EngineSpec) -> dict[str, object]:
    """The engine's options; one that is not told how many threads it has gets this replica's cores."""
    option, most = _BY_CORES.get(spec.entry.task, ("", 0))
    fields = type(parse_options(spec.entry.task, spec.engine, spec.options)).model_fields
    if option in spec.options or option not in fields:
        return spec.options
    return {**spec.options, option: min(most, own_cores())}


def _trim_heap() -> None:
    """Give back to the system what loading needed and no longer does; where the C library cannot, it stays."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
