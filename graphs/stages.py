"""Binds each kind of replica: plain class plus arguments to ``Application``. Must not know the whole graph."""

from collections.abc import Mapping
from functools import partial

from ray import serve
from ray.serve import Application

from deployments.asr import ASRDeployment
from deployments.embedding import EmbeddingDeployment
from deployments.ingress import IngressDeployment
from deployments.llm import LLMDeployment
from deployments.loading import EngineSpec, load_engines, on_demand, open_decoder, open_replica_peers
from deployments.peer_router import PEERS_ASK_OTHERS
from deployments.pipeline import PipelineDeployment
from deployments.text import TextDeployment
from deployments.tts import Sharing, TTSDeployment
from graphs.args import PipelineArgs, PlatformArgs
from graphs.plan import PlannedDeployment
from smartlite.codecs.encode import open_encoder
from smartlite.domain.models import ModelDirectory, ModelLoad
from smartlite.engines.registry import parse_options
from smartlite.pipeline.voice import VoiceOptions


def bind_models(planned: PlannedDeployment, args: PlatformArgs) -> Application:
    """The replicas that run some models, of the class that does their task."""
    load = partial(load_engines, _specs(planned, "startup"))
    later = on_demand(_specs(planned, "on_demand"), planned.max_loaded)
    if planned.tasks == {"asr"}:
        return serve.deployment(ASRDeployment, name=planned.name, request_router_config=PEERS_ASK_OTHERS).bind(
            load, open_decoder, later, args.asr.piece_s, open_replica_peers
        )
    if planned.tasks == {"tts"}:
        return serve.deployment(TTSDeployment, name=planned.name, request_router_config=PEERS_ASK_OTHERS).bind(
            load, open_encoder, later, _sharing(planned, args)
        )
    if planned.tasks == {"embedding"}:
        return serve.deployment(EmbeddingDeployment, name=planned.name).bind(load, later)
    replica = LLMDeployment if planned.tasks == {"llm"} else TextDeployment
    return serve.deployment(replica, name=planned.name).bind(load, args.llm.frame_s, later)


def bind_pipeline(args: PipelineArgs, models: ModelDirectory, stages: Mapping[str, Application]) -> Application:
    """The pipeline over the model stages, by their names."""
    options = VoiceOptions(**args.model_dump())
    return serve.deployment(PipelineDeployment, name="pipeline").bind(dict(stages), models, options)


def bind_ingress(models: ModelDirectory, stages: Mapping[str, Application], pipeline: Application) -> Application:
    """The gateway over everything."""
    ingress = serve.ingress()(IngressDeployment)
    return serve.deployment(ingress, name="ingress").bind(dict(stages), pipeline, models)


def _sharing(planned: PlannedDeployment, args: PlatformArgs) -> Sharing:
    at_once = {
        model.entry.id: parse_options("tts", model.engine, model.options).sentences_at_once for model in planned.models
    }
    return Sharing(at_once, args.tts.sentences_ahead)


def _specs(planned: PlannedDeployment, load: ModelLoad) -> list[EngineSpec]:
    return [EngineSpec(model.entry, model.engine, model.options) for model in planned.models if model.load == load]
