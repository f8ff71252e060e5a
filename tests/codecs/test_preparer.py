"""Preprocessing off the event loop: bounded, cancellable."""

import asyncio

import numpy as np
import pytest

from smartlite.codecs.preparer import Preparer
from smartlite.domain.asr import Preprocessing
from smartlite.domain.audio import AudioChunk
from smartlite.errors import Overloaded, Unprocessable

RATE_HZ = 16_000
WORK = Preprocessing(loudness=True, denoise=True)


def recording(minutes: float) -> AudioChunk:
    samples = np.random.default_rng(1).normal(0, 0.01, int(minutes * 60 * RATE_HZ))
    return AudioChunk(samples.astype(np.float32), RATE_HZ)


async def test_a_recording_is_prepared_while_the_event_loop_goes_on() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    counter = asyncio.create_task(count())
    audio = recording(2)
    prepared = await Preparer().prepare(audio, WORK)
    counter.cancel()
    assert len(prepared.audio.samples) == len(audio.samples)
    assert turns > 10


async def test_a_cancelled_recording_makes_room_for_the_next() -> None:
    preparer = Preparer()
    task = asyncio.create_task(preparer.prepare(recording(20), WORK))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    prepared = await asyncio.wait_for(preparer.prepare(recording(0.01), WORK), 10)
    assert len(prepared.audio.samples) == 0.6 * RATE_HZ


async def test_recordings_wait_for_their_turn_and_too_many_are_refused() -> None:
    preparer = Preparer(max_waiting=2)
    tasks = [asyncio.create_task(preparer.prepare(recording(0.2), WORK)) for _ in range(5)]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, Overloaded) for result in done) == 2
    assert sum(not isinstance(result, BaseException) for result in done) == 3


async def test_work_that_takes_too_long_is_given_up() -> None:
    preparer = Preparer(timeout_s=0.02)
    with pytest.raises(Unprocessable):
        await preparer.prepare(recording(20), WORK)
