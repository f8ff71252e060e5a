"""Which served model a step means. Must not know what models do."""

from smartlite.domain.models import ModelTask
from smartlite.pipeline.steps.ports import Directory


async def model_id(directory: Directory, task: ModelTask, name: str | None) -> str:
    """The id of the model of a name or alias; None: of the task's default one.

    Raises:
        ModelNotFound: 404, there is none.
    """
    models = await directory()
    return (models.default(task) if name is None else models.resolve(name, task)).id
