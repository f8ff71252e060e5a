"""Uploads that are fetched by another replica, over a real connection."""

import asyncio
import os
import pickle
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from deployments.offers import OfferedAudio, Offers
from smartlite.domain.audio import AudioFile, EncodedAudio
from smartlite.errors import ReplicaLost
from smartlite.spool import Spool, SpooledAudio

pytestmark = pytest.mark.enable_socket

DATA = os.urandom(3 * 1024 * 1024 + 5)


@pytest.fixture
async def offers() -> AsyncIterator[Offers]:
    offers = Offers("127.0.0.1")
    yield offers
    await offers.close()


@pytest.fixture
async def audio() -> AsyncIterator[SpooledAudio]:
    spool = Spool()
    await spool.write(DATA)
    await spool.finish()
    yield SpooledAudio(spool, "a.wav")
    spool.close()


def crossed(audio: AudioFile) -> AudioFile:
    """As it arrives at another replica."""
    found: AudioFile = pickle.loads(pickle.dumps(audio))  # noqa: S301 - our own
    return found


async def test_it_is_fetched_as_it_was_sent(offers: Offers, audio: SpooledAudio) -> None:
    async with offers.offered(audio) as offered:
        arrived = crossed(offered)
        assert len(pickle.dumps(arrived)) < 1024
        assert (arrived.size_bytes, arrived.head, arrived.filename) == (len(DATA), DATA[:64], "a.wav")
        assert await arrived.read() == DATA


async def test_several_fetch_at_once(offers: Offers, audio: SpooledAudio) -> None:
    async with offers.offered(audio) as offered:
        assert await asyncio.gather(*(offered.read() for _ in range(4))) == [DATA] * 4


async def test_what_is_held_crosses_as_it_is(offers: Offers) -> None:
    held = EncodedAudio(b"RIFF", "a.wav")
    async with offers.offered(held) as offered:
        assert offered is held


async def test_nobody_fetches_without_the_secret(offers: Offers, audio: SpooledAudio) -> None:
    async with offers.offered(audio) as offered:
        assert isinstance(offered, OfferedAudio)
        with pytest.raises(ReplicaLost):
            await replace(offered, secret=bytes(32)).read()


async def test_what_is_not_offered_any_more_is_not_fetched(offers: Offers, audio: SpooledAudio) -> None:
    async with offers.offered(audio) as offered:
        pass
    with pytest.raises(ReplicaLost):
        await offered.read()


async def test_whoever_offered_it_may_have_ended(offers: Offers, audio: SpooledAudio) -> None:
    async with offers.offered(audio) as offered:
        await offers.close()
        with pytest.raises(ReplicaLost):
            await offered.read()


async def test_a_file_that_is_closed_while_it_is_fetched_arrives_whole(offers: Offers, audio: SpooledAudio) -> None:
    async with offers.offered(audio) as offered:
        assert isinstance(offered, OfferedAudio)
        reader, writer = await asyncio.open_connection(offered.host, offered.port)
        writer.write(offered.secret)
        begun = await reader.readexactly(1)
    audio.spool.close()
    assert begun + await reader.read() == DATA
    writer.close()
