"""``/v1/files``: files that users keep, as OpenAI has it. Must not know where their bytes are."""

from typing import Annotated, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from smartlite.api.byte_range import RANGE_HEADERS, part_of, tag_of, unsatisfiable
from smartlite.api.byte_stream import byte_response
from smartlite.api.file_access import file_of, whose
from smartlite.api.file_upload import receive_file
from smartlite.api.forms import form_openapi
from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.files import FileDeleted, FileForm, FileList, FileObject
from smartlite.api.services import FilesDep, ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.files import FileQuery
from smartlite.domain.organizations import Access
from smartlite.jobs.files import NewFile

router = APIRouter(prefix="/files", tags=["Files and batches"])

MAX_LIMIT: Final = 10_000
_READ: Final = [needs(Scope.FILES_READ)]
_WRITE: Final = [needs(Scope.FILES_WRITE)]
_ABSENT: Final = error_responses(400, 404)
_BINARY: Final = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
"""Of the kind that their sender said."""
_INERT: Final = "default-src 'none'; sandbox"
"""Of what somebody else made, should a browser show it."""


@router.post(
    "",
    summary="Upload a file",
    dependencies=_WRITE,
    responses=error_responses(400, 413, 415, 503),
    openapi_extra=form_openapi(FileForm, "The file, which is stored while it comes."),
)
async def upload_file(request: Request, services: ServicesDep, files: FilesDep, principal: PrincipalDep) -> FileObject:
    """For batches, or to be named by their lines; it belongs to the organization that you ask for, if any.

    With an `Idempotency-Key` it may only be as large as other forms.
    """
    new = NewFile(owner_of(principal), principal.organization_id)
    return FileObject.of(await receive_file(request, files, new, services.settings.file_max_bytes))


@router.get("", summary="List files", dependencies=_READ, responses=error_responses(400))
async def list_files(
    files: FilesDep,
    principal: PrincipalDep,
    purpose: Annotated[str | None, Query(max_length=32, description="Only those of this purpose.")] = None,
    order: Annotated[Literal["asc", "desc"], Query(description="By the time at which they were made.")] = "desc",
    after: Annotated[str | None, Query(max_length=64, description="`last_id` of the part before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most entries.")] = MAX_LIMIT,
) -> FileList:
    """Your own; those of an organization with a credential for it."""
    owner_id, organization_id = whose(principal)
    page = await files.page(FileQuery(owner_id, organization_id, purpose, order == "asc"), after, limit)
    data = list(map(FileObject.of, page.items))
    ends = (data[0].id, data[-1].id) if data else (None, None)
    return FileList(data=data, first_id=ends[0], last_id=ends[1], has_more=page.next is not None)


@router.get("/{file_id}", summary="Retrieve a file", dependencies=_READ, responses=_ABSENT)
async def retrieve_file(file_id: str, services: ServicesDep, principal: PrincipalDep) -> FileObject:
    """What is known of it, without its bytes."""
    return FileObject.of(await file_of(services, principal, file_id, Access.READ))


@router.delete("/{file_id}", summary="Delete a file", dependencies=_WRITE, responses=_ABSENT)
async def delete_file(file_id: str, services: ServicesDep, files: FilesDep, principal: PrincipalDep) -> FileDeleted:
    """At once; not while a batch reads it."""
    file = await file_of(services, principal, file_id, Access.WRITE)
    await files.delete(file)
    return FileDeleted(id=file.id)


@router.get(
    "/{file_id}/content",
    summary="Retrieve the bytes of a file",
    dependencies=_READ,
    response_class=Response,
    responses={
        200: {"description": "The bytes.", "content": _BINARY},
        206: {"description": "The bytes that were asked for.", "content": _BINARY},
        **error_responses(400, 404, 416),
    },
    openapi_extra={"parameters": list(RANGE_HEADERS)},
)
async def retrieve_content(
    request: Request, file_id: str, services: ServicesDep, files: FilesDep, principal: PrincipalDep
) -> Response:
    """As they were uploaded, or as a batch made them."""
    file = await file_of(services, principal, file_id, Access.READ)
    tag = tag_of(file.id)
    part = part_of(request, tag, file.size_bytes)
    first, last = (0, file.size_bytes - 1) if part is None else part
    if first > last:
        return unsatisfiable(file.size_bytes)
    media_type = file.content_type or "application/octet-stream"
    answer = await byte_response(request, files.read(file, first, last + 1), media_type)
    answer.headers["content-length"] = str(last + 1 - first)
    answer.headers["accept-ranges"] = "bytes"
    answer.headers["etag"] = tag
    answer.headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}"
    answer.headers["content-security-policy"] = _INERT
    if part is not None:
        answer.status_code = 206
        answer.headers["content-range"] = f"bytes {first}-{last}/{file.size_bytes}"
    return answer
