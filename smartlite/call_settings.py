"""The settings of calls between replicas, which are part of all settings. Must not know who uses them."""

from typing import Annotated

from pydantic import Field

from smartlite.job_settings import JobSettings


class CallSettings(JobSettings):
    """How a gateway sends small requests (embeddings, short speech, chats that are not streamed) together."""

    call_batch_items: Annotated[int, Field(ge=1, le=256)] = 64
    """Small requests that one call to a model's replica may carry, and never more than its max_ongoing_requests;
    1: each goes alone."""
    call_batches_under_way: Annotated[int, Field(ge=1, le=64)] = 2
    """Calls with small requests that may be on their way to one deployment, and one alone where it carries four or
    more; what comes meanwhile goes with the next."""
    call_batch_bytes: Annotated[int, Field(ge=1024, le=1024 * 1024)] = 256 * 1024
    """Bytes that the requests of one such call have together; a larger request goes alone."""
    call_batch_waiting: Annotated[int, Field(ge=1)] = 1000
    """Small requests to one deployment that may wait in one ingress replica, and never more than its
    max_queued_requests; the next gets 429."""
