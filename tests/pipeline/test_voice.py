"""The voice assistant over stages that are scripted here."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from smartlite.domain.asr import Segment, TranscribeRequest, TranscriptEvent, TranscriptFinished, TranscriptInfo
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioChunk, AudioFormat, EncodedAudio
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatRequest, TextDelta
from smartlite.domain.pipeline import TurnAudio, TurnDone, TurnEvent, TurnReplyDelta, TurnTranscript, VoiceTurnRequest
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechEvent, SpeechFinished
from smartlite.domain.usage import TokenUsage
from smartlite.errors import EngineFailed, NoSpeech, ReplicaLost
from smartlite.pipeline.voice import DEFAULT_INSTRUCTIONS, VoiceOptions, VoicePipeline

OPTIONS = VoiceOptions(temperature=0, top_p=1, max_reply_tokens=50, first_clause_characters=0)
SENTENCES = ("The first sentence is here. ", "The second one follows it. ", "And this is the third one.")


class Hears:
    def __init__(self, text: str = "what is it?") -> None:
        self.text = text
        self.asked: TranscribeRequest | None = None

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        self.asked = request
        yield TranscriptInfo("en", 1.0, 2.5)
        if self.text:
            yield Segment(0, 0, 2, " " + self.text)
        yield TranscriptFinished(0.01, 0.1)


class Thinks:
    """Waits for ``gate`` after its first sentence, so a test sees whether speech begins meanwhile."""

    def __init__(self, sentences: tuple[str, ...] = SENTENCES, gate: asyncio.Event | None = None) -> None:
        self.sentences = sentences
        self.gate = gate
        self.asked: ChatRequest | None = None
        self.closed = False

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.asked = request
        try:
            for number, sentence in enumerate(self.sentences):
                if number == 2 and self.gate is not None:
                    await self.gate.wait()
                for word in sentence.split(" "):
                    yield TextDelta(word + " " if word else "")
            yield ChatFinished("stop", TokenUsage(20, 12))
        finally:
            self.closed = True


class Speaks:
    """A second of silence for each text."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.texts: list[str] = []
        self.first = asyncio.Event()
        self.fail_at = fail_at

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        if self.fail_at == len(self.texts):
            raise ReplicaLost("The tts replica was lost.")
        self.texts.append(request.text)
        yield SpeechChunk(bytes(2 * SPEECH_SAMPLE_RATE_HZ))
        self.first.set()
        yield SpeechFinished(1.0, len(request.text), len(request.text), 0.1, 0.1)


class Counts:
    """An encoder whose bytes tell how many samples it was given."""

    def __init__(self, format: AudioFormat, whole: bool) -> None:
        self.format = format
        self.whole = whole
        self.samples = 0

    def encode(self, chunk: AudioChunk) -> bytes:
        assert chunk.samples.dtype == np.float32
        self.samples += len(chunk.samples)
        return b"" if self.whole else b"part"

    def finish(self) -> bytes:
        return b"file" if self.whole else b"end"


def pipeline(hears: Hears, thinks: Thinks, speaks: Speaks) -> VoicePipeline:
    return VoicePipeline(hears, thinks, speaks, Counts, OPTIONS)


def question(**changes: object) -> VoiceTurnRequest:
    fields: dict[str, object] = {
        "audio": EncodedAudio(b"wav"),
        "asr_model": "a",
        "llm_model": "l",
        "tts_model": "t",
        "voice": "v",
        "format": "mp3",
    }
    return VoiceTurnRequest(**{**fields, **changes})  # type: ignore[arg-type]


async def collect(turns: VoicePipeline, request: VoiceTurnRequest) -> list[TurnEvent]:
    async with asyncio.timeout(10), aclosing(turns.run_turn(request)) as events:
        return [event async for event in events]


async def test_a_turn_begins_with_the_transcript_and_ends_with_the_summary() -> None:
    hears, thinks, speaks = Hears(), Thinks(), Speaks()
    events = await collect(pipeline(hears, thinks, speaks), question(language="en"))
    assert events[0] == TurnTranscript("what is it?", "en", 2.5)
    done = events[-1]
    assert isinstance(done, TurnDone)
    assert done.reply_text == "".join(SENTENCES)
    assert done.audio_duration_s == pytest.approx(3.0)
    assert done.usage.tokens == TokenUsage(20, 12)
    assert done.usage.characters == sum(len(sentence.strip()) for sentence in SENTENCES)
    assert {"asr", "llm_first_token", "llm", "tts", "first_audio", "total"} <= set(done.timings)
    assert "".join(e.text for e in events if isinstance(e, TurnReplyDelta)).strip() == "".join(SENTENCES)
    assert [e.data for e in events if isinstance(e, TurnAudio)] == [b"part"] * 3 + [b"end"]
    assert hears.asked is not None
    assert hears.asked.options.language == "en"


async def test_the_parts_of_the_time_before_the_first_audio_make_it_up() -> None:
    done = (await collect(pipeline(Hears(), Thinks(), Speaks()), question()))[-1]
    assert isinstance(done, TurnDone)
    parts = ("asr", "llm_first_token", "first_clause", "tts_first_chunk", "encode")
    assert sum(done.timings[part] for part in parts) == pytest.approx(done.timings["first_audio"])
    assert all(done.timings[part] >= 0 for part in parts)


async def test_the_first_sentence_is_spoken_while_the_answer_is_still_being_written() -> None:
    speaks = Speaks()
    thinks = Thinks(gate=speaks.first)  # the third sentence is written only once the first is spoken
    events = await collect(pipeline(Hears(), thinks, speaks), question())
    assert speaks.texts == [sentence.strip() for sentence in SENTENCES]
    kinds = [type(event) for event in events]
    assert kinds.index(TurnAudio) < len(kinds) - 1 - kinds[::-1].index(TurnReplyDelta)


async def test_a_whole_file_comes_as_one_piece() -> None:
    events = await collect(pipeline(Hears(), Thinks(), Speaks()), question(whole=True))
    assert [e.data for e in events if isinstance(e, TurnAudio)] == [b"file"]


async def test_instructions_replace_the_platforms_own() -> None:
    thinks = Thinks()
    await collect(pipeline(Hears(), thinks, Speaks()), question(instructions="Be brief."))
    assert thinks.asked is not None
    assert [message.content for message in thinks.asked.messages] == ["Be brief.", "what is it?"]
    await collect(pipeline(Hears(), thinks, Speaks()), question())
    assert thinks.asked.messages[0].content == DEFAULT_INSTRUCTIONS


async def test_silence_is_an_error_before_the_model_is_asked() -> None:
    thinks = Thinks()
    with pytest.raises(NoSpeech):
        await collect(pipeline(Hears(""), thinks, Speaks()), question())
    assert thinks.asked is None


async def test_an_answer_that_cannot_be_spoken_is_an_error() -> None:
    with pytest.raises(EngineFailed):
        await collect(pipeline(Hears(), Thinks(("*** ", "...")), Speaks()), question())


async def test_a_lost_stage_ends_the_turn_with_its_error_and_stops_the_other_stage() -> None:
    thinks = Thinks(gate=asyncio.Event())  # would wait for ever
    with pytest.raises(ReplicaLost):
        await collect(pipeline(Hears(), thinks, Speaks(fail_at=1)), question())
    assert thinks.closed


async def test_closing_a_turn_stops_its_stages() -> None:
    thinks = Thinks(gate=asyncio.Event())
    events = pipeline(Hears(), thinks, Speaks()).run_turn(question())
    async with asyncio.timeout(10):
        async for event in events:
            if isinstance(event, TurnAudio):
                break
        await events.aclose()
    assert thinks.closed
