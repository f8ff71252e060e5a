"""Runs of pipelines on a pipeline replica: its worker, and what that works with. Must not know what a step does."""

import asyncio
from collections.abc import Mapping

from ray import serve

from deployments.handles import RemoteASR, RemoteLLM, RemoteStage, RemoteTTS, Route
from deployments.limits import open_limits
from deployments.metering import ReplicaMetering
from deployments.status import ServeStatusBoard
from smartlite.api.subtitles import to_srt, to_vtt
from smartlite.auth.quota_book import QuotaBook
from smartlite.codecs.limits import AudioLimits
from smartlite.config import Settings
from smartlite.domain.asr import Transcript
from smartlite.domain.captions import CaptionLimits, cut_captions
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipelines import Document, Run
from smartlite.domain.stages import ASRStage, LLMStage, TTSStage
from smartlite.jobs.codec import PlatformCodec
from smartlite.jobs.http_client import GuardedClient
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.kinds import Means, step_runners
from smartlite.jobs.live import open_live
from smartlite.jobs.media import TenantMedia, tenant_of
from smartlite.jobs.metering import Meter, MeteredASR, MeteredLLM, MeteredTTS
from smartlite.jobs.pipelines import Pipelines
from smartlite.jobs.spans import SpanExporter
from smartlite.jobs.step_cache import StoredStepCache
from smartlite.jobs.worker import Worker
from smartlite.metering.prices import load_prices
from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.spec import check_document, read_document
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.open_objects import open_objects


class ReplicaRuns:
    """What one replica works on. Used in one event loop.

    Args:
        settings: Of the platform.
        models: Every served model.
        stages: The deployments that run them, by name.
        routes: The way to each model.
    """

    def __init__(
        self,
        settings: Settings,
        models: ModelDirectory,
        stages: Mapping[str, RemoteStage],
        routes: Mapping[str, Route],
    ) -> None:
        self._models = models
        self._board = ServeStatusBoard(serve.get_replica_context().app_name, models, stages)
        self._database = Database(settings.sql_url)
        cipher = Cipher(self._database, settings.encryption_key_ring)
        self._blobs = BlobStore(open_objects(settings), cipher)
        self._codec = PlatformCodec(
            AudioLimits(
                max_bytes=settings.pipeline_max_media_bytes, max_duration_s=settings.pipeline_max_audio_duration_s
            )
        )
        self._pipelines = Pipelines(self._database, read_saved, read_saved, builtin_documents())
        self._metering = ReplicaMetering(settings, self._database, cipher) if settings.auth == "required" else None
        asr, llm, tts = self._stages(settings, routes)
        means = Means(
            asr=asr,
            llm=llm,
            tts=tts,
            models=self._directory,
            codec=self._codec,
            write_captions=write_captions,
            http=GuardedClient(AllowedHosts(settings.pipeline_http_hosts)),
            find_pipeline=self._find,
        )
        slots = settings.pipeline_runs_per_replica
        self._live = open_live(settings)
        self._cache = StoredStepCache(self._database, self._directory)
        prices = load_prices(settings.prices)
        executor = Executor(step_runners(means), priced=prices.metered, cache=self._cache)
        endpoint = settings.otlp_endpoint
        self._spans = SpanExporter(self._database, endpoint) if endpoint else None
        on_end = self._spans.ended if self._spans else None
        self._worker = Worker(self._database, executor, read_saved, self._media, slots, live=self._live, on_end=on_end)
        self._has_work = slots > 0
        self._purging: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to work, once the event loop runs; nothing where it works already."""
        if self._metering is not None:
            self._metering.begin()
        if self._has_work:
            self._worker.begin()
            if self._purging is None:
                self._purging = asyncio.create_task(self._cache.purge_for_ever())

    async def close(self) -> None:
        """Stop, and give the runs back to other replicas."""
        if self._purging is not None:
            self._purging.cancel()
        await self._worker.close()
        if self._spans is not None:
            await self._spans.close()
        await self._live.close()
        await self._codec.close()
        self._blobs.close()
        await self._database.close()

    def _stages(self, settings: Settings, routes: Mapping[str, Route]) -> tuple[ASRStage, LLMStage, TTSStage]:
        """What steps use; limited and recorded where requests are."""
        asr, llm, tts = RemoteASR(routes), RemoteLLM(routes), RemoteTTS(routes)
        if self._metering is None:
            return asr, llm, tts
        limits = open_limits(settings, self._metering, QuotaBook(self._database))
        meter = Meter(self._metering.metering.recorder, limits, settings.pipeline_max_audio_duration_s)
        return MeteredASR(asr, meter), MeteredLLM(llm, meter), MeteredTTS(tts, meter)

    async def _directory(self) -> ModelDirectory:
        return self._models.with_voices(await self._board.voices()) if self._models.untold else self._models

    async def _find(self, run: Run, name: str, version: int | None) -> Document:
        return await self._pipelines.named(run.user_id, name, version)

    def _media(self, run: Run) -> TenantMedia:
        return TenantMedia(self._blobs, tenant_of(run))


def read_saved(source: str) -> Document:
    """The document of a version, whose models were checked when it was saved.

    Raises:
        PipelineInvalid: 400, this release does not understand it any more.
    """
    return check_document(read_document(source), None)


def write_captions(kind: str, transcript: Transcript) -> str:
    """A transcript as captions that can be read in time."""
    captions = cut_captions(transcript.segments, CaptionLimits(), transcript.info.duration_s)
    return to_srt(captions) if kind == "srt" else to_vtt(captions)
