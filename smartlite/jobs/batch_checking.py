"""Checks the whole input of a batch before its first line is asked. Must not know what becomes of the batch."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from smartlite.domain.batches import MAX_FAULTS, RECOGNITION, Batch, BatchFault
from smartlite.jobs.batch_lines import LineFaulty, Uniqueness, lines, read_line
from smartlite.jobs.files import Files

_AT_ONCE: Final = 100
"""Lines between which others in the event loop get their turn."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What an input may have."""

    requests: int = 50_000
    json_bytes: int = 1024 * 1024
    """Of a line; one with a recording in it may be longer."""
    upload_bytes: int = 25 * 1024 * 1024
    """Of a recording."""

    def line_bytes(self, batch: Batch) -> int:
        """Of a line of this batch: base64 has 4 characters for 3 bytes."""
        return self.json_bytes + (self.upload_bytes * 4 // 3 if batch.endpoint in RECOGNITION else 0)


USUAL_LIMITS: Final = BatchLimits()


@dataclass(frozen=True, slots=True)
class Checked:
    """What an input is."""

    total: int
    """Lines that ask something."""
    model: str | None
    """Where all of them name the same."""
    faults: tuple[BatchFault, ...]
    """The first ones; none: it can be asked."""


async def check_input(files: Files, batch: Batch, limits: BatchLimits) -> Checked:
    """Read the whole input; every line that is wrong is told, up to ``MAX_FAULTS``.

    Raises:
        StorageCorrupt: 502, the input is damaged.
        StorageUnavailable: 503.
    """
    file = await files.get(batch.input_file_id, also_expired=True)
    if file is None:
        return _refused("not_found", "The input file was deleted.")
    most, unique = limits.line_bytes(batch), Uniqueness()
    total, models, faults = 0, set[str | None](), list[BatchFault]()
    async with aclosing(lines(files.read(file), most)) as found:
        async for line in found:
            total += 1
            if total > limits.requests:
                return _refused("too_many_requests", f"The input has more than {limits.requests} requests.")
            try:
                asked = read_line(line, batch.endpoint, most)
                unique.check(asked.custom_id, line.number)
                if len(models) <= 1:
                    models.add(asked.body.get("model"))
            except LineFaulty as error:
                faults.append(error.fault)
                if len(faults) == MAX_FAULTS:
                    break
            if total % _AT_ONCE == 0:
                await asyncio.sleep(0)
    if not total:
        return _refused("empty_file", "The input has no requests.")
    model = next(iter(models)) if len(models) == 1 else None
    return Checked(total, None if model is None else model[:256], tuple(faults))


def _refused(code: str, message: str) -> Checked:
    return Checked(0, None, (BatchFault(code, message, None, "input_file_id"),))
