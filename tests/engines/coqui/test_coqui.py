"""The engine's own work on a tiny model: sentences, voices, languages, the end of a run."""

import asyncio
import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.coqui import Coqui
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.engines.coqui_text import Part
from smartlite.engines.coqui_torch import Run
from smartlite.engines.waveform import PEAK
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, TextEmpty, VoiceNotFound

pytestmark = pytest.mark.integration  # needs torch and espeak-ng
SPEAKERS = {"use_speaker_embedding": True, "speakers": ["ann", "bob"], "model_args": {"use_speaker_embedding": True}}
LANGUAGES = {
    "use_phonemes": False,
    "phonemizer": None,
    "text_cleaner": "multilingual_cleaners",
    "languages": ["de", "fr-fr"],
    "model_args": {"use_language_embedding": True},
}
SILENT: dict[str, object] = {"noise_scale": 0, "noise_w": 0, "sentence_silence_s": 0}


async def speak(engine: Coqui, text: str, voice: str = "joe", **options: Any) -> list[SpokenSentence]:
    return [each async for each in engine.synthesize(text, SynthesizeOptions(voice, **options))]


async def test_sentences_come_in_order_levelled_with_their_silence(start: Callable[..., Coqui]) -> None:
    engine = start(options={"sentence_silence_s": 1})

    spoken = await speak(engine, "A house stands here. It has a garden!")

    assert [each.text for each in spoken] == ["A house stands here.", "It has a garden!"]
    for each in spoken:
        assert each.audio.sample_rate_hz == 8000
        assert each.input_tokens > len(each.text)  # a blank beside every phoneme
        assert not each.audio.samples[-8000:].any()
        assert 0.1 < np.abs(each.audio.samples).max() <= PEAK + 1e-6


async def test_a_long_sentence_comes_in_parts_that_lose_no_word(start: Callable[..., Coqui]) -> None:
    text = "Here is a long sentence, which has many clauses, each of them short, so that it can be cut, word by word."

    spoken = await speak(start(options={"max_phonemes": 50}), text)

    assert len(spoken) > 1
    assert " ".join(each.text for each in spoken) == text
    assert max(each.input_tokens for each in spoken) <= 2 * 50 + 1


async def test_without_noise_the_same_text_gives_the_same_samples(start: Callable[..., Coqui]) -> None:
    engine = start(options=SILENT)

    [first], [second] = await speak(engine, "Hello."), await speak(engine, "Hello.")

    np.testing.assert_array_equal(first.audio.samples, second.audio.samples)


async def test_voices_are_the_speakers_of_the_model(start: Callable[..., Coqui]) -> None:
    engine = start(voices=(), options=SILENT, **SPEAKERS)

    [ann], [bob] = await speak(engine, "Hello.", "ann"), await speak(engine, "Hello.", "bob")

    assert not np.array_equal(ann.audio.samples, bob.audio.samples)
    assert [(voice.id, voice.language) for voice in engine.voices()] == [("ann", "en-US"), ("bob", "en-US")]
    with pytest.raises(VoiceNotFound, match="ann, bob"):
        await speak(engine, "Hello.", "joe")


async def test_a_voice_may_have_another_name_than_its_speaker(start: Callable[..., Coqui]) -> None:
    voices = (Voice("joe", "Joe", "en-US"), Voice("ann", "Ann", "en-US"))
    engine = start(voices, SILENT | {"speakers": {"joe": "bob"}}, **SPEAKERS)

    [joe], [ann] = await speak(engine, "Hello.", "joe"), await speak(engine, "Hello.", "ann")

    assert not np.array_equal(ann.audio.samples, joe.audio.samples)
    with pytest.raises(VoiceNotFound, match="joe, ann"):
        await speak(engine, "Hello.", "bob")


def test_a_voice_that_is_no_speaker_stops_the_start(start: Callable[..., Coqui]) -> None:
    with pytest.raises(ConfigurationError, match="ann, bob"):
        start(**SPEAKERS)


async def test_the_language_of_a_request_is_found_by_its_tag(start: Callable[..., Coqui]) -> None:
    engine = start(options=SILENT, **LANGUAGES)

    [german] = await speak(engine, "Hallo.", language="de-AT")
    [french] = await speak(engine, "Hallo.", language="fr")
    [default] = await speak(engine, "Hallo.")

    assert not np.array_equal(german.audio.samples, french.audio.samples)
    np.testing.assert_array_equal(default.audio.samples, german.audio.samples)
    with pytest.raises(InvalidRequest, match="de, fr-fr") as caught:
        await speak(engine, "Hallo.", language="ja")
    assert caught.value.param == "language"


