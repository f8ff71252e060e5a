"""Exports the table of ``smartlite.metrics`` through Serve, which adds deployment and replica. Must not add names."""

from functools import lru_cache

from ray.serve import metrics

from smartlite.metrics import Histogram


def observe(histogram: Histogram, value: float, **labels: str) -> None:
    """Record one value; cheap, since Serve sends what was recorded at intervals."""
    _open(histogram).observe(value, tags=labels)


@lru_cache(maxsize=64)
def _open(histogram: Histogram) -> metrics.Histogram:
    # Ray registers a metric once for each process, however often it is used.
    return metrics.Histogram(
        histogram.name,
        description=histogram.description,
        boundaries=list(histogram.buckets),
        tag_keys=histogram.labels,
    )
