"""Binds each kind of replica: plain class plus arguments to ``Application``. Must not know the whole graph."""

from functools import partial

from ray import serve
from ray.serve import Application

from deployments.asr import ASRDeployment
from deployments.ingress import IngressDeployment
from deployments.llm import LLMDeployment
from deployments.loading import EngineSpec, load_asr, load_llm, load_tts, open_decoder
from deployments.pipeline import PipelineDeployment
from deployments.tts import TTSDeployment
from graphs.args import LLMArgs, PipelineArgs, StageArgs
from smartlite.codecs.encode import open_encoder
from smartlite.domain.models import ModelDirectory
from smartlite.models.catalog import Catalog
from smartlite.pipeline.voice import VoiceOptions


def bind_asr(args: StageArgs, catalog: Catalog) -> Application:
    """The ASR stage."""
    return serve.deployment(ASRDeployment, name="asr").bind(partial(load_asr, _specs(args, catalog)), open_decoder)


def bind_llm(args: LLMArgs, catalog: Catalog) -> Application:
    """The LLM stage."""
    return serve.deployment(LLMDeployment, name="llm").bind(partial(load_llm, _specs(args, catalog)), args.frame_s)


def bind_tts(args: StageArgs, catalog: Catalog) -> Application:
    """The TTS stage."""
    return serve.deployment(TTSDeployment, name="tts").bind(partial(load_tts, _specs(args, catalog)), open_encoder)


def bind_pipeline(args: PipelineArgs, asr: Application, llm: Application, tts: Application) -> Application:
    """The pipeline over the three stages."""
    options = VoiceOptions(**args.model_dump())
    return serve.deployment(PipelineDeployment, name="pipeline").bind(asr, llm, tts, options)


def bind_ingress(
    models: ModelDirectory, asr: Application, llm: Application, tts: Application, pipeline: Application
) -> Application:
    """The gateway over everything."""
    ingress = serve.ingress()(IngressDeployment)
    return serve.deployment(ingress, name="ingress").bind(asr, llm, tts, pipeline, models)


def _specs(args: StageArgs, catalog: Catalog) -> list[EngineSpec]:
    return [
        EngineSpec(entry, served.engine or entry.engine, served.options)
        for served in args.models
        for entry in [catalog.find(served.model)]
    ]
