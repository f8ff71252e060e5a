"""A VITS of a few thousand numbers, made by the library itself, so that tests of the engine need no weights."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smartlite.domain.models import ModelFiles, Voice
from smartlite.engines.coqui import Coqui
from smartlite.engines.coqui_options import CoquiOptions

RATE_HZ = 8000
LETTERS = "abcdefghijklmnopqrstuvwxyzæðŋɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒʔˈˌːθᵻ "


def tiny_config(**changes: Any) -> dict[str, Any]:
    """Reads espeak-ng's phonemes; keywords change it, ``model_args`` is merged."""
    args = {
        "hidden_channels": 8,
        "hidden_channels_ffn_text_encoder": 8,
        "num_layers_text_encoder": 1,
        "num_layers_posterior_encoder": 1,
        "num_layers_flow": 1,
        "resblock_type_decoder": "2",
        "resblock_kernel_sizes_decoder": [3],
        "resblock_dilation_sizes_decoder": [[1, 3]],
        "upsample_rates_decoder": [4, 4],
        "upsample_kernel_sizes_decoder": [8, 8],
        "upsample_initial_channel_decoder": 8,
        "speaker_embedding_channels": 8,
        "init_discriminator": False,
    } | changes.pop("model_args", {})
    return {
        "model": "vits",
        "audio": {"sample_rate": RATE_HZ, "hop_length": 16},
        "use_phonemes": True,
        "phonemizer": "espeak",
        "phoneme_language": "en-us",
        "text_cleaner": "phoneme_cleaners",
        "add_blank": True,
        "characters": {
            "characters_class": "TTS.tts.utils.text.characters.IPAPhonemes",
            "pad": "_",
            "eos": "$",
            "bos": "^",
            "blank": "_",
            "characters": LETTERS,
            "punctuations": "!,.:;?",
            "is_unique": False,
            "is_sorted": False,
        },
        "model_args": args,
    } | changes


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def write_model() -> Callable[..., Path]:
    """Writes ``model.pth`` and ``config.json`` into a folder; keywords change the configuration."""

    def write(folder: Path, **changes: Any) -> Path:
        import torch
        from TTS.config import register_config
        from TTS.tts.models.vits import Vits

        config = tiny_config(**changes)
        settings = register_config("vits")()
        settings.from_dict(dict(config))
        torch.manual_seed(0)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({"model": Vits(settings).state_dict()}, folder / "model.pth")
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return write


@pytest.fixture
def start(tmp_path: Path, write_model: Callable[..., Path]) -> Iterator[Callable[..., Coqui]]:
    """Starts an engine on the model as a catalog gives it; keywords are voices, options and the configuration."""
    engines: list[Coqui] = []

    def start_engine(
        voices: tuple[Voice, ...] = (Voice("joe", "Joe", "en-US"),),
        options: dict[str, object] | None = None,
        **changes: Any,
    ) -> Coqui:
        folder = write_model(tmp_path / "model", **changes)
        files = ModelFiles("tiny", folder, ("config.json", "model.pth"), voices)
        engine = Coqui(files, CoquiOptions.model_validate(options or {}))
        engines.append(engine)
        engine.start()
        return engine

    yield start_engine
    for engine in engines:
        engine.close()
