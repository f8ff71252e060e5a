"""What runs of one request stand for: they have no document of anybody's. Must not know who answers a request."""

from typing import Final

from smartlite.domain.pipelines import Document, InputSpec, Retry, Run, Step
from smartlite.pipeline.spec.kinds import GATEWAY_REQUEST

REQUEST_ID: Final = "builtin:gateway.request"
"""In the place of a pipeline's id."""
REQUEST_SOURCE: Final = f"# {GATEWAY_REQUEST} 1"
"""In the place of a document's text; no document is empty."""
STEP: Final = "request"
_FIELDS: Final = ("method", "path", "content_type", "body")
REQUEST_DOCUMENT: Final = Document(
    name=GATEWAY_REQUEST,
    description="One request to this platform, answered later.",
    inputs={name: InputSpec("file" if name == "body" else "string") for name in _FIELDS},
    steps=(
        Step(
            id=STEP,
            uses=GATEWAY_REQUEST,
            with_={name: f"${{{{ inputs.{name} }}}}" for name in _FIELDS},
            retry=Retry(attempts=10, backoff_s=1.0),
        ),
    ),
    outputs={name: f"${{{{ steps.{STEP}.output.{name} }}}}" for name in ("status", "content_type", "body", "answer")},
    depends={STEP: frozenset()},
)
"""Tried for five minutes at the least where there is no capacity: limits begin anew each minute."""


def is_request(run: Run) -> bool:
    """Whether a run is one of a request."""
    return run.pipeline_id == REQUEST_ID
