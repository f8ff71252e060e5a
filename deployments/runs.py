"""Runs of pipelines on a pipeline replica: its worker, and what that works with. Must not know what a step does."""

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Final

from ray import serve

from deployments.batches import ReplicaBatches
from deployments.gateway import open_gateway
from deployments.handles import RemoteStage
from deployments.limits import open_limits
from deployments.metering import ReplicaMetering
from deployments.offers import Offers
from deployments.remote_models import RemoteASR, RemoteLLM, RemoteTTS, Route
from deployments.results import open_results, purge_for_ever
from deployments.status import ServeStatusBoard
from smartlite.api.subtitles import to_srt, to_vtt
from smartlite.auth.quota_book import QuotaBook
from smartlite.auth.rate_limit import Limits
from smartlite.codecs.limits import AudioLimits
from smartlite.config import Settings
from smartlite.domain.asr import Transcript
from smartlite.domain.captions import CaptionLimits, cut_captions
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipelines import Document, Run
from smartlite.domain.stages import ASRStage, LLMStage, TTSStage
from smartlite.errors import SmartLiteError
from smartlite.jobs.codec import PlatformCodec
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.http_client import GuardedClient
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.kinds import Means, step_runners
from smartlite.jobs.live import open_live
from smartlite.jobs.media import TenantMedia, tenant_of
from smartlite.jobs.metering import Meter, MeteredASR, MeteredLLM, MeteredTTS
from smartlite.jobs.pipelines import Pipelines, reading
from smartlite.jobs.prompts import Prompts, find_prompt
from smartlite.jobs.run_retention import RunRetention
from smartlite.jobs.spans import SpanExporter
from smartlite.jobs.step_cache import StoredStepCache
from smartlite.jobs.webhook_sender import WebhookSender
from smartlite.jobs.worker import Worker
from smartlite.metering.prices import load_prices
from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.steps.installed import find_installed
from smartlite.storage.bell import Bell
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.open_objects import open_objects

_PURGE_EVERY_S: Final = 3600.0
_logger = logging.getLogger(__name__)
_ANSWER_BYTES: Final = 64 * 1024
"""Of what a webhook's receiver answers."""


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
        installed = find_installed()
        read = reading(installed.kinds)
        self._pipelines = Pipelines(self._database, read, read, builtin_documents())
        self._metering = ReplicaMetering(settings, self._database, cipher) if settings.auth == "required" else None
        limits = open_limits(settings, self._metering, QuotaBook(self._database)) if self._metering else None
        self._limits = limits
        asr, llm, tts = self._stages(settings, routes, limits)
        prompts = Prompts(self._database)
        gateway = open_gateway(
            settings,
            models,
            routes,
            self._board,
            self._database,
            self._blobs,
            self._metering,
            limits,
            prompts,
            Conversations(self._database, cipher),
        )
        means = Means(
            asr=asr,
            llm=llm,
            tts=tts,
            models=self._directory,
            codec=self._codec,
            write_captions=write_captions,
            http=GuardedClient(AllowedHosts(settings.pipeline_http_hosts)),
            find_pipeline=self._find,
            find_prompt=find_prompt(prompts),
            gateway=gateway,
        )
        self._batches = ReplicaBatches(settings, self._database, self._blobs, gateway)
        self._keep_days = settings.runs_keep_days
        self._retention = RunRetention(self._database, self._blobs)
        self._looking_after: list[asyncio.Task[None]] = []
        self._bell = bell = Bell(settings.redis_url.get_secret_value())
        slots = settings.pipeline_runs_per_replica
        self._live = open_live(settings)
        self._results = open_results(settings, self._database, self._blobs)
        self._cache = StoredStepCache(self._database, self._directory)
        executor = Executor(
            {**step_runners(means), **installed.runners},
            specs=installed.kinds,
            priced=load_prices(settings.prices).metered,
            cache=self._cache,
        )
        endpoint = settings.otlp_endpoint
        self._spans = SpanExporter(self._database, endpoint) if endpoint else None
        self._worker = Worker(
            self._database,
            executor,
            read,
            self._media,
            slots,
            bell=bell,
            live=self._live,
            on_end=self._spans.ended if self._spans else None,
        )
        self._has_work = slots > 0
        told = GuardedClient(AllowedHosts(settings.webhook_hosts), max_bytes=_ANSWER_BYTES, cuts=True, https_only=True)
        self._sender = WebhookSender(self._database, told, cipher, settings.webhook_log_days, bell=bell)

    def begin(self) -> None:
        """Start to work, once the event loop runs; nothing where it works already."""
        if self._metering is not None:
            self._metering.begin()
        self._sender.begin()
        if self._has_work:
            self._worker.begin()
        self._batches.begin()
        if not self._looking_after:
            works = (self._purge_for_ever(), self._cache.purge_for_ever(), purge_for_ever(self._results))
            self._looking_after = [asyncio.create_task(work) for work in works]

    async def close(self) -> None:
        """Stop, and give the runs back to other replicas."""
        for task in self._looking_after:
            task.cancel()
        if self._looking_after:
            await asyncio.wait(self._looking_after)
        await self._batches.close()
        await self._worker.close()
        await self._sender.close()
        if self._spans is not None:
            await self._spans.close()
        await self._live.close()
        await self._bell.close()
        await self._codec.close()
        self._blobs.close()
        if self._limits is not None:
            await self._limits.close()
        await self._database.close()

    def _stages(
        self, settings: Settings, routes: Mapping[str, Route], limits: Limits | None
    ) -> tuple[ASRStage, LLMStage, TTSStage]:
        """What steps use; limited and recorded where requests are."""
        asr, llm, tts = RemoteASR(routes, Offers()), RemoteLLM(routes), RemoteTTS(routes)
        if self._metering is None or limits is None:
            return asr, llm, tts
        meter = Meter(self._metering.metering.recorder, limits, settings.pipeline_max_audio_duration_s)
        return MeteredASR(asr, meter), MeteredLLM(llm, meter), MeteredTTS(tts, meter)

    async def _purge_for_ever(self) -> None:
        while True:
            # At another moment on each replica, so that they do not remove the same runs.
            await asyncio.sleep(_PURGE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 - nobody gains by guessing
            try:
                await self._retention.purge(self._keep_days)
            except SmartLiteError as error:
                _logger.warning("old runs were not removed", extra={"reason": error.message})

    async def _directory(self) -> ModelDirectory:
        return self._models.with_voices(await self._board.voices()) if self._models.untold else self._models

    async def _find(self, run: Run, name: str, version: int | None) -> Document:
        return await self._pipelines.named(run.user_id, name, version)

    def _media(self, run: Run) -> TenantMedia:
        return TenantMedia(self._blobs, tenant_of(run))


def write_captions(kind: str, transcript: Transcript) -> str:
    """A transcript as captions that can be read in time."""
    captions = cut_captions(transcript.segments, CaptionLimits(), transcript.info.duration_s)
    return to_srt(captions) if kind == "srt" else to_vtt(captions)
