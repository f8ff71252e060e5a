"""Requests that are accepted to be answered later, each as a run. Must not know HTTP, nor who answers them."""

from dataclasses import dataclass

from smartlite.domain.ids import new_id
from smartlite.domain.pipelines import MediaRef, Run
from smartlite.errors import RunQueueFull
from smartlite.jobs.gateway_calls import Caller, StoredAnswer
from smartlite.jobs.media import MEDIA_PREFIX, TenantMedia, tenant_of
from smartlite.jobs.request_answers import answer_of
from smartlite.jobs.request_document import REQUEST_ID, REQUEST_SOURCE
from smartlite.jobs.runs import Runs, Submission
from smartlite.pipeline.execution.values import media_json
from smartlite.pipeline.spec.kinds import GATEWAY_REQUEST
from smartlite.spool import Spool
from smartlite.storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """What is to be answered later."""

    method: str
    path: str
    content_type: str
    body: Spool


class RequestRuns:
    """Accepts requests.

    Args:
        runs: Where they become runs.
        media: Where their bodies are kept.
    """

    def __init__(self, runs: Runs, media: BlobStore) -> None:
        self._runs = runs
        self._media = media

    async def submit(self, request: AcceptedRequest, caller: Caller) -> Run:
        """Accept a request: once this returned, it will be answered.

        Raises:
            RunQueueFull: 429, too many wait.
            StorageUnavailable, DatabaseUnavailable: 503.
        """
        run_id = new_id("run")
        body = MediaRef(f"{MEDIA_PREFIX}runs/{run_id}/inputs/body", request.content_type, request.body.size_bytes)
        objects = TenantMedia(self._media, caller.user_id)
        await objects.put_spool(body.key, request.body)
        submission = Submission(
            user_id=caller.user_id,
            organization_id=caller.organization_id,
            pipeline_id=REQUEST_ID,
            pipeline_name=GATEWAY_REQUEST,
            version=1,
            source=REQUEST_SOURCE,
            inputs={
                "method": request.method,
                "path": request.path,
                "content_type": request.content_type,
                "body": media_json(body),
            },
            run_id=run_id,
            key_id=caller.key_id,
            scopes=caller.scopes,
        )
        try:
            return await self._runs.submit(submission)
        except RunQueueFull:
            await objects.delete_spool(body.key)
            raise

    async def wait(self, run_id: str, seconds: float) -> Run:
        """See Runs."""
        return await self._runs.wait(run_id, seconds)

    async def answer(self, run: Run) -> StoredAnswer | None:
        """See ``answer_of``."""
        return await answer_of(run, TenantMedia(self._media, tenant_of(run)))
