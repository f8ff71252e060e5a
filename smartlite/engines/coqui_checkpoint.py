"""Writes a checkpoint of the library's own format from our converter's files, as the library's API loads it unchanged.

Must not know the engine. What a voice does not have (the posterior encoder, the training half of the duration
predictor) gets a fresh model's values, since the library wants every tensor; so it speaks and cannot be trained on.
"""

import json
from pathlib import Path

from smartlite.engines.coqui_files import read_config

CHECKPOINT, CONFIG = "model.pth", "config.json"


def write_checkpoint(source_dir: Path, target_dir: Path) -> None:
    """Write ``model.pth`` and ``config.json`` from ``model.safetensors`` and ``config.json``. Blocks.

    Raises:
        ConfigurationError: The configuration is none.
    """
    import torch
    from safetensors.torch import load_file
    from TTS.config import register_config
    from TTS.tts.models.vits import Vits

    config = read_config(source_dir / CONFIG, source_dir)
    settings = register_config(config["model"])()
    settings.from_dict(config)
    state = Vits(settings).state_dict()
    for name, folded in load_file(source_dir / "model.safetensors").items():
        if name in state:
            state[name] = folded
            continue
        # Weight norm as torch keeps it: length and direction of each slice of the first dimension.
        parts = f"{name.removesuffix('.weight')}.parametrizations.weight.original"
        length = folded.flatten(1).norm(dim=1).reshape(-1, *[1] * (folded.ndim - 1))
        state[f"{parts}0"] = length
        state[f"{parts}1"] = torch.where(length == 0, torch.ones_like(folded), folded)
    torch.save({"model": state}, target_dir / CHECKPOINT)
    (target_dir / CONFIG).write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
