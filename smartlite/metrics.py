"""The platform's own metrics: names, units, labels and buckets in one table. Must not know who exports them.

Serve's metrics (requests, queues, replicas) are Serve's; here is only what it cannot know.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution, as Prometheus has it."""

    name: str
    """With its unit at the end."""
    description: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...]
    """Upper bounds, in the unit of the name."""


_SECONDS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0)

STAGE_FIRST_EVENT_SECONDS: Final = Histogram(
    "smartlite_stage_first_event_seconds",
    "From asking a stage to its first event: transcript head, first token, first audio",
    ("stage",),
    _SECONDS,
)
STAGE_SECONDS: Final = Histogram(
    "smartlite_stage_seconds",
    "From asking a stage to its last event; outcome is ok, cancelled or the error's code",
    ("stage", "outcome"),
    _SECONDS,
)
CALL_BATCH_ITEMS: Final = Histogram(
    "smartlite_call_batch_items",
    "Small requests that one call to a model's replica carried",
    ("stage",),
    (1, 2, 4, 8, 16, 32, 64, 128, 256),
)
