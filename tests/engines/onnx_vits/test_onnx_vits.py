"""The engine on a graph of 1 kB that speaks every phoneme id as a step of eight frames, with the real espeak-ng."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smartlite.domain.models import ModelFiles
from smartlite.domain.sentences import split_sentences
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.onnx_vits import OnnxVITS, OnnxVITSOptions
from smartlite.engines.waveform import PEAK
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, TextEmpty, VoiceNotFound

pytestmark = pytest.mark.integration

RATE_HZ = 22_050


async def speak(engine: OnnxVITS, text: str, voice: str = "joe", speed: float = 1.0) -> list[SpokenSentence]:
    return [spoken async for spoken in engine.synthesize(text, SynthesizeOptions(voice, speed))]


async def test_sentences_come_in_order_with_their_text(start: Callable[..., OnnxVITS]) -> None:
    spoken = await speak(start(), "Hello there. Is it you? Yes, it is!")

    assert [each.text for each in spoken] == ["Hello there.", "Is it you?", "Yes, it is!"]
    assert {each.audio.sample_rate_hz for each in spoken} == {RATE_HZ}
    assert all(each.audio.samples.dtype == np.float32 and each.audio.samples.ndim == 1 for each in spoken)
    assert all(np.max(np.abs(each.audio.samples)) <= np.float32(PEAK) for each in spoken)


async def test_a_mark_reaches_the_graph(start: Callable[..., OnnxVITS]) -> None:
    engine = start(options={"sentence_silence_s": 0})

    [question], [plain] = await speak(engine, "Is it you?"), await speak(engine, "Is it you.")

    assert not np.array_equal(question.audio.samples, plain.audio.samples)
    assert question.audio.duration_s == pytest.approx(plain.audio.duration_s, abs=0.2)


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 2.0, 4.0])
async def test_speed_divides_the_length(start: Callable[..., OnnxVITS], speed: float) -> None:
    engine = start()
    text = "The quick brown fox jumps over the lazy dog near the river bank."

    [normal], [changed] = await speak(engine, text), await speak(engine, text, speed=speed)

    assert normal.audio.duration_s / changed.audio.duration_s == pytest.approx(speed, rel=0.1)


async def test_silence_follows_a_sentence_and_is_scaled_by_speed(start: Callable[..., OnnxVITS]) -> None:
    engine = start(options={"sentence_silence_s": 1.0})

    for speed, silence_s in ((1.0, 1.0), (2.0, 0.5)):
        [spoken] = await speak(engine, "Hello.", speed=speed)
        quiet = spoken.audio.samples[-int(silence_s * RATE_HZ) :]
        assert not quiet.any()


async def test_a_long_sentence_comes_in_parts_that_lose_no_word(start: Callable[..., OnnxVITS]) -> None:
    engine = start(options={"max_phonemes": 60})
    text = "Here is a long sentence, which has many clauses, each of them short, so that it can be cut, word by word."

    spoken = await speak(engine, text)

    assert len(spoken) > 1
    assert " ".join(each.text for each in spoken) == text


async def test_one_endless_word_is_spoken_within_the_limits(start: Callable[..., OnnxVITS]) -> None:
    spoken = await speak(start(options={"max_phonemes": 60}), "x" * 3000)

    assert max(each.audio.duration_s for each in spoken) < 15


@pytest.mark.parametrize(
    "text", ["", "   ", "...", "?!", "🎉🎉", "你好", "مرحبا", "\ud800", "\x00\x01", "( - )", "。！"]
)
async def test_text_that_cannot_be_spoken_is_an_error_of_the_request(start: Callable[..., OnnxVITS], text: str) -> None:
    with pytest.raises(TextEmpty) as caught:
        await speak(start(), text)

    assert caught.value.param == "input"


@pytest.mark.parametrize(
    "text", ["Hi 🎉 you", "--help", "$(reboot) `x`", "<speak>hi</speak>", "a\x00b", "100%", "[[x]] hi"]
)
async def test_strange_text_is_spoken(start: Callable[..., OnnxVITS], text: str) -> None:
    assert await speak(start(), text)


async def test_an_unknown_voice_is_told_with_the_known_ones(start: Callable[..., OnnxVITS]) -> None:
    with pytest.raises(VoiceNotFound, match="joe"):
        await speak(start(), "Hello.", voice="nobody")


async def test_a_speaker_of_the_voice_is_chosen_by_name(start: Callable[..., OnnxVITS]) -> None:
    engine = start(multi_speaker=True, num_speakers=200, speaker_id_map={"ann": 0, "bob": 100})

    [ann], [bob] = await speak(engine, "Hello.", voice="ann"), await speak(engine, "Hello.", voice="bob")

    assert not np.array_equal(ann.audio.samples, bob.audio.samples)
    with pytest.raises(VoiceNotFound, match="ann, bob"):
        await speak(engine, "Hello.", voice="joe")


@pytest.mark.parametrize("speed", [0.1, 5.0, float("nan")])
async def test_a_speed_out_of_range_is_an_error_of_the_request(start: Callable[..., OnnxVITS], speed: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await speak(start(), "Hello.", speed=speed)

    assert caught.value.param == "speed"


async def test_a_consumer_that_leaves_stops_the_work(start: Callable[..., OnnxVITS]) -> None:
    engine = start()
    sentences = engine.synthesize("One more sentence. " * 100, SynthesizeOptions("joe"))
    await anext(sentences)

    await sentences.aclose()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(await speak(engine, "Hello.")) == 1


async def test_a_cancelled_request_leaves_the_engine_usable(start: Callable[..., OnnxVITS]) -> None:
    engine = start()
    request = asyncio.create_task(speak(engine, "One more sentence. " * 100))
    await asyncio.sleep(0)

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(await speak(engine, "Hello.")) == 1


async def test_requests_at_once_do_not_mix(start: Callable[..., OnnxVITS]) -> None:
    engine = start()
    texts = ["Hello there. How are you?", "Good morning. I am fine.", "What is it? Nothing."]
    alone = [await speak(engine, text) for text in texts]

    together = await asyncio.gather(*(speak(engine, text) for text in texts))

    for one, other in zip(alone, together, strict=True):
        assert [each.text for each in one] == [each.text for each in other]
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a.audio.samples, b.audio.samples)


def test_an_engine_starts_inside_a_running_loop_of_its_caller(start: Callable[..., OnnxVITS]) -> None:
    async def construct() -> OnnxVITS:
        return start()

    asyncio.run(asyncio.run(construct()).check_health())


async def test_a_closed_engine_says_that_it_is_not_running(start: Callable[..., OnnxVITS]) -> None:
    engine = start()
    engine.close()
    engine.close()

    with pytest.raises(EngineFailed):
        await engine.check_health()
    with pytest.raises(EngineFailed):
        await speak(engine, "Hello.")


@pytest.mark.parametrize("damage", [lambda _: b"", lambda _: b"not a graph", lambda graph: graph[:-200]])
def test_a_file_that_is_no_graph_is_a_configuration_error(
    start: Callable[..., OnnxVITS], damage: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(ConfigurationError, match=r"tiny\.onnx"):
        start(damage=damage)


def test_a_graph_with_speakers_that_the_configuration_lacks_is_a_configuration_error(
    start: Callable[..., OnnxVITS],
) -> None:
    with pytest.raises(ConfigurationError, match="sid"):
        start(multi_speaker=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"audio": {}},
        {"phoneme_id_map": {}},
        {"phoneme_id_map": {"_": [0], "^": [1], "$": [300]}},
        {"phoneme_type": "text"},
        {"num_speakers": 2, "speaker_id_map": {"ann": 2}},
        {"espeak": {"voice": "--help"}},
        {"hop_length": 1000},
    ],
)
def test_a_configuration_that_is_wrong_is_a_configuration_error(
    start: Callable[..., OnnxVITS], changes: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError):
        start(**changes)


def test_missing_or_ambiguous_files_are_a_configuration_error(
    tmp_path: Path, write_voice: Callable[..., ModelFiles]
) -> None:
    options = OnnxVITSOptions()
    with pytest.raises(ConfigurationError, match=r"one \.onnx file, not 0"):
        OnnxVITS(ModelFiles("tiny", tmp_path), options).start()
    write_voice(tmp_path)
    (tmp_path / "tiny.onnx.json").write_text("{broken")
    with pytest.raises(ConfigurationError, match="cannot be read as JSON"):
        OnnxVITS(ModelFiles("tiny", tmp_path), options).start()
    (tmp_path / "tiny.onnx.json").unlink()
    with pytest.raises(ConfigurationError, match="lacks the file"):
        OnnxVITS(ModelFiles("tiny", tmp_path), options).start()
    (tmp_path / "other.onnx").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="not 2"):
        OnnxVITS(ModelFiles("tiny", tmp_path), options).start()


def test_a_device_that_is_not_there_is_a_configuration_error(start: Callable[..., OnnxVITS]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    with pytest.raises(ConfigurationError, match="CUDA"):
        start(options={"device": "cuda"})


@pytest.mark.parametrize("parallel", [1, 2])
async def test_sentences_spoken_one_by_one_are_those_of_the_whole_text(
    start: Callable[..., OnnxVITS], parallel: int
) -> None:
    """What lets replicas share a text; long sentences come in parts all the same."""
    engine = start(options={"parallel": parallel, "max_phonemes": 50})
    text = (
        "Hello there. One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen! Is it you?"
    )

    whole = await speak(engine, text)
    apart = [part for sentence in split_sentences(text) for part in await speak(engine, sentence)]

    assert len(whole) > 3
    assert [each.text for each in apart] == [each.text for each in whole]
    assert [each.input_tokens for each in apart] == [each.input_tokens for each in whole]
    assert all(np.array_equal(one.audio.samples, other.audio.samples) for one, other in zip(apart, whole, strict=True))
