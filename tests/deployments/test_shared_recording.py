"""A recording in pieces: told in order with its own times, wherever pieces are done and whoever is lost meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import numpy as np
import pytest

from deployments import shared_recording
from deployments.shared_recording import SharedRecording
from smartlite.domain.asr import (
    EngineTranscriptEvent,
    PieceEvent,
    PieceTaken,
    Segment,
    TranscribeOptions,
    TranscriptInfo,
    Word,
)
from smartlite.domain.audio import AudioChunk
from smartlite.engines.recording_pieces import Piece
from smartlite.errors import EngineFailed, Overloaded, ReplicaLost

RATE_HZ = 16_000
PIECE_S = 10.0
SEGMENTS = 5
"""Of every piece, two seconds each; samples tell which second of the recording they are of."""


class Ready:
    """Pieces that are cut beforehand, of seconds that are numbered; a piece may be silent."""

    def __init__(self, count: int, silent: Sequence[int] = ()) -> None:
        self._pieces = []
        for number in range(count):
            seconds = np.arange(number * PIECE_S, (number + 1) * PIECE_S, dtype=np.float32) + 1
            samples = np.repeat(seconds * (number not in silent), RATE_HZ)
            self._pieces.append(Piece(number, number * PIECE_S, AudioChunk(samples, RATE_HZ)))

    def next(self) -> Piece | None:
        return self._pieces.pop(0) if self._pieces else None


class Engine:
    """Says of every two seconds which they are."""

    def __init__(self) -> None:
        self.asked: list[TranscribeOptions] = []
        self.heard: list[int] = []
        self.running = 0

    async def transcribe(
        self, audio: AudioChunk, options: TranscribeOptions
    ) -> AsyncGenerator[EngineTranscriptEvent, None]:
        self.asked.append(options)
        self.running += 1
        try:
            seconds = audio.samples[::RATE_HZ]
            speaks = bool(len(seconds)) and seconds[0] > 0
            yield TranscriptInfo(options.language or ("de" if speaks else "en"), 1.0 if speaks else 0.0, 1.0)
            for index in range(0, len(seconds) if speaks else 0, 2):
                await asyncio.sleep(0)
                second = int(seconds[index]) - 1
                self.heard.append(second)
                word = Word(str(second), float(index), index + 1.0, 1.0)
                yield Segment(index // 2, float(index), index + 2.0, f" {second}", seek=index * 100, words=(word,))
        finally:
            self.running -= 1


class Peer:
    """Another replica; takes so many pieces, and tells so many segments of each before it is lost."""

    def __init__(self, engine: Engine, takes: int = 99, tells: int = 99) -> None:
        self._engine = engine
        self._takes = takes
        self._tells = tells
        self.given = 0
        self.closed = 0

    async def transcribe(self, audio: AudioChunk, options: TranscribeOptions) -> AsyncGenerator[PieceEvent, None]:
        self.given += 1
        try:
            if self.given > self._takes:
                raise Overloaded("The queue is full.")
            yield PieceTaken()
            told = 0
            async with aclosing(self._engine.transcribe(audio, options)) as events:
                async for event in events:
                    yield event
                    told += isinstance(event, Segment)
                    if told == self._tells:
                        raise ReplicaLost("It was lost.")
        finally:
            self.closed += 1


async def never(audio: AudioChunk, options: TranscribeOptions) -> AsyncGenerator[PieceEvent, None]:
    """A peer that is full for ever."""
    await asyncio.Event().wait()
    yield PieceTaken()


def seconds(count: int) -> list[float]:
    return [float(second) for second in range(0, int(count * PIECE_S), 2)]


async def run(recording: SharedRecording) -> tuple[TranscriptInfo, list[Segment]]:
    info, *segments = [event async for event in recording.transcribe()]
    assert isinstance(info, TranscriptInfo)
    return info, [segment for segment in segments if isinstance(segment, Segment)]


@pytest.mark.parametrize(("here", "there"), [(1, 0), (3, 0), (1, 1), (2, 4)])
async def test_segments_come_in_order_with_the_times_of_the_recording(here: int, there: int) -> None:
    engine = Engine()
    peer = Peer(engine)
    recording = SharedRecording(Ready(9), TranscribeOptions(), engine.transcribe, peer.transcribe, here, there)
    _, segments = await run(recording)
    assert [segment.start_s for segment in segments] == seconds(9)
    assert [segment.text for segment in segments] == [f" {int(second)}" for second in seconds(9)]
    assert [segment.id for segment in segments] == list(range(9 * SEGMENTS))
    assert [segment.words[0].start_s for segment in segments] == seconds(9)
    assert [segment.seek for segment in segments] == [int(second) * 100 for second in seconds(9)]
    assert sorted(engine.heard) == [int(second) for second in seconds(9)]


async def test_the_language_is_detected_once_where_somebody_speaks_first() -> None:
    engine = Engine()
    recording = SharedRecording(
        Ready(4, silent=(0, 1)), TranscribeOptions(prompt="Ada", languages=("de", "en")), engine.transcribe, never, 2, 0
    )
    info, segments = await run(recording)
    assert info.language == "de"
    assert [options.language for options in engine.asked] == [None, None, None, "de"]
    assert {options.prompt for options in engine.asked} == {"Ada"}
    assert engine.asked[-1].languages == ()
    assert segments[0].start_s == 2 * PIECE_S


async def test_a_recording_in_which_nobody_speaks_has_no_segments() -> None:
    engine = Engine()
    recording = SharedRecording(
        Ready(9, silent=range(9)), TranscribeOptions(), engine.transcribe, Peer(engine).transcribe, 1, 1
    )
    info, segments = await run(recording)
    assert (info.language_probability, segments) == (0.0, [])


async def test_a_peer_gets_pieces() -> None:
    engine, elsewhere = Engine(), Engine()
    recording = SharedRecording(Ready(6), TranscribeOptions(), engine.transcribe, Peer(elsewhere).transcribe, 1, 1)
    await run(recording)
    assert engine.heard
    assert elsewhere.heard


@pytest.mark.parametrize("tells", [0, 1, 3, SEGMENTS])
async def test_what_a_lost_peer_did_not_tell_is_done_here(tells: int) -> None:
    engine = Engine()
    peer = Peer(Engine(), tells=tells or 99, takes=0 if tells == 0 else 99)
    recording = SharedRecording(Ready(6), TranscribeOptions(), engine.transcribe, peer.transcribe, 1, 1)
    _, segments = await run(recording)
    assert peer.given >= 1
    assert [segment.start_s for segment in segments] == seconds(6)


async def test_a_peer_that_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_recording, "_TAKE_TIMEOUT_S", 0.01)
    engine = Engine()
    _, segments = await run(SharedRecording(Ready(4), TranscribeOptions(), engine.transcribe, never, 1, 2))
    assert [segment.start_s for segment in segments] == seconds(4)


async def test_a_client_that_leaves_ends_the_work_everywhere() -> None:
    engine = Engine()
    peer = Peer(engine)
    recording = SharedRecording(Ready(9), TranscribeOptions(), engine.transcribe, peer.transcribe, 2, 2)
    async with aclosing(recording.transcribe()) as events:
        for _ in range(4):
            await anext(events)
    assert engine.running == 0
    assert peer.given == peer.closed


async def test_a_reader_that_waits_holds_the_work_up() -> None:
    engine = Engine()
    recording = SharedRecording(Ready(50), TranscribeOptions(), engine.transcribe, never, 2, 0)
    async with aclosing(recording.transcribe()) as events:
        await anext(events)
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert len(engine.asked) <= 8


async def test_a_piece_that_takes_long_does_not_hold_the_next_ones_up() -> None:
    engine, elsewhere = Engine(), Engine()
    others_are_done = asyncio.Event()

    async def slow(audio: AudioChunk, options: TranscribeOptions) -> AsyncGenerator[EngineTranscriptEvent, None]:
        async for event in engine.transcribe(audio, options):
            yield event
            if isinstance(event, TranscriptInfo):
                await others_are_done.wait()

    async def there(audio: AudioChunk, options: TranscribeOptions) -> AsyncGenerator[PieceEvent, None]:
        async for event in Peer(elsewhere).transcribe(audio, options):
            yield event
        if len(elsewhere.asked) == 5:
            others_are_done.set()

    async with asyncio.timeout(5):
        _, segments = await run(SharedRecording(Ready(9), TranscribeOptions(), slow, there, 1, 1))
    assert [segment.start_s for segment in segments] == seconds(9)


async def test_a_recording_that_cannot_be_cut_is_an_error() -> None:
    class Broken(Ready):
        def next(self) -> Piece | None:
            if len(self._pieces) == 2:
                raise EngineFailed("No voice activity was found out.")
            return super().next()

    engine = Engine()
    with pytest.raises(EngineFailed):
        await run(SharedRecording(Broken(6), TranscribeOptions(), engine.transcribe, Peer(engine).transcribe, 1, 1))
    assert engine.running == 0


async def test_an_error_of_the_engine_here_is_the_recordings() -> None:
    engine = Engine()

    async def fails(audio: AudioChunk, options: TranscribeOptions) -> AsyncGenerator[EngineTranscriptEvent, None]:
        async for event in engine.transcribe(audio, options):
            if isinstance(event, Segment) and event.text == " 24":
                raise EngineFailed("It failed.")
            yield event

    with pytest.raises(EngineFailed):
        await run(SharedRecording(Ready(6), TranscribeOptions(), fails, never, 2, 0))
    assert engine.running == 0
