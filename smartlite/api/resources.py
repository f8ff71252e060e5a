"""Which things have a policy of their own, and how each is found. Must not know who may do what with them.

Another kind is another line of ``FINDERS``; its routes ask ``resource_of`` and then ``policies.decide_access``.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from smartlite.api.services import Services
from smartlite.auth.policies import Resource, missing
from smartlite.domain.batches import Batch
from smartlite.domain.conversations import Conversation
from smartlite.domain.files import StoredFile
from smartlite.domain.metering import RequestRecord
from smartlite.domain.pipelines import Pipeline, Run
from smartlite.domain.prompts import Prompt
from smartlite.errors import InvalidRequest, NotFound

REQUEST: Final = "request"
"""An entry of the history."""
PIPELINE: Final = "pipeline"
RUN: Final = "run"
PROMPT: Final = "prompt"
CONVERSATION: Final = "conversation"
FILE: Final = "file"
BATCH: Final = "batch"

Find = Callable[[Services, str], Awaitable[Resource | None]]
"""From an id to the thing without its shares; None where there is none."""


def of_record(record: RequestRecord) -> Resource:
    """An entry of the history, as something that has a policy."""
    return Resource(REQUEST, record.id, record.user_id, record.organization_id)


def of_pipeline(pipeline: Pipeline) -> Resource:
    """A pipeline, likewise."""
    return Resource(PIPELINE, pipeline.id, pipeline.owner_id, pipeline.organization_id)


def of_run(run: Run) -> Resource:
    """A run, likewise; who may see its pipeline is another matter."""
    return Resource(RUN, run.id, run.user_id, run.organization_id)


def of_prompt(prompt: Prompt) -> Resource:
    """A prompt, likewise."""
    return Resource(PROMPT, prompt.id, prompt.owner_id, prompt.organization_id)


def of_conversation(conversation: Conversation) -> Resource:
    """A conversation, likewise."""
    return Resource(CONVERSATION, conversation.id, conversation.owner_id, conversation.organization_id)


def of_file(file: StoredFile) -> Resource:
    """A file, likewise."""
    return Resource(FILE, file.id, file.owner_id, file.organization_id)


def of_batch(batch: Batch) -> Resource:
    """A batch, likewise; its files are another matter."""
    return Resource(BATCH, batch.id, batch.user_id, batch.organization_id)


async def _find_request(services: Services, record_id: str) -> Resource | None:
    record = None if services.metering is None else await services.metering.history.find(record_id)
    return None if record is None else of_record(record)


async def _find_pipeline(services: Services, pipeline_id: str) -> Resource | None:
    found = None if services.pipelines is None else await services.pipelines.get(pipeline_id)
    return None if found is None else of_pipeline(found)


async def _find_run(services: Services, run_id: str) -> Resource | None:
    if services.runs is None:
        return None
    try:
        return of_run(await services.runs.get(run_id))
    except NotFound:
        return None


async def _find_prompt(services: Services, prompt_id: str) -> Resource | None:
    found = None if services.prompts is None else await services.prompts.get(prompt_id)
    return None if found is None else of_prompt(found)


async def _find_conversation(services: Services, conversation_id: str) -> Resource | None:
    found = None if services.conversations is None else await services.conversations.get(conversation_id)
    return None if found is None else of_conversation(found)


async def _find_file(services: Services, file_id: str) -> Resource | None:
    found = None if services.files is None else await services.files.get(file_id)
    return None if found is None else of_file(found)


async def _find_batch(services: Services, batch_id: str) -> Resource | None:
    found = None if services.batches is None else await services.batches.get(batch_id)
    return None if found is None else of_batch(found)


FINDERS: Final[Mapping[str, Find]] = {
    REQUEST: _find_request,
    PIPELINE: _find_pipeline,
    RUN: _find_run,
    PROMPT: _find_prompt,
    CONVERSATION: _find_conversation,
    FILE: _find_file,
    BATCH: _find_batch,
}
"""By kind."""


async def resource_of(services: Services, kind: str, resource_id: str) -> Resource:
    """Something that can be shared, with everything that the decision about it needs.

    Raises:
        InvalidRequest: 400, nothing of this kind can be shared.
        NotFound: 404, there is no such thing.
    """
    find = FINDERS.get(kind)
    if find is None:
        allowed = ", ".join(sorted(FINDERS))
        raise InvalidRequest(f"'resource_kind': '{kind[:64]}' cannot be shared. Allowed: {allowed}.", "resource_kind")
    found = await find(services, resource_id)
    return await shared(services, kind, resource_id, found)


async def shared(services: Services, kind: str, resource_id: str, found: Resource | None) -> Resource:
    """The same thing with its shares, which are asked for whether it is there or not: both take as long.

    Raises:
        NotFound: 404, it is not.
    """
    assert services.identity is not None  # noqa: S101 - routes that ask are served only with users
    shares = await services.identity.sharing.of(kind, resource_id)
    if found is None:
        raise missing(kind, resource_id)
    return Resource(kind, found.id, found.owner_id, found.organization_id, shares)
