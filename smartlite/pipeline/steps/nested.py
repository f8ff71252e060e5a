"""``pipeline.run``: another pipeline within the step. Must not know where pipelines are kept."""

from collections.abc import AsyncGenerator, Mapping

from smartlite.domain.pipelines import JSON
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.spec.inputs import bound_inputs
from smartlite.pipeline.steps.ports import FindPipeline


class Nested:
    """Runs the kind.

    Args:
        find: The document that is meant.
    """

    def __init__(self, find: FindPipeline) -> None:
        self._find = find

    async def run(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        document = await self._find(context.run, fields["pipeline"], fields.get("version"))
        inputs = bound_inputs(document.inputs, fields.get("inputs", {}))
        yield StepOutput(dict(await context.run_nested(document, inputs)))
