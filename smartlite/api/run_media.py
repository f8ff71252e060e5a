"""Media in the values of a run: where a client gets their bytes, and which a run may show. Must not know any route."""

from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

from smartlite.domain.pipelines import JSON, MediaRef, Run, StepRun
from smartlite.errors import InvalidType
from smartlite.jobs.media import MEDIA_PREFIX
from smartlite.pipeline.execution.values import media_json, read_media
from smartlite.pipeline.spec.fields import MEDIA_KEY, is_media

UNKNOWN_TYPE: Final = "application/octet-stream"


def linked(value: JSON, run_id: str) -> Any:
    """The same value, each of its media with the address of its bytes."""
    whole: list[Any] = [value]
    # A loop and not a recursion: steps decide how deep it goes.
    pending: list[tuple[Any, Any]] = [(whole, 0)]
    while pending:
        around, place = pending.pop()
        inner = around[place]
        if is_media(inner) and isinstance(key := inner[MEDIA_KEY].get("key"), str):
            around[place] = {**inner, MEDIA_KEY: {**inner[MEDIA_KEY], "url": address_of(key, run_id)}}
        elif isinstance(inner, dict):
            around[place] = copied = dict(inner)
            pending += [(copied, name) for name in copied]
        elif isinstance(inner, list):
            around[place] = items = list(inner)
            pending += [(items, index) for index in range(len(items))]
    return whole[0]


def linked_ref(ref: MediaRef | None, run_id: str) -> dict[str, Any] | None:
    """Likewise of one that no value holds."""
    return None if ref is None else linked(media_json(ref), run_id)


def address_of(key: str, run_id: str) -> str:
    """Where a client gets the bytes."""
    return f"/v1/runs/{run_id}/media/{quote(key.removeprefix(MEDIA_PREFIX))}"


def content_type_in(run: Run, steps: Iterable[StepRun], key: str, ancestors: Iterable[str] = ()) -> str | None:
    """What kind of bytes are under a key; None where the run does not show them.

    A run shows what its inputs hold, which may be another run's, and whatever was made for it, or for a run that it is
    a replay of. What a step gives may be somebody else's words, such as a service's: a file of the user that it names
    is not shown for it to whoever may see the run.

    Args:
        run: The run.
        steps: What became of its steps.
        key: In the store.
        ancestors: The runs that it is a replay of, by id.
    """
    is_made = key.startswith(tuple(f"{MEDIA_PREFIX}runs/{each}/" for each in (run.id, *ancestors)))
    for value in (run.inputs, *((run.outputs, *(step.output for step in steps)) if is_made else ())):
        for ref in _media_in(value):
            if ref.key == key:
                return ref.content_type
    for step in steps:
        if step.output_ref is not None and step.output_ref.key == key and is_made:
            return step.output_ref.content_type
    return UNKNOWN_TYPE if key.startswith(f"{MEDIA_PREFIX}runs/{run.id}/") else None


def _media_in(value: JSON) -> Iterator[MediaRef]:
    pending = [value]
    while pending:
        inner = pending.pop()
        if is_media(inner):
            try:
                yield read_media(inner)
            except InvalidType:
                continue
        elif isinstance(inner, dict):
            pending += inner.values()
        elif isinstance(inner, list):
            pending += inner
