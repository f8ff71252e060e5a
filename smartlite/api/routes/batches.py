"""``/v1/batches``: files of requests, answered within a day, as OpenAI has it. Must not know who answers them."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from smartlite.api.file_access import batch_of, file_of, whose
from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.batches import BatchList, BatchObject, NewBatch
from smartlite.api.services import BatchesDep, Services, ServicesDep
from smartlite.auth.permissions import decide
from smartlite.auth.scopes import Scope
from smartlite.domain.batches import BatchEndpoint, BatchQuery
from smartlite.domain.files import FilePurpose, StoredFile
from smartlite.domain.organizations import Access
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidRequest, NotFound, RequestTooLarge
from smartlite.jobs.batches import NewBatch as AskedBatch
from smartlite.jobs.gateway_calls import Caller

router = APIRouter(prefix="/batches", tags=["Files and batches"])

NEEDED: Final[Mapping[BatchEndpoint, Scope]] = {
    BatchEndpoint.CHAT: Scope.LLM_CHAT,
    BatchEndpoint.RESPONSES: Scope.LLM_CHAT,
    BatchEndpoint.EMBEDDINGS: Scope.LLM_EMBED,
    BatchEndpoint.TRANSCRIPTIONS: Scope.ASR_TRANSCRIBE,
    BatchEndpoint.TRANSLATIONS: Scope.ASR_TRANSLATE,
    BatchEndpoint.SPEECH: Scope.TTS_SYNTHESIZE,
}
"""What the lines need; for which model is asked when each is answered."""
_READ: Final = [needs(Scope.BATCHES_READ)]
_WRITE: Final = [needs(Scope.BATCHES_WRITE)]
_ABSENT: Final = error_responses(400, 404)


@router.post(
    "",
    summary="Make a batch",
    dependencies=_WRITE,
    responses=error_responses(400, 404, 413, 415, 429, 503),
    openapi_extra=json_request_body(NewBatch, {}),
)
async def create_batch(
    request: Request, services: ServicesDep, batches: BatchesDep, principal: PrincipalDep
) -> BatchObject:
    """Each line is answered as the request would be, with your rights and limits as they are then.

    Beside OpenAI's endpoints there are those of audio: a recording is named by `file_id`, or is a data URL in `file`;
    speech becomes a file, whose `file_id` is in the answer.
    """
    body = await read_json(request, NewBatch)
    endpoint = BatchEndpoint(body.endpoint)
    decide(principal, NEEDED[endpoint])
    file = await _input(services, principal, body.input_file_id)
    caller = Caller(owner_of(principal), principal.organization_id, principal.key_id, principal.scopes)
    expires_after_s = None if body.output_expires_after is None else body.output_expires_after.seconds
    return BatchObject.of(await batches.add(AskedBatch(caller, endpoint, file.id, body.metadata, expires_after_s)))


@router.get("", summary="List batches", dependencies=_READ, responses=error_responses(400))
async def list_batches(
    batches: BatchesDep,
    principal: PrincipalDep,
    after: Annotated[str | None, Query(max_length=64, description="`last_id` of the part before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most entries.")] = 20,
) -> BatchList:
    """Newest first: your own; those of an organization with a credential for it."""
    user_id, organization_id = whose(principal)
    page = await batches.page(BatchQuery(user_id, organization_id), after, limit)
    data = list(map(BatchObject.of, page.items))
    ends = (data[0].id, data[-1].id) if data else (None, None)
    return BatchList(data=data, first_id=ends[0], last_id=ends[1], has_more=page.next is not None)


@router.get("/{batch_id}", summary="Retrieve a batch", dependencies=_READ, responses=_ABSENT)
async def retrieve_batch(batch_id: str, services: ServicesDep, principal: PrincipalDep) -> BatchObject:
    """How far it is, and its files once it has ended."""
    return BatchObject.of(await batch_of(services, principal, batch_id, Access.READ))


@router.post("/{batch_id}/cancel", summary="Cancel a batch", dependencies=_WRITE, responses=_ABSENT)
async def cancel_batch(
    batch_id: str, services: ServicesDep, batches: BatchesDep, principal: PrincipalDep
) -> BatchObject:
    """It ends within seconds and keeps what is answered; one that has ended stays as it is."""
    batch = await batch_of(services, principal, batch_id, Access.WRITE)
    return BatchObject.of(await batches.cancel(batch.id))


async def _input(services: Services, principal: Principal, file_id: str) -> StoredFile:
    try:
        file = await file_of(services, principal, file_id, Access.READ)
    except NotFound as error:
        raise NotFound(error.message, "input_file_id") from None
    if file.purpose is not FilePurpose.BATCH:
        message = f"'input_file_id': the purpose of this file is '{file.purpose}'; it must be 'batch'."
        raise InvalidRequest(message, "input_file_id")
    most = services.settings.batch_max_input_bytes
    if file.size_bytes > most:
        message = f"'input_file_id': this file has {file.size_bytes} bytes; the input of a batch may have {most}."
        raise RequestTooLarge(message, "input_file_id")
    return file