async def test_a_voice_brings_its_language_and_the_operator_the_default(start: Callable[..., Coqui]) -> None:
    by_voice = start((Voice("joe", "Joe", "fr-FR"),), SILENT, **LANGUAGES)
    [voice] = await speak(by_voice, "Hallo.")
    by_option = start((Voice("joe", "Joe", "en"),), SILENT | {"language": "fr"}, **LANGUAGES)
    [option] = await speak(by_option, "Hallo.")

    np.testing.assert_array_equal(voice.audio.samples, option.audio.samples)
    with pytest.raises(ConfigurationError, match="not 'ja'"):
        start(options={"language": "ja"}, **LANGUAGES)


async def test_a_model_of_one_language_takes_any(start: Callable[..., Coqui]) -> None:
    assert await speak(start(), "Hello.", language="ja")


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "🎉🎉", "你好", "\ud800", "( - )"])
async def test_text_that_cannot_be_spoken_is_an_error_of_the_request(start: Callable[..., Coqui], text: str) -> None:
    with pytest.raises(TextEmpty) as caught:
        await speak(start(), text)

    assert caught.value.param == "input"


@pytest.mark.parametrize("text", ["Hi 🎉 you", "--help", "$(reboot) `x`", "a\x00b", "100%", "[[x]] hi", "x" * 3000])
async def test_strange_text_is_spoken(start: Callable[..., Coqui], text: str) -> None:
    assert await speak(start(), text)


@pytest.mark.parametrize("speed", [0.1, 5.0, float("nan")])
async def test_a_speed_out_of_range_is_an_error_of_the_request(start: Callable[..., Coqui], speed: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await speak(start(), "Hello.", speed=speed)

    assert caught.value.param == "speed"


async def test_a_cancelled_request_leaves_no_task_and_a_usable_engine(start: Callable[..., Coqui]) -> None:
    engine = start()
    request = asyncio.create_task(speak(engine, "One more sentence. " * 100))
    await asyncio.sleep(0.05)

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(await speak(engine, "Hello.")) == 1


def test_a_run_that_nobody_waits_for_ends_before_its_next_layer(start: Callable[..., Coqui]) -> None:
    loaded = start()._started()
    run = Run()
    run.end()

    with pytest.raises(EngineFailed, match="ended"):
        loaded.model.speak(Part("", True, (1, 2, 3)), None, "en-us", 1.0, run)


def test_samples_that_are_not_numbers_are_a_failure_of_the_engine(start: Callable[..., Coqui]) -> None:
    model: Any = start()._started().model
    model._model.waveform_decoder.conv_post.weight.fill_(float("nan"))

    with pytest.raises(EngineFailed, match="not numbers"):
        model.speak(Part("", True, (1, 2, 3)), None, "en-us", 1.0, Run())


def test_a_device_that_is_not_there_is_a_configuration_error(start: Callable[..., Coqui]) -> None:
    import torch

    if torch.cuda.is_available():
        assert start(options={"device": "cuda"})
        return
    with pytest.raises(ConfigurationError, match="GPU"):
        start(options={"device": "cuda"})


async def test_a_recording_cannot_be_cloned_by_a_model_without_a_speaker_encoder(
    start: Callable[..., Coqui], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError):
        start(options={"speaker_wav": {"joe": str(tmp_path / "joe.wav")}})


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "no_such_model"},
        {"model": "../../etc"},
        {"audio": {"sample_rate": 8000, "hop_length": 17}},
        {"phoneme_language": "xx-none"},
        {"model_args": {"hidden_channels": "eight"}},
        {"characters": {"characters_class": "os.path"}},
    ],
)
def test_a_configuration_that_is_wrong_is_a_configuration_error(
    write_model: Callable[..., Path], tmp_path: Path, changes: dict[str, Any]
) -> None:

    folder = write_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    engine = Coqui(ModelFiles("tiny", folder, ("config.json", "model.pth")), CoquiOptions())

    with pytest.raises(ConfigurationError):
        engine.start()
    engine.close()


async def test_closing_lets_the_weights_go_at_once(start: Callable[..., Coqui]) -> None:
    engine = start()
    await speak(engine, "A house stands here.")
    assert engine._loaded is not None
    weights = weakref.ref(next(engine._loaded.model._model.parameters()))  # type: ignore[attr-defined]
    gc.disable()
    try:
        engine.close()
        assert weights() is None
    finally:
        gc.enable()
