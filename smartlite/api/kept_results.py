"""Whether a request is answered from what was kept, and what becomes of its result. Must not know any wire format."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final, Generic, TypeVar

from fastapi import Request

from smartlite.api.observation import observe
from smartlite.api.principal import principal_of
from smartlite.api.probing import kept_probe
from smartlite.api.schemas.caching import CacheOptions
from smartlite.api.services import Services
from smartlite.api.spending import spending_of
from smartlite.domain.asr import TranscribeRequest
from smartlite.domain.models import ServedModel
from smartlite.domain.stages import ASRStage, TTSStage
from smartlite.domain.tts import SpeakRequest
from smartlite.domain.usage import ModelUsage
from smartlite.jobs.result_stages import Keep, KeepingASR, KeepingTTS, KeptASR, KeptTTS
from smartlite.jobs.results import Place, Results, place_of

HEADER: Final = "x-smartlite-cache"
STAGE: Final = "cache"
"""The name under which a hit is in the history and in ``Server-Timing``."""

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Worked(Generic[S]):
    """The stage that answers a request, and what it means that it does."""

    stage: S
    is_kept: bool = False
    """Whether it only gives again what was kept: nothing is used then."""
    headers: dict[str, str] = field(default_factory=dict)


async def recognised(
    request: Request, services: Services, cache: bool | CacheOptions | None, asked: TranscribeRequest
) -> Worked[ASRStage]:
    """The ASR stage for a request."""
    results = _results(request, services, cache)
    if results is None:
        return Worked(services.asr)
    what = ["asr", (await asked.audio.sha256()).hex(), asdict(asked.options), asdict(asked.preprocessing)]
    place = place_of(principal_of(request), services.models.find(asked.model), what)
    kept = await _kept(request, results, place, asked.model, KeptASR.read)
    if kept is not None:
        return Worked(kept, True, {HEADER: "hit"})
    return Worked(KeepingASR(services.asr, _keep(results, place, cache)), False, {HEADER: "miss"})


async def spoken(
    request: Request, services: Services, cache: bool | CacheOptions | None, model: ServedModel, asked: SpeakRequest
) -> Worked[TTSStage]:
    """The TTS stage for a request."""
    results = _results(request, services, cache)
    if results is None:
        return Worked(services.tts)
    place = place_of(principal_of(request), model, ["tts", asked.text, asdict(asked.options), asked.format])
    kept = await _kept(request, results, place, asked.model, KeptTTS.read)
    if kept is not None:
        return Worked(kept, True, {HEADER: "hit"})
    keep = _keep(results, place, cache)
    return Worked(KeepingTTS(services.tts, keep, results.limits.most_bytes), False, {HEADER: "miss"})


def _results(request: Request, services: Services, cache: bool | CacheOptions | None) -> Results | None:
    """Where results are; None where this request has nothing to do with them."""
    policy = services.settings.result_cache
    is_wanted = policy == "always" if cache is None else cache is not False and policy != "off"
    # A request that is answered later is looked up when it is answered.
    return services.results if is_wanted and kept_probe(request.scope) is None else None


async def _kept(
    request: Request, results: Results, place: Place, model_id: str, read: Callable[[bytes], S]
) -> S | None:
    observation = observe(request)
    began_s = observation.elapsed_s
    data = await results.find(place)
    if data is None:
        return None
    try:
        stage = read(data)
    except ValueError:  # another version kept it
        return None
    spending = spending_of(request)
    await spending.count()
    spending.use(ModelUsage(model_id))  # so that the history says what was asked for; it is nothing, and costs nothing
    observation.record(STAGE, observation.elapsed_s - began_s)
    return stage


def _keep(results: Results, place: Place, cache: bool | CacheOptions | None) -> Keep:
    ttl_s = cache.ttl_s if isinstance(cache, CacheOptions) else None

    async def keep(data: bytes) -> None:
        await results.keep(place, data, ttl_s)

    return keep
