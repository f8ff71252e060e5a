"""The pipeline replica: runs voice turns over handles to the stages. Must not know how a turn works."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ray.serve.handle import DeploymentHandle

from deployments.handles import RemoteASR, RemoteLLM, RemoteTTS
from deployments.loopback import bind_to_loopback
from smartlite.codecs.encode import open_encoder
from smartlite.codecs.whole import WholeFileEncoder
from smartlite.config import load_settings
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioFormat, SpeechEncoder
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.logging import configure_logging
from smartlite.pipeline.voice import VoiceOptions, VoicePipeline


class PipelineDeployment:
    """A PipelineStage whose own stages are other deployments."""

    def __init__(
        self, asr: DeploymentHandle, llm: DeploymentHandle, tts: DeploymentHandle, options: VoiceOptions
    ) -> None:
        bind_to_loopback()
        settings = load_settings()
        configure_logging(settings.log_level)
        waits = (settings.first_event_timeout_s, settings.next_event_timeout_s)
        self._voice = VoicePipeline(
            RemoteASR(asr, "asr", *waits),
            RemoteLLM(llm, "llm", *waits),
            RemoteTTS(tts, "tts", *waits),
            _open_encoder,
            options,
        )

    async def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage."""
        async with aclosing(self._voice.run_turn(request)) as events:
            async for event in events:
                yield event


def _open_encoder(audio_format: AudioFormat, whole: bool) -> SpeechEncoder:
    return WholeFileEncoder(audio_format) if whole else open_encoder(audio_format, SPEECH_SAMPLE_RATE_HZ)
