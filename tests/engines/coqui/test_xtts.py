"""XTTS, whose weights cannot be had here: the library's own code on random numbers, in the shape of a real model."""

import json
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.coqui import Coqui
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.errors import ConfigurationError, InvalidRequest, VoiceNotFound

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]  # needs torch; 22 million numbers
SPECIAL = ["[STOP]", "[UNK]", "[SPACE]", "[en]", "[de]", "[START]"]
FILES = ("config.json", "model.pth", "speakers_xtts.pth", "vocab.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one layer and its alphabet, with the speakers Ana Florence and Bob."""
    import torch
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    folder = tmp_path_factory.mktemp("xtts")
    vocab = {token: number for number, token in enumerate([*SPECIAL, *"abcdefghijklmnopqrstuvwxyz.,!?'"])}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer = {
        "version": "1.0",
        "added_tokens": [{"id": vocab[token], "content": token, "special": True} | flags for token in SPECIAL],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "BPE", "unk_token": "[UNK]", "fuse_unk": False, "vocab": vocab, "merges": []},
    }
    (folder / "vocab.json").write_text(json.dumps(tokenizer))
    config = {
        "model": "xtts",
        "languages": ["en", "de"],
        "audio": {"sample_rate": 22050, "output_sample_rate": 24000},
        "model_args": {
            "gpt_layers": 1,
            "gpt_n_model_channels": 32,
            "gpt_n_heads": 2,
            "gpt_max_audio_tokens": 40,
            "gpt_number_text_tokens": len(vocab),
            "gpt_start_text_token": vocab["[START]"],
            "gpt_stop_text_token": vocab["[STOP]"],
            "gpt_num_audio_tokens": 20,
            "gpt_start_audio_token": 18,
            "gpt_stop_audio_token": 19,
            "decoder_input_dim": 32,
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    settings = XttsConfig()
    settings.from_dict(config)
    torch.manual_seed(0)
    model = Xtts(settings)
    model.tokenizer = VoiceBpeTokenizer(vocab_file=folder / "vocab.json")
    model.init_models()
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    speakers = {
        name: {"gpt_cond_latent": torch.randn(1, 32, 32), "speaker_embedding": torch.randn(1, 512, 1)}
        for name in ("Ana Florence", "Bob")
    }
    torch.save(speakers, folder / "speakers_xtts.pth")
    rate = 22_050
    with wave.open(str(folder / "me.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        tone = np.sin(2 * np.pi * 220 * np.arange(2 * rate) / rate)
        file.writeframes((tone * 16_000).astype("<i2").tobytes())
    return folder


@pytest.fixture
def construct(folder: Path) -> Iterator[Callable[..., Coqui]]:
    engines: list[Coqui] = []

    def construct_engine(*voices: Voice, files: tuple[str, ...] = FILES, **options: object) -> Coqui:
        engines.append(Coqui(ModelFiles("xtts", folder, files, voices), CoquiOptions.model_validate(options)))
        return engines[-1]

    yield construct_engine
    for engine in engines:
        engine.close()


async def speak(engine: Coqui, text: str, voice: str, language: str | None = None) -> list[SpokenSentence]:
    return [each async for each in engine.synthesize(text, SynthesizeOptions(voice, language=language))]


async def test_speakers_and_languages_of_the_model_are_those_of_the_voices(construct: Callable[..., Coqui]) -> None:
    engine = construct(Voice("ana", "Ana", "en"), Voice("Bob", "Bob", "de"), speakers={"ana": "Ana Florence"})
    engine.start()

    for voice, language in (("ana", None), ("Bob", None), ("Bob", "en-US")):
        [one, two] = await speak(engine, "A house stands here. It has a garden.", voice, language)
        assert one.audio.sample_rate_hz == 24_000
        assert np.abs(one.audio.samples).max() > 0
        assert (one.input_tokens, two.text) == (len("A house stands here."), "It has a garden.")
    with pytest.raises(InvalidRequest, match="en, de"):
        await speak(engine, "Bonjour.", "Bob", "fr")
    with pytest.raises(VoiceNotFound, match="ana, Bob"):
        await speak(engine, "Hello.", "Ana Florence")


def test_voices_that_nobody_named_are_all_speakers_in_all_languages(construct: Callable[..., Coqui]) -> None:
    engine = construct(speaker_wav={}, language="de")
    engine.start()

    assert engine.voices() == (
        Voice("Ana Florence", "Ana Florence", "de", languages=("de", "en")),
        Voice("Bob", "Bob", "de", languages=("de", "en")),
    )


async def test_a_recording_becomes_a_voice(construct: Callable[..., Coqui], folder: Path) -> None:
    engine = construct(Voice("me", "Me", "en"), speaker_wav={"me": str(folder / "me.wav")})
    engine.start()

    [spoken] = await speak(engine, "Hello.", "me")

    assert spoken.audio.samples.size


def test_a_recording_that_is_none_is_told(construct: Callable[..., Coqui], folder: Path) -> None:
    with pytest.raises(ConfigurationError):
        construct(Voice("me", "Me", "en"), speaker_wav={"me": str(folder / "vocab.json")}).start()


def test_speakers_that_the_catalog_does_not_name_are_not_read(construct: Callable[..., Coqui]) -> None:
    with pytest.raises(ConfigurationError, match=r"speakers_xtts\.pth"):
        construct(files=("config.json", "model.pth", "vocab.json")).start()


def test_a_voice_without_a_speaker_stops_the_start(construct: Callable[..., Coqui]) -> None:
    with pytest.raises(ConfigurationError, match="Ana Florence, Bob"):
        construct(Voice("joe", "Joe", "en")).start()
