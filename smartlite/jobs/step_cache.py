"""Outputs of steps that are taken again for the same work of the same user. Must not know what a step does.

The key is a SHA-256 over the user, the kind, the model with its engine, and every field, media by their bytes. Nothing
is promised: where anything fails, the step runs.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

from smartlite.domain.pipelines import JSON
from smartlite.errors import AlreadyExists, SmartLiteError
from smartlite.jobs.media import tenant_of
from smartlite.pipeline.execution.kinds import StepContext, StepOutput
from smartlite.pipeline.execution.values import json_bytes, media_json, read_media
from smartlite.pipeline.spec.fields import is_media
from smartlite.pipeline.spec.kinds import KINDS
from smartlite.pipeline.steps.ports import Directory
from smartlite.storage import step_outputs
from smartlite.storage.database import Database, retried

MOST_BYTES: Final = 64 * 1024
"""Of an output that is kept, as JSON without the bytes of its media."""
_VERSION: Final = 1
"""Of what the key is made of."""
_PURGE_EVERY_S: Final = 3600.0
_PURGED_AT_ONCE: Final = 500

OfMedia = Callable[[JSON, str], Awaitable[JSON]]
"""Gives what stands for media, from them and their place in a value."""

_logger = logging.getLogger(__name__)


class StoredStepCache:
    """A StepCache in the database.

    Args:
        database: Where outputs are.
        models: Those that are served.
        clock: Tells the time in UTC.
    """

    def __init__(
        self, database: Database, models: Directory, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._models = models
        self._clock = clock

    async def key(self, context: StepContext, uses: str, fields: Mapping[str, JSON]) -> bytes | None:
        """See StepCache."""
        try:
            found = [_VERSION, tenant_of(context.run), uses, await self._model(uses, fields)]
            hashed = await _replaced(dict(fields), lambda value, place: _by_bytes(context, value))
            return hashlib.sha256(json_bytes([*found, _sorted(hashed)])).digest()
        except (SmartLiteError, RecursionError) as error:
            _logger.debug("an output cannot be taken again", extra={"step": context.step_id, "reason": str(error)})
            return None

    async def find(self, context: StepContext, key: bytes) -> StepOutput | None:
        """See StepCache."""
        try:
            async with self._database.reading() as session:
                kept = await step_outputs.find(session, key, tenant_of(context.run), self._clock())
            if kept is None:
                return None
            return StepOutput(await _replaced(kept.output, lambda value, place: _copied(context, value, place)))
        except (SmartLiteError, RecursionError) as error:
            _logger.debug("an output is not taken again", extra={"step": context.step_id, "reason": str(error)})
            return None

    async def keep(self, context: StepContext, key: bytes, output: JSON, ttl_s: float) -> None:
        """See StepCache."""
        now = self._clock()

        async def work() -> None:
            async with self._database.writing() as session:
                until = now + timedelta(seconds=ttl_s)
                await step_outputs.keep(session, key, tenant_of(context.run), output, now, until)

        try:
            if len(json_bytes(output)) <= MOST_BYTES:
                await retried(work)
        except SmartLiteError as error:
            _logger.debug("an output is not kept", extra={"step": context.step_id, "reason": error.message})

    async def purge(self) -> None:
        """Remove what is too old."""

        async def work() -> int:
            async with self._database.writing() as session:
                return await step_outputs.purge(session, self._clock(), _PURGED_AT_ONCE)

        while await retried(work) == _PURGED_AT_ONCE:
            continue

    async def purge_for_ever(self) -> None:
        """Remove what is too old, about once an hour."""
        while True:
            # At another moment on each replica, so that they do not wait for each other's locks.
            await asyncio.sleep(_PURGE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 - nobody gains by guessing
            try:
                await self.purge()
            except SmartLiteError as error:
                _logger.warning("old outputs of steps were not removed", extra={"reason": error.message})

    async def _model(self, uses: str, fields: Mapping[str, JSON]) -> JSON:
        for name, field in KINDS[uses].fields.items():
            if field.model_of is not None:
                models = await self._models()
                wanted = fields.get(name)
                task = field.model_of
                model = models.default(task) if wanted is None else models.resolve(wanted, task)
                return [model.id, model.engine, model.created, [voice.id for voice in model.voices]]
        return None


async def _replaced(value: JSON, of_media: OfMedia, place: str = "0") -> JSON:
    """The same value with something else in the place of each of its media."""
    if is_media(value):
        return await of_media(value, place)
    if isinstance(value, dict):
        return {name: await _replaced(inner, of_media, f"{place}.{n}") for n, (name, inner) in enumerate(value.items())}
    if isinstance(value, list):
        return [await _replaced(inner, of_media, f"{place}.{n}") for n, inner in enumerate(value)]
    return value


async def _by_bytes(context: StepContext, value: JSON) -> JSON:
    data = await context.objects.get(read_media(value).key)
    return {"sha256": (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()}


async def _copied(context: StepContext, value: JSON, place: str) -> JSON:
    """The same media under a key of this step, so that they stay if those of the other run are removed."""
    ref = read_media(value)
    key = context.media_key(f"cached.{place}{PurePosixPath(ref.key).suffix}")
    try:
        await context.objects.put(key, await context.objects.get(ref.key))
    except AlreadyExists:
        _logger.debug("a copy is there already", extra={"key": key})
    return media_json(replace(ref, key=key))


def _sorted(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value
