"""The TTS replica: a text that is spoken by two is the one that is spoken by one, and who may be asked to help."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.model_pool import OnDemand
from deployments.peers import Peers
from deployments.tts import Sharing, TTSDeployment
from smartlite.codecs.encode import open_encoder
from smartlite.domain.audio import AUDIO_FORMATS, AudioChunk, AudioFormat
from smartlite.domain.models import ModelFiles
from smartlite.domain.tts import SentenceAnswer, SpeakRequest, SpeechChunk, SpeechFinished, SynthesizeOptions
from smartlite.engines.protocols import TTSEngine
from smartlite.engines.registry import create_tts
from smartlite.errors import ReplicaLost

TEXT = "This is one. And this is two! Is that three? Here, then, is four. Five it is. The last one is six."


def request(text: str = TEXT, audio_format: AudioFormat = "pcm", language: str | None = "en-US") -> SpeakRequest:
    return SpeakRequest(text, "fake", SynthesizeOptions("fake", language=language), audio_format)


def engines(latency_s: float = 0.001) -> Mapping[str, TTSEngine]:
    engine = create_tts("fake", ModelFiles("fake", Path()), {"latency_s": latency_s})
    engine.start()
    return {"fake": engine}


class Way:
    """The way to another replica, or to none."""

    def __init__(self, replica: TTSDeployment | None, error: Exception | None = None) -> None:
        self.replica = replica
        self.error = error or ReplicaLost("gone")
        self.asked: list[str] = []

    async def stream(self, method: str, asked: Any, size_bytes: int = 0) -> AsyncGenerator[Any, None]:
        assert method == "speak_sentence"
        self.asked.append(asked.text)
        if self.replica is None:
            raise self.error
        async for event in self.replica.speak_sentence(asked):
            yield event


async def replica_beside(way: Way) -> TTSDeployment:
    """A replica that has found the other one."""
    sharing = Sharing({"fake": 1}, 2)
    replica = TTSDeployment(engines, open_encoder, sharing=sharing, peers=Peers(lambda: way, lambda: 2))
    await replica.check_health()
    return replica


async def answer(replica: TTSDeployment) -> bool:
    """Whether it takes a sentence of another one's text; it is not waited for."""
    async with aclosing(replica.speak_sentence(request("One."))) as events:
        first = await anext(events)
    assert isinstance(first, SentenceAnswer)
    return first.is_taken


async def spoken(replica: TTSDeployment, asked: SpeakRequest) -> tuple[bytes, SpeechFinished]:
    events = [event async for event in replica.speak(asked)]
    assert isinstance(events[-1], SpeechFinished)
    return b"".join(event.data for event in events if isinstance(event, SpeechChunk)), events[-1]


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
async def test_two_replicas_make_of_a_text_what_one_makes(audio_format: AudioFormat) -> None:
    alone = TTSDeployment(engines, open_encoder)
    way = Way(TTSDeployment(engines, open_encoder, sharing=Sharing({"fake": 1}, 2)))
    whole, finished = await spoken(alone, request(audio_format=audio_format))
    shared, finished_together = await spoken(await replica_beside(way), request(audio_format=audio_format))
    assert way.asked
    assert shared == whole
    assert finished_together.input_tokens == finished.input_tokens
    assert finished_together.duration_s == pytest.approx(finished.duration_s)


async def test_the_first_quarter_of_a_second_is_sent_before_the_rest_of_the_sentence_is_encoded() -> None:
    replica = TTSDeployment(engines, open_encoder)
    events = [event async for event in replica.speak(request(audio_format="wav"))]
    sizes = [len(event.data) for event in events if isinstance(event, SpeechChunk)]
    assert 8_000 < sizes[0] < 16_000
    assert sum(sizes) > 20 * sizes[0]


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
async def test_a_file_is_the_same_in_whatever_pieces_it_is_encoded(audio_format: AudioFormat) -> None:
    samples = np.sin(np.arange(60_000) * 0.05).astype(np.float32)
    whole, cut = open_encoder(audio_format, 22_050), open_encoder(audio_format, 22_050)
    pieces = list(AudioChunk(samples, 22_050).in_growing_pieces(0.25))
    assert [round(piece.duration_s, 2) for piece in pieces] == [0.25, 0.5, 1.0, 0.97]
    file = whole.encode(AudioChunk(samples, 22_050)) + whole.finish()
    assert b"".join(map(cut.encode, pieces)) + cut.finish() == file


@pytest.mark.parametrize("error", [ReplicaLost("gone"), RuntimeError("not of ours")])
async def test_a_text_is_spoken_whole_when_the_other_replica_cannot_be_asked(error: Exception) -> None:
    whole, _ = await spoken(TTSDeployment(engines, open_encoder), request())
    way = Way(None, error)
    assert (await spoken(await replica_beside(way), request()))[0] == whole
    assert way.asked


@pytest.mark.parametrize(
    "asked",
    [pytest.param(request("Only one sentence."), id="one sentence"), pytest.param(request(language=None), id="tongue")],
)
async def test_nothing_is_shared_of_one_sentence_or_a_text_whose_language_nobody_told(asked: SpeakRequest) -> None:
    way = Way(None)
    await spoken(await replica_beside(way), asked)
    assert way.asked == []


async def test_a_sentence_that_comes_back_is_spoken_where_it_is() -> None:
    whole, _ = await spoken(TTSDeployment(engines, open_encoder), request())
    way = Way(None)
    way.replica = replica = await replica_beside(way)
    assert (await spoken(replica, request()))[0] == whole
    assert way.asked


async def test_an_engine_that_takes_a_text_whole_is_given_it_whole() -> None:
    way = Way(None)
    replica = TTSDeployment(engines, open_encoder, sharing=Sharing({"fake": 0}, 2), peers=Peers(lambda: way, lambda: 2))
    await replica.check_health()
    await spoken(replica, request())
    assert way.asked == []


async def test_a_replica_with_a_text_of_its_own_takes_no_other_s() -> None:
    replica = TTSDeployment(lambda: engines(60.0), open_encoder, sharing=Sharing({"fake": 1}, 2))
    own = asyncio.create_task(anext(replica.speak(request())))
    await asyncio.sleep(0)
    assert await answer(replica) is False
    own.cancel()
    await asyncio.gather(own, return_exceptions=True)
    assert await answer(replica)


async def test_a_replica_takes_no_more_sentences_than_it_may_be_given() -> None:
    replica = TTSDeployment(engines, open_encoder, sharing=Sharing({"fake": 1}, 2))
    taken = [replica.speak_sentence(request("One.")) for _ in range(2)]
    for each in taken:
        await anext(each)
    assert await answer(replica) is False
    await taken[0].aclose()
    assert await answer(replica)


async def test_a_sentence_is_no_reason_to_load_a_model() -> None:
    on_demand = OnDemand(("fake",), lambda model: engines()[model], lambda model: None, 1, 5.0)
    replica = TTSDeployment(dict, open_encoder, on_demand, Sharing({"fake": 1}, 2))
    assert await answer(replica) is False
    assert (await replica.model_states())["fake"] == "available"
