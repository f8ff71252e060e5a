"""Every kind of step that this platform runs, over its stages and codecs. Must not know Ray, nor what a kind does."""

from collections.abc import Mapping
from dataclasses import dataclass

from smartlite.domain.stages import ASRStage, LLMStage, TTSStage
from smartlite.jobs.gateway_calls import GatewayCalls
from smartlite.jobs.gateway_request import GatewayRequest
from smartlite.pipeline.execution.kinds import StepRunner
from smartlite.pipeline.spec.kinds import GATEWAY_REQUEST
from smartlite.pipeline.steps.audio import Audio
from smartlite.pipeline.steps.chat import Chat
from smartlite.pipeline.steps.http import HTTP
from smartlite.pipeline.steps.nested import Nested
from smartlite.pipeline.steps.ports import CaptionWriter, Codec, Directory, FindPipeline, HTTPClient
from smartlite.pipeline.steps.recognition import Recognition
from smartlite.pipeline.steps.speaking import Speaking
from smartlite.pipeline.steps.text import split, template


@dataclass(frozen=True, slots=True)
class Means:
    """What steps work with."""

    asr: ASRStage
    llm: LLMStage
    tts: TTSStage
    models: Directory
    codec: Codec
    write_captions: CaptionWriter
    http: HTTPClient
    find_pipeline: FindPipeline
    gateway: GatewayCalls | None = None
    """None: runs of requests fail."""


def step_runners(means: Means) -> Mapping[str, StepRunner]:
    """What runs each kind of step, by its name."""
    recognition = Recognition(means.asr, means.models, means.write_captions)
    audio = Audio(means.codec)
    of_gateway = {} if means.gateway is None else {GATEWAY_REQUEST: GatewayRequest(means.gateway).request}
    return {
        **of_gateway,
        "asr.transcribe": recognition.transcribe,
        "asr.translate": recognition.translate,
        "llm.chat": Chat(means.llm, means.models).chat,
        "tts.speak": Speaking(means.tts, means.models, means.codec).speak,
        "audio.convert": audio.convert,
        "audio.split": audio.split,
        "text.template": template,
        "text.split": split,
        "http.request": HTTP(means.http).request,
        "pipeline.run": Nested(means.find_pipeline).run,
    }
