"""What runs of one request were answered, byte for byte. Must not know HTTP, nor how a request is answered."""

import json
from typing import Final

from smartlite.domain.pipelines import Run
from smartlite.jobs.gateway_calls import StoredAnswer
from smartlite.jobs.media import MEDIA_PREFIX, TenantMedia
from smartlite.jobs.request_document import STEP
from smartlite.pipeline.execution.values import read_media

FAILURE: Final = "failure.json"
"""How keys of answers end that are errors: JSON with ``status``, ``content_type`` and ``body``, a text."""


async def answer_of(run: Run, objects: TenantMedia) -> StoredAnswer | None:
    """What a request was answered whose run has ended, byte for byte; None where it was answered nothing.

    Raises:
        NotFound: 404, the answer is kept no longer.
        StorageUnavailable: 503.
    """
    outputs = run.outputs
    if outputs is not None:
        body = await objects.get(read_media(outputs["answer"]).key)
        return StoredAnswer(outputs["status"], {"content-type": outputs["content_type"]}, body)
    prefix = f"{MEDIA_PREFIX}runs/{run.id}/{STEP}/-1/"
    failures = [key for key in await objects.list(prefix) if key.endswith(FAILURE)]
    if not failures:
        return None
    last = max(failures, key=lambda key: [int(part) for part in key.removeprefix(prefix).split(".")[:2]])
    kept = json.loads(await objects.get(last))
    return StoredAnswer(kept["status"], {"content-type": kept["content_type"]}, kept["body"].encode())
