"""The stages behind handles: which deployment runs a model, and how it is asked. Must not know what is asked.

Each class here satisfies the stage Protocol of the replica behind it, so nobody above knows whether a stage is a
handle, a plain object or a test's fake.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from ray.serve.handle import DeploymentHandle

from deployments.batched_calls import BatchLimits
from deployments.handles import RemoteStage
from deployments.offers import Offers
from deployments.presence import Presence
from deployments.waking import Waking
from smartlite.config import Settings
from smartlite.domain.asr import TranscribeRequest, TranscriptEvent
from smartlite.domain.audio import AudioFile, EncodedAudio
from smartlite.domain.embedding import EmbeddingEvent, EmbedRequest
from smartlite.domain.llm import ChatEvent, ChatRequest
from smartlite.domain.models import ModelDirectory, ServedModel
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.domain.tts import SpeakRequest, SpeechEvent
from smartlite.errors import ModelNotFound
from smartlite.spool import SpooledAudio

_FEW: Final = 64
"""Messages or texts of a request that goes with others."""
_SHORT_TEXT_CHARACTERS: Final = 200
"""Speech of a text up to so long goes with others: the gateway may hold all of it, 1 MB as samples."""

_TURN_WAKE_TIMEOUT_S: Final = 3600.0
"""The pipeline's own waits for its stages end first, and it says for which."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where the requests for a model go."""

    stage: RemoteStage
    load_s: float
    """How long it may take to load the model, where that is done when it is asked for."""


def open_stages(handles: Mapping[str, DeploymentHandle], settings: Settings) -> dict[str, RemoteStage]:
    """The deployments behind handles, by name."""
    waits = (settings.first_event_timeout_s, settings.next_event_timeout_s)
    applications = {handle.app_name for handle in handles.values()}
    waking = {each: Waking(Presence(each), settings.model_load_timeout_s) for each in applications}
    limits = BatchLimits(
        settings.call_batch_items,
        settings.call_batches_under_way,
        settings.call_batch_bytes,
        settings.call_batch_waiting,
    )
    return {
        name: RemoteStage(handle, name, *waits, waking[handle.app_name], limits) for name, handle in handles.items()
    }


def open_routes(stages: Mapping[str, RemoteStage], models: ModelDirectory, settings: Settings) -> dict[str, Route]:
    """The way to every served model, by its id."""
    return {model.id: _open_route(stages[model.deployment or model.task], model, settings) for model in models.models}


def _open_route(stage: RemoteStage, model: ServedModel, settings: Settings) -> Route:
    if model.load == "on_demand":
        return Route(stage.preferring(model.id), settings.model_load_timeout_s)
    return Route(stage, 0.0)


class RemoteModels:
    """Models at the deployments that run them."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes

    def stream(
        self, model: str, method: str, request: object, size_bytes: int = 0, is_small: bool = False
    ) -> AsyncGenerator[Any, None]:
        """As RemoteStage.stream, at the deployment of a model.

        Raises:
            ModelNotFound: 404, at once.
        """
        route = self._routes.get(model)
        if route is None:
            raise ModelNotFound(f"The model '{model[:64]}' is not served.", "model")
        return route.stage.stream(method, request, size_bytes, route.load_s, is_small)


class RemoteASR(RemoteModels):
    """ASRStage behind handles; ``offers`` is where its replicas fetch what is too large to be held."""

    def __init__(self, routes: Mapping[str, Route], offers: Offers) -> None:
        super().__init__(routes)
        self._offers = offers

    def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        if isinstance(request.audio, SpooledAudio):
            return self._offered(request)
        return self.stream(request.model, "transcribe", request, _carried_bytes(request.audio))

    async def _offered(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        async with self._offers.offered(request.audio) as audio:
            asked = replace(request, audio=audio)
            async with aclosing(self.stream(request.model, "transcribe", asked)) as events:
                async for event in events:
                    yield event


class RemoteLLM(RemoteModels):
    """LLMStage behind handles."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See LLMStage."""
        size_bytes = sum(len(message.content) * 4 for message in request.messages)
        is_plain = not request.options.tools and request.options.json_schema is None
        is_small = request.is_whole and is_plain and len(request.messages) <= _FEW
        return self.stream(request.model, "chat", request, size_bytes, is_small)


class RemoteEmbedding(RemoteModels):
    """EmbeddingStage behind handles."""

    def embed(self, request: EmbedRequest) -> AsyncGenerator[EmbeddingEvent, None]:
        """See EmbeddingStage."""
        size_bytes = sum(len(text) * 4 for text in request.texts)
        return self.stream(request.model, "embed", request, size_bytes, is_small=len(request.texts) <= _FEW)


class RemoteTTS(RemoteModels):
    """TTSStage behind handles."""

    def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """See TTSStage."""
        is_small = len(request.text) <= _SHORT_TEXT_CHARACTERS
        return self.stream(request.model, "speak", request, len(request.text) * 4, is_small)


class RemotePipeline(RemoteStage):
    """PipelineStage behind a handle; what it waits for may be any stage that wakes. ``offers`` as in RemoteASR."""

    def __init__(
        self,
        handle: DeploymentHandle,
        name: str,
        first_event_timeout_s: float,
        next_event_timeout_s: float,
        offers: Offers,
    ) -> None:
        presence = Presence(handle.app_name)
        waking = Waking(presence, _TURN_WAKE_TIMEOUT_S, of_any=True)
        super().__init__(handle, name, first_event_timeout_s, next_event_timeout_s, waking)
        self._offers = offers

    async def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage."""
        async with self._offers.offered(request.audio) as audio:
            asked = replace(request, audio=audio)
            async with aclosing(self.stream("run_turn", asked, _carried_bytes(audio))) as events:
                async for event in events:
                    yield event


def _carried_bytes(audio: AudioFile) -> int:
    """How much of a request is its audio; what is fetched is not part of it."""
    return len(audio.data) if isinstance(audio, EncodedAudio) else 0
