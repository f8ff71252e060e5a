"""Requests that are answered later: as they are kept, and who has the gateway answer them. Must not know the gateway.

``smartlite.api.in_process`` answers them; runs of one request and batches ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request without its credential."""

    method: str
    path: str
    """Such as ``/v1/audio/speech``, without a query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case: ``content-type``, ``idempotency-key``, ``x-request-id``; absent, the last one is the
    run's id."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case; of several of one name the last."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked, as far as it has to be known later."""

    user_id: str
    """Empty where nobody has to say who they are."""
    organization_id: str | None = None
    key_id: str | None = None
    """The API key that was shown, whose limits count."""
    scopes: frozenset[str] | None = None
    """What the credential granted then: later it grants no more, and no more than the user's roles do by then. None:
    what the roles grant."""


class GatewayCalls(Protocol):
    """Answers requests as the gateway answers whoever asked."""

    async def call(self, request: StoredRequest, caller: Caller, run_id: str) -> StoredAnswer:
        """Answer a request, with the caller's rights and limits as they are now; recorded in the history.

        Never raises for an answer that is an error: a user who is not active any more gets 401, one who lost a right
        403, a limit 429. Cancelled, the engines stop.

        Args:
            request: What was asked.
            caller: By whom.
            run_id: What it is done for: a run, or a batch. The id of the request, unless a header says another.

        Raises:
            Unavailable: 503, it cannot be found out who the caller is by now; nothing was done.
        """
        ...
