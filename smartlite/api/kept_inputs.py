"""Inputs of a run that are files somebody keeps: ``{"file_id": ...}`` in a file's place. Must not know any route."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from starlette.types import Scope as ASGIScope

from smartlite.api.file_access import file_of
from smartlite.api.multipart import SpooledFile
from smartlite.api.run_request import MOST_FILES, AskedRun
from smartlite.api.services import Services
from smartlite.api.spools import closed_with
from smartlite.auth.permissions import decide
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.domain.pipelines import InputSpec
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidRequest, RequestTooLarge
from smartlite.spool import Spool

_KEY: Final = "file_id"


async def with_kept_files(
    services: Services, principal: Principal, asked: AskedRun, specs: Mapping[str, InputSpec], scope: ASGIScope
) -> AskedRun:
    """The same run, as if the files that its inputs name had been sent with it; ``scope`` is its request's.

    Raises:
        NotFound: 404, there is no such file, or it is another's.
        PermissionDenied: 403, the credential may not read files.
        InvalidRequest: 400, they are too many.
        RequestTooLarge: 413, together they are larger than an upload.
    """
    named = _named(asked, specs)
    if services.files is None or not named:
        return asked
    decide(principal, Scope.FILES_READ)
    if len(named) + len(asked.files) > MOST_FILES:
        raise InvalidRequest(f"A run takes {MOST_FILES} files; this one names more.", "inputs")
    files, size_bytes = dict(asked.files), 0
    for name, file_id in named.items():
        file = await file_of(services, principal, file_id, Access.READ)
        size_bytes += file.size_bytes
        most = services.settings.max_upload_bytes
        if size_bytes > most:
            raise RequestTooLarge(f"The files of a run may have {most} bytes together.", f"inputs.{name}")
        content = closed_with(scope, Spool())
        async with aclosing(services.files.read(file)) as pieces:
            async for piece in pieces:
                await content.write(piece)
        await content.finish()
        files[name] = SpooledFile(content, file.filename, file.content_type)
    values = {name: value for name, value in asked.body.inputs.items() if name not in named}
    return AskedRun(asked.body.model_copy(update={"inputs": values}), files)


def _named(asked: AskedRun, specs: Mapping[str, InputSpec]) -> dict[str, str]:
    found = {}
    for name, value in asked.body.inputs.items():
        takes_file = name in specs and specs[name].type in {"audio", "file"}
        if takes_file and isinstance(value, dict) and set(value) == {_KEY} and isinstance(value[_KEY], str):
            found[name] = value[_KEY]
    return found
