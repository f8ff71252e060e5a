"""The voice joe on torch: the same samples as on onnxruntime, intelligible, and loaded by the library's own API."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest

from smartlite.domain.audio import AudioChunk
from smartlite.domain.models import ModelFiles
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.coqui import Coqui
from smartlite.engines.coqui_checkpoint import write_checkpoint
from smartlite.engines.coqui_files import read_config
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.engines.coqui_torch import Run
from smartlite.engines.coqui_vits import VitsModel, load_folded
from smartlite.engines.onnx_graph import VitsGraph
from smartlite.engines.phonemes import EspeakNG
from smartlite.engines.piper_voice import find_voice, read_voice

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]
MODEL = "en_US-joe-medium-coqui"
PHONEMES_OF = "The quick brown fox jumps over the lazy dog, near the river bank"
SENTENCES = (
    "The weather in Boston is cold and windy today.",
    "The total comes to $12.50, including tax.",
    "Our train leaves at 5:30 from platform 9.",
    "Do you know where the nearest hospital is?",
    "About 3,000 people live in this small town.",
    "She was born in 1987 and moved to London in 2012.",
    "Wait! Don't touch that, it's hot.",
    "The recipe needs two eggs, a cup of flour, and some sugar.",
    "Which of these three books would you recommend: the red, the blue, or the green one?",
    "The museum opened on May 5, 1999, and it is still popular.",
)


@pytest.fixture(scope="module")
def silent(model_files: Callable[[str], ModelFiles]) -> VitsModel:
    """Without noise, so that the same ids give the same samples."""
    files = model_files(MODEL)
    config = read_config(files.directory / "config.json", files.directory)
    return VitsModel(load_folded(files.directory / "model.safetensors", config), "cpu", 0.0, 0.0)


@pytest.fixture(scope="module")
def engine(model_files: Callable[[str], ModelFiles]) -> Iterator[Coqui]:
    engine = Coqui(model_files(MODEL), CoquiOptions())
    engine.start()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def whisper(model_files: Callable[[str], ModelFiles]) -> Any:
    faster_whisper = pytest.importorskip("faster_whisper")
    return faster_whisper.WhisperModel(str(model_files("whisper-base").directory), device="cpu", compute_type="int8")


async def speak(engine: Coqui, text: str, speed: float = 1.0) -> AudioChunk:
    spoken = [each async for each in engine.synthesize(text, SynthesizeOptions("joe", speed))]
    return AudioChunk(np.concatenate([each.audio.samples for each in spoken]), spoken[0].audio.sample_rate_hz)


def plain(text: str) -> str:
    text = re.sub(r"(?<=\d)[,:.](?=\d)", "", text.lower())
    text = re.sub(r"[^\w\s'$]", " ", text)
    for word, digit in (("one", "1"), ("two", "2"), ("three", "3"), ("nine", "9")):
        text = re.sub(rf"\b{word}\b", digit, text)
    return " ".join(text.split())


def test_the_same_phonemes_give_the_samples_of_onnxruntime(
    silent: VitsModel, model_files: Callable[[str], ModelFiles]
) -> None:
    graph_path, config_path = find_voice(model_files("en_US-joe-medium"))
    voice = read_voice(config_path)
    phonemes = EspeakNG("en-us").phonemize_one(PHONEMES_OF)
    graph = VitsGraph(graph_path, "cpu", 1, multi_speaker=False)
    ids = voice.frame(voice.ids(phonemes, ".")[0])
    expected = graph.speak(ids, (0.0, 1.0, 0.0), None, graph.new_run())

    alphabet = silent.alphabet
    made = silent.infer(alphabet.frame(alphabet.encode(phonemes + ".")), None, "en-us", 1.0, Run())

    assert len(made) == len(expected)
    assert np.abs(expected).max() > 0.1
    assert np.abs(made - expected).max() < 1e-3


async def test_what_it_says_is_what_was_written(
    engine: Coqui, whisper: Any, for_recognition: Callable[[AudioChunk], AudioChunk]
) -> None:
    heard = []
    for written in SENTENCES:
        audio = for_recognition(await speak(engine, written))
        segments, _ = whisper.transcribe(audio.samples, language="en", beam_size=1, temperature=0.0)
        heard.append(plain(" ".join(segment.text for segment in segments)))

    references = [plain(written) for written in SENTENCES]
    assert jiwer.wer(references, heard) <= 0.10, list(zip(references, heard, strict=True))


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 2.0, 4.0])
async def test_speed_divides_the_length_of_speech(model_files: Callable[[str], ModelFiles], speed: float) -> None:
    engine = Coqui(model_files(MODEL), CoquiOptions(noise_scale=0, noise_w=0, sentence_silence_s=0))
    engine.start()

    normal, changed = await speak(engine, PHONEMES_OF), await speak(engine, PHONEMES_OF, speed)

    assert normal.duration_s / changed.duration_s == pytest.approx(speed, rel=0.1)
    engine.close()


def test_the_librarys_own_api_loads_the_checkpoint_that_is_written(
    model_files: Callable[[str], ModelFiles], silent: VitsModel, tmp_path: Path
) -> None:
    from TTS.api import TTS

    write_checkpoint(model_files(MODEL).directory, tmp_path)
    library = TTS(model_path=str(tmp_path / "model.pth"), config_path=str(tmp_path / "config.json"), progress_bar=False)

    said = library.tts("Hello there, how are you?")
    theirs = VitsModel(library.synthesizer.tts_model, "cpu", 0.0, 0.0)
    ids = silent.alphabet.frame(silent.alphabet.encode("həlˈoʊ."))

    assert np.abs(said).max() > 0.1
    folded, whole = (model.infer(ids, None, "en-us", 1.0, Run()) for model in (silent, theirs))
    np.testing.assert_allclose(whole, folded, atol=1e-3)


def test_weights_of_another_size_are_refused(model_files: Callable[[str], ModelFiles], tmp_path: Path) -> None:
    from smartlite.errors import ConfigurationError

    files = model_files(MODEL)
    config = (files.directory / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"hidden_channels": 192', '"hidden_channels": 96'))
    (tmp_path / "model.safetensors").symlink_to(files.directory / "model.safetensors")
    engine = Coqui(ModelFiles("m", tmp_path), CoquiOptions())

    with pytest.raises(ConfigurationError, match="size mismatch"):
        engine.start()
    engine.close()
