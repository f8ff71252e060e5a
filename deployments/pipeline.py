"""The pipeline replica: voice turns and runs of pipelines over handles to the stages. Must not know how they work."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing

from ray.serve.handle import DeploymentHandle

from deployments.loopback import bind_to_loopback
from deployments.offers import Offers
from deployments.remote_models import RemoteASR, RemoteLLM, RemoteTTS, open_routes, open_stages
from deployments.runs import ReplicaRuns
from smartlite.codecs.encode import open_encoder
from smartlite.codecs.whole import WholeFileEncoder
from smartlite.config import load_settings
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioFormat, SpeechEncoder
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.logging import configure_logging
from smartlite.pipeline.voice import VoiceOptions, VoicePipeline


class PipelineDeployment:
    """A PipelineStage whose own stages are other deployments.

    Args:
        handles: The deployments that run models, by name.
        models: Every served model, with the deployment that runs it.
        options: Of the assistant.
    """

    def __init__(self, handles: Mapping[str, DeploymentHandle], models: ModelDirectory, options: VoiceOptions) -> None:
        bind_to_loopback()
        settings = load_settings()
        configure_logging(settings.log_level)
        stages = open_stages(handles, settings)
        routes = open_routes(stages, models, settings)
        self._voice = VoicePipeline(
            RemoteASR(routes, Offers()), RemoteLLM(routes), RemoteTTS(routes), _open_encoder, options
        )
        self._runs = ReplicaRuns(settings, models, stages, routes)
        self._is_closed = False

    async def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage."""
        async with aclosing(self._voice.run_turn(request)) as events:
            async for event in events:
                yield event

    async def check_health(self) -> None:
        """Healthy where it answers. Serve asks before the first request, which begins the work on runs."""
        if not self._is_closed:
            self._runs.begin()

    def __del__(self) -> Coroutine[None, None, None] | None:
        """Serve calls this when the replica is to end, and waits for what it returns; Python calls it once more."""
        if getattr(self, "_is_closed", True):
            return None
        self._is_closed = True
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return None
        return self._runs.close()


def _open_encoder(audio_format: AudioFormat, whole: bool) -> SpeechEncoder:
    return WholeFileEncoder(audio_format) if whole else open_encoder(audio_format, SPEECH_SAMPLE_RATE_HZ)
