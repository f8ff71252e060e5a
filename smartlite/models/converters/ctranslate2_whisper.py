"""Whisper in CTranslate2's format to the names and shapes of the openai-whisper package. Must not know that package.

Writes ``config.json`` (dimensions, alignment heads) and ``model.safetensors``. Proved on whisper-base and
whisper-tiny.en: the encoders' outputs differ by 1.5e-6 on average, the texts not at all.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smartlite.errors import SourceUnavailable
from smartlite.models.converters.ctranslate2_file import read_ctranslate2

_Tensor = NDArray[Any]
_MULTILINGUAL_VOCABULARY: Final = 51_865


def convert_ctranslate2_whisper(source_dir: Path, target_dir: Path) -> None:
    """Convert ``model.bin`` and the alignment heads of ``config.json``.

    Raises:
        SourceUnavailable: The files are not a whole Whisper model in this format.
    """
    try:
        from safetensors.numpy import save_file  # noqa: PLC0415 - an extra brings it
    except ImportError as error:
        raise SourceUnavailable("safetensors is not installed: pip install 'smartlite[torch]'") from error
    try:
        heads = json.loads((source_dir / "config.json").read_bytes()).get("alignment_heads", [])
        with read_ctranslate2(source_dir / "model.bin", "WhisperSpec") as tensors:
            weights = dict(sorted(_Whisper(tensors).weights()))
            config = {"dims": _dimensions(tensors, weights), "alignment_heads": heads}
            save_file(weights, target_dir / "model.safetensors")
    except FileNotFoundError as error:
        raise SourceUnavailable(f"there is no file {error.filename}") from error
    except (ValueError, KeyError, AttributeError, IndexError) as error:
        raise SourceUnavailable(f"{source_dir.name} is no whole Whisper model of CTranslate2: {error!r}") from error
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (target_dir / "config.json").write_text(text, encoding="utf-8")


class _Whisper:
    """The mapping, name by name; both sides have ``(out, in)`` matrices and ``(out, in, kernel)`` convolutions."""

    def __init__(self, tensors: dict[str, _Tensor]) -> None:
        self._tensors = tensors

    def weights(self) -> Iterator[tuple[str, _Tensor]]:
        for name in ("conv1", "conv2"):
            yield from self._linear(f"encoder/{name}", f"encoder.{name}")
        yield from self._norm("encoder/layer_norm", "encoder.ln_post")
        yield from self._norm("decoder/layer_norm", "decoder.ln")
        yield "decoder.token_embedding.weight", self._get("decoder/embeddings/weight")
        for side in ("encoder", "decoder"):
            yield f"{side}.positional_embedding", self._get(f"{side}/position_encodings/encodings")
            for index in range(_layers(self._tensors, side)):
                yield from self._block(f"{side}/layer_{index}", f"{side}.blocks.{index}", crosses=side == "decoder")

    def _block(self, source: str, target: str, *, crosses: bool) -> Iterator[tuple[str, _Tensor]]:
        attention = f"{source}/self_attention"
        yield from self._norm(f"{attention}/layer_norm", f"{target}.attn_ln")
        yield from self._split(f"{attention}/linear_0", f"{target}.attn", ("query", "key", "value"))
        yield from self._linear(f"{attention}/linear_1", f"{target}.attn.out")
        if crosses:
            attention = f"{source}/attention"
            yield from self._norm(f"{attention}/layer_norm", f"{target}.cross_attn_ln")
            yield from self._linear(f"{attention}/linear_0", f"{target}.cross_attn.query")
            yield from self._split(f"{attention}/linear_1", f"{target}.cross_attn", ("key", "value"))
            yield from self._linear(f"{attention}/linear_2", f"{target}.cross_attn.out")
        yield from self._norm(f"{source}/ffn/layer_norm", f"{target}.mlp_ln")
        yield from self._linear(f"{source}/ffn/linear_0", f"{target}.mlp.0")
        yield from self._linear(f"{source}/ffn/linear_1", f"{target}.mlp.2")

    def _norm(self, source: str, target: str) -> Iterator[tuple[str, _Tensor]]:
        yield f"{target}.weight", self._get(f"{source}/gamma")
        yield f"{target}.bias", self._get(f"{source}/beta")

    def _linear(self, source: str, target: str) -> Iterator[tuple[str, _Tensor]]:
        yield f"{target}.weight", self._get(f"{source}/weight")
        yield f"{target}.bias", self._get(f"{source}/bias")

    def _split(self, source: str, target: str, parts: tuple[str, ...]) -> Iterator[tuple[str, _Tensor]]:
        weight, bias = self._get(f"{source}/weight"), self._get(f"{source}/bias")
        if len(weight) % len(parts) or len(bias) != len(weight):
            raise SourceUnavailable(f"{source} has {len(weight)} rows, which are not {len(parts)} equal parts")
        pieces = zip(parts, np.split(weight, len(parts)), np.split(bias, len(parts)), strict=True)
        for name, part_weight, part_bias in pieces:
            yield f"{target}.{name}.weight", np.ascontiguousarray(part_weight)
            if name != "key":
                yield f"{target}.{name}.bias", np.ascontiguousarray(part_bias)
            elif part_bias.any():
                # openai-whisper's keys have no bias: one that is not zero cannot be said there.
                raise SourceUnavailable(f"{source} has a bias of its keys")

    def _get(self, name: str) -> _Tensor:
        if name not in self._tensors:
            raise SourceUnavailable(f"there is no tensor '{name}'")
        tensor = self._tensors[name]
        if tensor.dtype.kind == "f":
            return tensor
        scale = self._tensors.get(f"{name}_scale")
        if scale is None:
            raise SourceUnavailable(f"'{name}' is quantised and has no scale")
        # One scale for each row, by which the row was multiplied before it was rounded.
        by_row = scale.astype("<f4").reshape(-1, *[1] * (tensor.ndim - 1))
        return np.asarray(tensor.astype("<f4") / by_row, dtype="<f4")


def _layers(tensors: dict[str, _Tensor], side: str) -> int:
    count = 0
    while f"{side}/layer_{count}/ffn/linear_0/weight" in tensors:
        count += 1
    return count


def _dimensions(tensors: dict[str, _Tensor], weights: dict[str, _Tensor]) -> dict[str, int]:
    """The fields of openai-whisper's ModelDimensions."""
    width, mels, _ = weights["encoder.conv1.weight"].shape
    vocabulary, text_width = weights["decoder.token_embedding.weight"].shape
    if vocabulary < _MULTILINGUAL_VOCABULARY - 1:
        raise SourceUnavailable(f"the vocabulary has {vocabulary} tokens, fewer than any Whisper's")
    return {
        "n_mels": mels,
        "n_audio_ctx": len(weights["encoder.positional_embedding"]),
        "n_audio_state": width,
        "n_audio_head": int(tensors["encoder/num_heads"]),
        "n_audio_layer": _layers(tensors, "encoder"),
        "n_vocab": vocabulary,
        "n_text_ctx": len(weights["decoder.positional_embedding"]),
        "n_text_state": text_width,
        "n_text_head": int(tensors["decoder/num_heads"]),
        "n_text_layer": _layers(tensors, "decoder"),
    }
