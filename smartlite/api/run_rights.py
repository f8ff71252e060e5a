"""Which rights a pipeline's steps need of whoever runs it. Must not know how steps run, nor any route.

A run works on when its request has ended, so everything is asked for before it is accepted.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from smartlite.auth.permissions import decide
from smartlite.auth.scopes import Scope
from smartlite.domain.models import ModelDirectory, ModelTask
from smartlite.domain.pipelines import JSON, Document, Step
from smartlite.domain.principal import Principal
from smartlite.errors import ModelNotFound, PermissionDenied

_NEEDED: Final[Mapping[str, tuple[Scope, ModelTask]]] = {
    "asr.transcribe": (Scope.ASR_TRANSCRIBE, "asr"),
    "asr.translate": (Scope.ASR_TRANSLATE, "asr"),
    "llm.chat": (Scope.LLM_CHAT, "llm"),
    "tts.speak": (Scope.TTS_SYNTHESIZE, "tts"),
}
_RUNS_ANOTHER: Final = "pipeline.run"


def check_steps(principal: Principal, document: Document, models: ModelDirectory) -> None:
    """Return if the principal may do all that the steps, and what stands in for them, may do.

    A step whose model only an expression tells, and one that runs another pipeline, needs the scope for every model.

    Raises:
        PermissionDenied: 403, names the missing scope.
    """
    for step in document.steps:
        for uses, fields in _ways(step):
            if uses == _RUNS_ANOTHER:
                for scope, _ in _NEEDED.values():
                    _decide_whole(principal, scope, step.id)
            elif uses in _NEEDED:
                scope, task = _NEEDED[uses]
                model = _model(fields.get("model"), task, models)
                if model is None:
                    _decide_whole(principal, scope, step.id)
                else:
                    decide(principal, scope, model)


def _ways(step: Step) -> Iterator[tuple[str, Mapping[str, JSON]]]:
    yield step.uses, step.with_
    for other in step.fallback:
        yield other.uses or step.uses, {**step.with_, **other.with_}


def _model(name: JSON, task: ModelTask, models: ModelDirectory) -> str | None:
    """Id of the model that a step works with; None where that is not known yet."""
    try:
        if name is None:
            return models.default(task).id
        return models.resolve(name, task).id if isinstance(name, str) and "${{" not in name else None
    except ModelNotFound:
        return None  # the step will say so


def _decide_whole(principal: Principal, scope: Scope, step_id: str) -> None:
    if not principal.may(scope):
        raise PermissionDenied(
            f"This credential may not run the step '{step_id}': it lacks the scope '{scope}' for every model."
        )
