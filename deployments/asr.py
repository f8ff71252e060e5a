"""The ASR replica: decodes what was sent and has an engine recognise it. Must not know wire formats."""

import dataclasses
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Protocol

from deployments.engine_replica import EngineReplica
from deployments.model_pool import OnDemand
from deployments.peers import Peers
from deployments.shared_recording import SharedRecording
from smartlite.codecs.preparer import Preparer
from smartlite.domain.asr import (
    EngineTranscriptEvent,
    PieceEvent,
    PieceRequest,
    PieceTaken,
    Segment,
    TranscribeOptions,
    TranscribeRequest,
    TranscriptEvent,
    TranscriptFinished,
)
from smartlite.domain.audio import AudioChunk, AudioFile, EncodedAudio
from smartlite.engines.protocols import ASREngine
from smartlite.engines.recording_pieces import SHORTEST_PART, Pieces


class Decoder(Protocol):
    """Makes samples of encoded bytes; ``smartlite.codecs`` has the real one."""

    async def decode(self, audio: EncodedAudio) -> AudioChunk:
        """Mono samples at 16 kHz; raises the audio errors of ``smartlite.errors``."""
        ...

    async def start(self) -> None:
        """Have a decoder ready; does nothing where one is."""
        ...


class ASRDeployment(EngineReplica[ASREngine]):
    """An ASRStage around engines in this process.

    Args:
        load: Loads and starts the engines, by model id; called once, here, so that only a replica loads weights.
        open_decoder: Opens the audio gate.
        on_demand: The engines that are loaded when they are first asked for.
        piece_s: Length of the pieces in which a recording is shared out that is longer, in seconds; 0: never.
        open_peers: Finds the replicas to share with.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, ASREngine]],
        open_decoder: Callable[[], Decoder],
        on_demand: OnDemand[ASREngine] | None = None,
        piece_s: float = 0.0,
        open_peers: Callable[[], Peers] = Peers,
    ) -> None:
        super().__init__(load, on_demand)
        self._piece_s = piece_s
        self._peers = open_peers()
        self._decoder = open_decoder()
        self._preparer = Preparer()

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        began = time.monotonic()
        audio = await self._decoder.decode(await _held(request.audio))
        prepared = await self._preparer.prepare(audio, request.preprocessing)
        decoded = time.monotonic()
        async with (
            self.engine(request.model) as engine,
            aclosing(await self._recognise(engine, prepared.audio, request)) as events,
        ):
            async for event in events:
                yield _in_the_original(event, prepared.offset_s, audio.duration_s)
        yield TranscriptFinished(decode_s=decoded - began, transcribe_s=time.monotonic() - decoded)

    async def transcribe_piece(self, request: PieceRequest) -> AsyncGenerator[PieceEvent, None]:
        """Yield PieceTaken, then what the engine tells of a piece of a recording that another replica was given."""
        async with (
            self.engine(request.model) as engine,
            aclosing(engine.transcribe(request.audio, request.options)) as events,
        ):
            yield PieceTaken()
            async for event in events:
                yield event

    async def _recognise(
        self, engine: ASREngine, audio: AudioChunk, request: TranscribeRequest
    ) -> AsyncGenerator[EngineTranscriptEvent, None]:
        """Give the recording to the engine, or pieces of it to this engine and others, where that is faster."""
        at_once = engine.pieces_at_once
        if at_once and 0 < self._piece_s < audio.duration_s:
            worthwhile = int(SHORTEST_PART * audio.duration_s / self._piece_s)
            here = min(at_once, worthwhile)
            # A model on demand is where it was asked for: its pieces would have every other replica load it too.
            others = (await self._peers.running() or 1) - 1 if request.model in self.kept_engines else 0
            elsewhere = min(others * at_once, worthwhile - here)
            if here + elsewhere > 1:
                pieces = Pieces(audio, self._piece_s, here + elsewhere)
                there = partial(self._ask_peer, request.model)
                shared = SharedRecording(pieces, request.options, engine.transcribe, there, here, elsewhere)
                return shared.transcribe()
        return engine.transcribe(audio, request.options)

    def _ask_peer(self, model: str, audio: AudioChunk, options: TranscribeOptions) -> AsyncGenerator[PieceEvent, None]:
        return self._peers.stream("transcribe_piece", PieceRequest(audio, model, options), audio.samples.nbytes)

    async def check_health(self) -> None:
        """As every engine replica; the first call makes the decoder ready before any request."""
        await self._decoder.start()
        await super().check_health()


async def _held(audio: AudioFile) -> EncodedAudio:
    return audio if isinstance(audio, EncodedAudio) else EncodedAudio(await audio.read(), audio.filename)


def _in_the_original(event: EngineTranscriptEvent, offset_s: float, duration_s: float) -> EngineTranscriptEvent:
    """An event of prepared samples with the times of what was sent."""
    return event.later(offset_s) if isinstance(event, Segment) else dataclasses.replace(event, duration_s=duration_s)
