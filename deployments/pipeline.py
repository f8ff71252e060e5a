"""The pipeline replica: runs voice turns over handles to the stages. Must not know how a turn works."""

from collections.abc import AsyncGenerator

from ray.serve.handle import DeploymentHandle
from smartlite.codecs.encode import open_encoder

from deployments.handles import RemoteASR, RemoteLLM, RemoteTTS
from smartlite.config import load_settings
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.logging import configure_logging
from smartlite.pipeline.voice import VoiceOptions, VoicePipeline


class PipelineDeployment:
    """A PipelineStage whose own stages are other deployments."""

    def __init__(
        self, asr: DeploymentHandle, llm: DeploymentHandle, tts: DeploymentHandle, options: VoiceOptions
    ) -> None:
        settings = load_settings()
        configure_logging(settings.log_level)
        waits = (settings.first_event_timeout_s, settings.next_event_timeout_s)
        self._voice = VoicePipeline(
            RemoteASR(asr, "asr", *waits),
            RemoteLLM(llm, "llm", *waits),
            RemoteTTS(tts, "tts", *waits),
            open_encoder,
            options,
        )

    def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage."""
        return self._voice.run_turn(request)
