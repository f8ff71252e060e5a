"""What the fake engines promise beyond the contract: the same answer every time, made from what they were given."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from smartlite.domain.asr import Segment, TranscribeOptions, TranscriptInfo
from smartlite.domain.audio import AudioChunk
from smartlite.domain.llm import ChatFinished, ChatOptions, Message, TextDelta
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.fake import FakeASR, FakeLLM, FakeTTS
from smartlite.errors import ContextLengthExceeded, InvalidRequest, TextEmpty, VoiceNotFound

FILES = ModelFiles("fake", Path(), voices=(Voice("low", "Low", "en"), Voice("high", "High", "en")), languages=("en",))
ASKED = (Message("system", "Be brief."), Message("user", "What is it? Tell me now"))


def _noise(seconds: float, seed: int = 0) -> AudioChunk:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
    return AudioChunk(samples, 16_000)


async def _transcribe(audio: AudioChunk, options: TranscribeOptions | None = None) -> list[TranscriptInfo | Segment]:
    engine = FakeASR(FILES, FakeASR.Options())
    engine.start()
    return [event async for event in engine.transcribe(audio, options or TranscribeOptions())]


async def _chat(options: ChatOptions, **engine_options: object) -> tuple[str, ChatFinished]:
    engine = FakeLLM(FILES, FakeLLM.Options.model_validate(engine_options))
    engine.start()
    *deltas, finished = [event async for event in engine.chat(ASKED, options)]
    assert isinstance(finished, ChatFinished)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), finished


async def _speak(text: str, voice: str = "low", speed: float = 1.0) -> list[SpokenSentence]:
    engine = FakeTTS(FILES, FakeTTS.Options())
    engine.start()
    return [sentence async for sentence in engine.synthesize(text, SynthesizeOptions(voice, speed))]


async def test_the_same_audio_gives_the_same_words_and_other_audio_others() -> None:
    assert await _transcribe(_noise(5)) == await _transcribe(_noise(5))
    assert await _transcribe(_noise(5)) != await _transcribe(_noise(5, seed=1))


async def test_a_transcript_has_a_segment_for_two_seconds_and_a_word_for_each_half() -> None:
    info, *segments = await _transcribe(_noise(5), TranscribeOptions(word_timestamps=True))
    assert isinstance(info, TranscriptInfo)
    assert info.duration_s == 5.0
    assert [len(segment.words) for segment in segments if isinstance(segment, Segment)] == [4, 4, 2]


async def test_logprobs_spell_the_text_where_they_are_asked_for() -> None:
    for segment in (await _transcribe(_noise(5), TranscribeOptions(logprobs=True)))[1:]:
        assert isinstance(segment, Segment)
        assert "".join(token.token for token in segment.logprobs) == segment.text
    _, segment, *_ = await _transcribe(_noise(5))
    assert isinstance(segment, Segment)
    assert segment.logprobs == ()


async def test_the_language_is_one_of_those_that_may_be_spoken() -> None:
    engine = FakeASR(ModelFiles("fake", Path()), FakeASR.Options())
    engine.start()
    for languages, expected in ((("fr", "de"), "fr"), (("fr", "en"), "en"), ((), "en")):
        info = await anext(engine.transcribe(_noise(1), TranscribeOptions(languages=languages)))
        assert isinstance(info, TranscriptInfo)
        assert info.language == expected


async def test_digital_silence_has_no_segment() -> None:
    assert len(await _transcribe(AudioChunk(np.full(16_000, 9e-5, np.float32), 16_000))) == 1


@pytest.mark.parametrize(
    ("options", "param"),
    [
        (TranscribeOptions(language="xx"), "language"),
        (TranscribeOptions(language="de"), "language"),
        (TranscribeOptions(languages=("en", "de")), "languages"),
        (TranscribeOptions(task="translate"), "model"),
    ],
)
async def test_an_english_only_model_refuses_other_languages(options: TranscribeOptions, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await _transcribe(_noise(1), options)
    assert caught.value.param == param


async def test_the_answer_repeats_the_last_user_message_in_sentences() -> None:
    text, finished = await _chat(ChatOptions())
    assert text == "You said: What is it? Tell me now."
    assert finished.finish_reason == "stop"
    assert (finished.usage.prompt_tokens, finished.usage.completion_tokens) == (10, 8)


async def test_an_answer_ends_before_a_stop_and_after_max_tokens() -> None:
    assert (await _chat(ChatOptions(stop=("Tell",))))[0] == "You said: What is it?"
    text, finished = await _chat(ChatOptions(max_tokens=3))
    assert text == "You said: What"
    assert finished.finish_reason == "length"
    assert finished.usage.completion_tokens == 3


async def test_the_seed_chooses_the_first_words() -> None:
    assert await _chat(ChatOptions(seed=1)) == await _chat(ChatOptions(seed=1))
    assert await _chat(ChatOptions(seed=1)) != await _chat(ChatOptions(seed=2))


async def test_an_answer_can_be_fixed_and_made_long() -> None:
    assert (await _chat(ChatOptions(), answer="Yes indeed."))[0] == "Yes indeed."
    assert (await _chat(ChatOptions(), answer="Yes indeed.", answer_words=5))[
        0
    ] == "Yes indeed. Yes indeed. Yes indeed."


async def test_an_answer_fills_the_context_and_no_more() -> None:
    text, finished = await _chat(ChatOptions(), context_tokens=12)
    assert (text, finished.finish_reason) == ("You said:", "length")
    with pytest.raises(ContextLengthExceeded, match=r"10 tokens.*has 10"):
        await _chat(ChatOptions(), context_tokens=10)


async def test_a_longer_text_is_a_longer_tone_and_a_faster_one_shorter() -> None:
    short, long = await _speak("Hi. A much longer sentence.")
    assert (short.text, long.text) == ("Hi.", "A much longer sentence.")
    assert short.audio.duration_s < long.audio.duration_s
    (fast,) = await _speak("Hi.", speed=2.0)
    assert fast.audio.duration_s == pytest.approx(short.audio.duration_s / 2, abs=1e-4)
    assert short.audio.sample_rate_hz == 22_050


async def test_every_voice_has_its_pitch() -> None:
    (low,) = await _speak("Hello.")
    (high,) = await _speak("Hello.", voice="high")
    crossings = [np.count_nonzero(np.diff(np.sign(spoken.audio.samples))) for spoken in (low, high)]
    assert crossings[0] < crossings[1]


async def test_an_unknown_voice_and_a_text_without_words_are_refused() -> None:
    with pytest.raises(VoiceNotFound, match="low, high"):
        await _speak("Hello.", voice="nobody")
    with pytest.raises(TextEmpty):
        await _speak("... !")


async def test_a_fake_can_take_its_time() -> None:
    engine = FakeLLM(FILES, FakeLLM.Options(latency_s=600))
    engine.start()
    waiting = asyncio.ensure_future(anext(engine.chat(ASKED, ChatOptions())))
    done, _ = await asyncio.wait({waiting}, timeout=0.01)
    assert not done
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
