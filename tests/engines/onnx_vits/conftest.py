"""A Piper-format voice of 1 kB, written by hand, so that tests of the TTS engine need no weights."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smartlite.domain.models import ModelFiles, Voice
from smartlite.engines.onnx_vits import OnnxVITS, OnnxVITSOptions

SYMBOLS = "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒʔˈˌːθᵻ"


def _field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])


def _tensor(name: str, values: tuple[float, ...] | tuple[int, ...], *, scalar: bool = False) -> bytes:
    kind, code = (7, "q") if all(isinstance(value, int) for value in values) else (1, "f")
    dims = b"" if scalar else _field(1, len(values))
    return dims + _field(2, kind) + _field(8, name) + _field(9, struct.pack(f"<{len(values)}{code}", *values))


def _node(kind: str, inputs: str, output: str, **attributes: int) -> bytes:
    message = b"".join(_field(1, name) for name in inputs.split()) + _field(2, output) + _field(4, kind)
    for name, value in attributes.items():
        message += _field(5, _field(1, name) + _field(3, value) + _field(20, 2))
    return message


def _value(name: str, kind: int, *dims: str) -> bytes:
    shape = b"".join(_field(1, _field(2, dim)) for dim in dims)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, shape)))


def tiny_graph(*, multi_speaker: bool = False) -> bytes:
    """Each id becomes ceil(8 * length scale) frames of 256 samples; a speaker adds to all ids."""
    nodes = [
        _node("Gather", "scales at", "length", axis=0),
        _node("Mul", "length eight", "frames"),
        _node("Ceil", "frames", "whole"),
        _node("Mul", "whole hop", "width"),
        _node("Cast", "width", "width_int", to=7),
        _node("Reshape", "width_int flat", "width_flat"),
        _node("Concat", "flat width_flat", "repeats", axis=0),
        _node("Add" if multi_speaker else "Identity", "input sid" if multi_speaker else "input", "ids"),
        _node("Cast", "ids", "floats", to=1),
        _node("Mul", "floats small", "levels"),
        _node("Reshape", "levels column", "steps"),
        _node("Tile", "steps repeats", "wave"),
        _node("Reshape", "wave row", "output"),
    ]
    constants = [
        _tensor("at", (1,), scalar=True),
        _tensor("eight", (8.0,), scalar=True),
        _tensor("hop", (256.0,), scalar=True),
        _tensor("small", (0.002,), scalar=True),
        _tensor("flat", (1,)),
        _tensor("column", (-1, 1)),
        _tensor("row", (1, 1, 1, -1)),
    ]
    inputs = [_value("input", 7, "b", "n"), _value("input_lengths", 7, "b"), _value("scales", 1, "three")]
    if multi_speaker:
        inputs.append(_value("sid", 7, "b"))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "tiny")
    graph += b"".join(_field(5, constant) for constant in constants) + b"".join(_field(11, each) for each in inputs)
    graph += _field(12, _value("output", 1, "b", "c", "t", "s"))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


def tiny_config(**changes: object) -> dict[str, object]:
    return {
        "audio": {"sample_rate": 22_050},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(SYMBOLS)},
        "num_symbols": 256,
        "num_speakers": 1,
    } | changes


@pytest.fixture
def write_voice() -> Callable[..., ModelFiles]:
    """Writes the files of the voice into a folder; keywords change its configuration."""
    return _write_voice


def _write_voice(
    folder: Path, multi_speaker: bool = False, damage: Callable[[bytes], bytes] = bytes, **changes: object
) -> ModelFiles:
    (folder / "tiny.onnx").write_bytes(damage(tiny_graph(multi_speaker=multi_speaker)))
    (folder / "tiny.onnx.json").write_text(json.dumps(tiny_config(**changes)))
    return ModelFiles("tiny", folder, ("tiny.onnx", "tiny.onnx.json"), (Voice("joe", "Joe", "en-US"),))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., OnnxVITS]]:
    """Starts an engine on the voice; keywords are its options and changes of the voice."""
    engines: list[OnnxVITS] = []

    def start_engine(options: dict[str, object] | None = None, **changes: Any) -> OnnxVITS:
        engine = OnnxVITS(_write_voice(tmp_path, **changes), OnnxVITSOptions.model_validate(options or {}))
        engines.append(engine)
        engine.start()
        return engine

    yield start_engine
    for engine in engines:
        engine.close()
