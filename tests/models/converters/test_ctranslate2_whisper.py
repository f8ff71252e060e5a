"""Whisper out of CTranslate2's format: every number in its place, and files that lie are refused."""

import json
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from smartlite.errors import SourceUnavailable
from smartlite.models.converters import CONVERTERS

VOCABULARY, WIDTH = 51_865, 4
HEADS = [[0, 1]]
convert = CONVERTERS["ctranslate2_whisper"]


def _string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def _tensor(name: str, array: Any) -> bytes:
    number = {"<f4": 0, "|i1": 1, "<i2": 2, "<f2": 4}[array.dtype.str]
    dims = struct.pack(f"<{array.ndim}I", *array.shape)
    head = _string(name) + struct.pack("<B", array.ndim) + dims + struct.pack("<BI", number, array.nbytes)
    return head + array.tobytes()


def _tensors() -> dict[str, Any]:
    """A Whisper of one layer on each side and four numbers in width."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"decoder/embeddings/weight": (VOCABULARY, WIDTH)}
    shapes |= {"encoder/conv1/weight": (WIDTH, 80, 3), "encoder/conv2/weight": (WIDTH, WIDTH, 3)}
    shapes |= {"encoder/conv1/bias": (WIDTH,), "encoder/conv2/bias": (WIDTH,)}
    shapes |= {"encoder/position_encodings/encodings": (10, WIDTH), "decoder/position_encodings/encodings": (6, WIDTH)}
    linear = {"self_attention/linear_0": 3, "self_attention/linear_1": 1, "ffn/linear_0": 1, "ffn/linear_1": 1}
    cross = {"attention/linear_0": 1, "attention/linear_1": 2, "attention/linear_2": 1}
    for side, parts in (("encoder", linear), ("decoder", linear | cross)):
        norms = {f"{side}/layer_norm"} | {f"{side}/layer_0/{name.split('/')[0]}/layer_norm" for name in parts}
        shapes |= {f"{norm}/{part}": (WIDTH,) for norm in norms for part in ("gamma", "beta")}
        for name, factor in parts.items():
            shapes[f"{side}/layer_0/{name}/weight"] = (factor * WIDTH, WIDTH)
            shapes[f"{side}/layer_0/{name}/bias"] = (factor * WIDTH,)
    tensors: dict[str, Any] = {name: random.normal(size=shape).astype("<f2") for name, shape in shapes.items()}
    for side in ("encoder", "decoder"):
        tensors[f"{side}/num_heads"] = np.array(2, "<i2")
        tensors[f"{side}/layer_0/self_attention/linear_0/bias"][WIDTH : 2 * WIDTH] = 0
    tensors["decoder/layer_0/attention/linear_1/bias"][:WIDTH] = 0
    return tensors


def _write(folder: Path, tensors: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    body = b"".join(_tensor(name, tensors[name]) for name in sorted(tensors))
    head = struct.pack("<I", 6) + _string("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    tail = struct.pack("<I", 1) + _string("decoder/projection/weight") + _string("decoder/embeddings/weight")
    (folder / "model.bin").write_bytes(head + body + tail)
    (folder / "config.json").write_text(json.dumps({"alignment_heads": HEADS, "lang_ids": [1]}))
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_every_number_comes_to_its_place(tmp_path: Path, target: Path) -> None:
    tensors = _tensors()
    convert(_write(tmp_path / "source", tensors), target)
    weights = load_file(target / "model.safetensors")
    fused = tensors["encoder/layer_0/self_attention/linear_0/weight"]
    for index, part in enumerate(("query", "key", "value")):
        rows = fused[index * WIDTH : (index + 1) * WIDTH]
        np.testing.assert_array_equal(weights[f"encoder.blocks.0.attn.{part}.weight"], rows)
    crossed = tensors["decoder/layer_0/attention/linear_1/weight"]
    np.testing.assert_array_equal(weights["decoder.blocks.0.cross_attn.value.weight"], crossed[WIDTH:])
    np.testing.assert_array_equal(weights["decoder.ln.bias"], tensors["decoder/layer_norm/beta"])
    assert "encoder.blocks.0.attn.key.bias" not in weights
    # Each number of the source that is no head count and no key's bias, and nothing else.
    assert sum(w.size for w in weights.values()) == sum(t.size for t in tensors.values()) - 2 - 3 * WIDTH
    config = json.loads((target / "config.json").read_text())
    assert config["alignment_heads"] == HEADS
    assert config["dims"] == {
        "n_mels": 80, "n_audio_ctx": 10, "n_audio_state": 4, "n_audio_head": 2, "n_audio_layer": 1,
        "n_vocab": VOCABULARY, "n_text_ctx": 6, "n_text_state": 4, "n_text_head": 2, "n_text_layer": 1,
    }  # fmt: skip


def test_the_same_files_give_the_same_bytes(tmp_path: Path, target: Path) -> None:
    source = _write(tmp_path / "source", _tensors())
    convert(source, target)
    first = {path.name: path.read_bytes() for path in target.iterdir()}
    convert(source, target)
    assert first == {path.name: path.read_bytes() for path in target.iterdir()}


def test_eight_bit_weights_are_divided_by_the_scale_of_their_row(tmp_path: Path, target: Path) -> None:
    tensors = _tensors()
    name = "encoder/layer_0/ffn/linear_0/weight"
    weight = tensors[name].astype("<f4")
    scale = 127 / np.abs(weight).max(axis=1)
    tensors[name] = np.round(weight * scale[:, None]).astype("i1")
    tensors[f"{name}_scale"] = scale.astype("<f4")
    convert(_write(tmp_path / "source", tensors), target)
    restored = load_file(target / "model.safetensors")["encoder.blocks.0.mlp.0.weight"]
    np.testing.assert_allclose(restored, weight, atol=np.abs(weight).max() / 127)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoder/conv1/weight": None}, "no tensor 'encoder/conv1/weight'"),
        ({"encoder/num_heads": None}, "num_heads"),
        ({"encoder/layer_0/ffn/linear_0/weight": np.zeros((4, 4), "i1")}, "no scale"),
        ({"encoder/layer_0/self_attention/linear_0/bias": np.ones(12, "<f2")}, "a bias of its keys"),
        ({"decoder/layer_0/attention/linear_1/weight": np.ones((7, 4), "<f2")}, "2 equal parts"),
        ({"decoder/embeddings/weight": np.ones((10, 4), "<f2")}, "10 tokens"),
        ({"encoder/conv1/weight": np.ones((4, 4), "<f2")}, "no whole Whisper model"),
    ],
)
def test_a_model_that_is_no_whole_whisper_is_refused(
    tmp_path: Path, target: Path, change: dict[str, Any], reason: str
) -> None:
    tensors = {name: array for name, array in (_tensors() | change).items() if array is not None}
    with pytest.raises(SourceUnavailable, match=reason):
        convert(_write(tmp_path / "source", tensors), target)


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, target: Path) -> None:
    source = _write(tmp_path / "source", _tensors())
    whole = (source / "model.bin").read_bytes()
    for size in (0, 1, 7, 20, 30, 100, len(whole) // 2, len(whole) - 200):
        (source / "model.bin").write_bytes(whole[:size])
        with pytest.raises(SourceUnavailable, match=r"model.bin|no tensor"):
            convert(source, target)


HEAD = struct.pack("<I", 6) + _string("WhisperSpec")
HUGE = struct.pack("<II", 3, 1) + _string("a") + struct.pack("<BIIBI", 2, 2**31, 2**31, 4, 2**32 - 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a model", "begins with"),
        (struct.pack("<I", 6) + _string("TransformerSpec"), "not a 'WhisperSpec'"),
        (HEAD + struct.pack("<II", 3, 2**32 - 1), "4294967295 tensors"),
        (HEAD + HUGE, r"shape \(2147483648, 2147483648\)"),
        (HEAD + struct.pack("<II", 3, 1) + _string("a") + struct.pack("<BIBI", 1, 2**31, 1, 2**31), "ends at byte"),
        (HEAD + struct.pack("<II", 3, 1) + _string("a") + b"\xff", "rank 255"),
        (HEAD + struct.pack("<II", 3, 1) + _string("a") + struct.pack("<BBI", 0, 9, 0), "unknown type 9"),
    ],
)
def test_a_file_that_lies_is_refused_without_taking_memory(
    tmp_path: Path, target: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    (tmp_path / "config.json").write_text("{}")
    tracemalloc.start()
    with pytest.raises(SourceUnavailable, match=reason):
        convert(tmp_path, target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


@pytest.mark.parametrize("text", ["[]", "no JSON"])
def test_a_configuration_that_is_no_json_object_is_refused(tmp_path: Path, target: Path, text: str) -> None:
    source = _write(tmp_path / "source", _tensors())
    (source / "config.json").write_text(text)
    with pytest.raises(SourceUnavailable):
        convert(source, target)


def test_a_missing_file_is_named(tmp_path: Path, target: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"config\.json"):
        convert(tmp_path, target)
