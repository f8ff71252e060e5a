"""Coqui's VITS out of a Piper voice: every number in its place, and files that lie are refused."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from smartlite.errors import SourceUnavailable
from smartlite.models.converters import CONVERTERS

SYMBOLS = {"_": [0], "^": [1], "$": [2], " ": [3], "b": [4], "a": [6], "?": [5], ".": [7], "oo": [8]}
HIDDEN = 4
convert = CONVERTERS["piper_vits"]


def _weights() -> dict[str, Any]:
    """A VITS of one layer of each kind and four numbers in width, weight norms already folded."""
    random = np.random.default_rng(0)
    encoder, dp = "enc_p.encoder", "dp.flows.3"
    shapes: dict[str, tuple[int, ...]] = {
        "sid": (9, HIDDEN),
        f"{encoder}.attn_layers.0.emb_rel_k": (1, 9, 2),
        f"{encoder}.ffn_layers.0.conv_1.weight": (8, HIDDEN, 3),
        f"{encoder}.ffn_layers.0.conv_1.bias": (8,),
        "dec.conv_pre.weight": (8, HIDDEN, 7),
        "dec.ups.0.weight": (8, 4, 16),
        "dec.ups.0.bias": (4,),
        "dec.resblocks.0.convs.0.weight": (4, 4, 3),
        "dec.resblocks.0.convs.0.bias": (4,),
        "dec.resblocks.0.convs.1.weight": (4, 4, 3),
        "dec.resblocks.0.convs.1.bias": (4,),
        "dp.flows.0.m": (2, 1),
        f"{dp}.pre.weight": (4, 1, 1),
        "dp.pre.weight": (HIDDEN, HIDDEN, 1),
        "/enc_p/Constant_output_0": (3,),
    }
    for flow in (0, 2, 4, 6):
        for layer in (0, 1):
            shapes[f"flow.flows.{flow}.enc.in_layers.{layer}.weight"] = (8, HIDDEN, 5)
            shapes[f"flow.flows.{flow}.enc.in_layers.{layer}.bias"] = (8,)
    weights: dict[str, Any] = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights["/dp/flows.0/Exp_output_0"] = np.array([[2.0], [0.5]], np.float32)
    return weights


def _conv(weight: str, bias: str, kind: str = "Conv", **attributes: list[int]) -> Any:
    return helper.make_node(kind, ["x", weight, bias], [f"{bias}.out"], **attributes)


def _graph(weights: dict[str, Any]) -> Any:
    """The nodes that say what a number is; the flows' weights have lost their names and stand in reverse."""
    nodes = [
        helper.make_node("Gather", ["sid", "input"], ["emb"]),
        helper.make_node("Sub", ["z", "dp.flows.0.m"], ["centred"]),
        helper.make_node("Mul", ["centred", "/dp/flows.0/Exp_output_0"], ["scaled"]),
        _conv("dec.ups.0.weight", "dec.ups.0.bias", "ConvTranspose", strides=[8]),
        _conv("dec.resblocks.0.convs.0.weight", "dec.resblocks.0.convs.0.bias", dilations=[3]),
        _conv("dec.resblocks.0.convs.1.weight", "dec.resblocks.0.convs.1.bias", dilations=[6]),
    ]
    named = dict(weights)
    for number, flow in enumerate((6, 4, 2, 0)):
        for layer in (0, 1):
            name = f"flow.flows.{flow}.enc.in_layers.{layer}"
            lost = f"onnx::Conv_{100 + 2 * number + layer}"
            named[lost] = named.pop(f"{name}.weight")
            nodes.append(_conv(lost, f"{name}.bias", dilations=[2**layer]))
    tensors = [numpy_helper.from_array(value, name) for name, value in named.items()]
    return helper.make_graph(nodes, "voice", [], [], tensors)


def _config(**changes: object) -> dict[str, object]:
    return {
        "audio": {"sample_rate": 16_000},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.5, "length_scale": 1.1, "noise_w": 0.7},
        "phoneme_type": "espeak",
        "phoneme_id_map": SYMBOLS,
        "num_speakers": 1,
    } | changes


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a voice; ``alter`` changes the graph, ``damage`` its bytes, keywords the configuration."""

    def write_voice(
        alter: Callable[[Any], None] = lambda _: None, damage: Callable[[bytes], bytes] = bytes, **changes: object
    ) -> Path:
        graph = _graph(_weights())
        alter(graph)
        source = tmp_path / "source"
        source.mkdir()
        (source / "tiny.onnx").write_bytes(damage(helper.make_model(graph).SerializeToString()))
        (source / "tiny.onnx.json").write_text(json.dumps(_config(**changes)))
        (tmp_path / "target").mkdir()
        return source

    return write_voice


def _converted(source: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    target = source.parent / "target"
    convert(source, target)
    return load_file(target / "model.safetensors"), json.loads((target / "config.json").read_text())


def test_every_weight_is_found_under_coquis_name(write: Callable[..., Path]) -> None:
    made, _ = _converted(write())

    weights = _weights()
    expected = {
        "text_encoder.encoder.attn_layers.0.emb_rel_k": "enc_p.encoder.attn_layers.0.emb_rel_k",
        "waveform_decoder.ups.0.weight": "dec.ups.0.weight",
        "waveform_decoder.resblocks.0.convs.1.bias": "dec.resblocks.0.convs.1.bias",
        "duration_predictor.flows.0.translation": "dp.flows.0.m",
        "duration_predictor.flows.2.pre.weight": "dp.flows.3.pre.weight",
        "duration_predictor.pre.weight": "dp.pre.weight",
        **{
            f"flow.flows.{flow}.enc.in_layers.{layer}.{part}": f"flow.flows.{2 * flow}.enc.in_layers.{layer}.{part}"
            for flow in range(4)
            for layer in (0, 1)
            for part in ("weight", "bias")
        },
    }
    for coqui, piper in expected.items():
        np.testing.assert_array_equal(made[coqui], weights[piper], err_msg=coqui)
    assert not [name for name in made if "onnx" in name or "/" in name or name == "sid"]


def test_the_folded_scale_of_the_durations_becomes_its_logarithm(write: Callable[..., Path]) -> None:
    made, _ = _converted(write())

    expected = np.array([[-np.log(2)], [np.log(2)]], np.float32)
    np.testing.assert_array_equal(made["duration_predictor.flows.0.log_scale"], expected)


def test_rows_of_the_phoneme_table_follow_coquis_order(write: Callable[..., Path]) -> None:
    made, config = _converted(write())

    rows = [0, 2, 1, 0, 3, 6, 4, 7, 5]  # _ $ ^ _, then " ab", then ".?"; "oo" is read as two phonemes
    np.testing.assert_array_equal(made["text_encoder.emb.weight"], _weights()["sid"][rows])
    characters = config["characters"]
    assert (characters["characters"], characters["punctuations"]) == (" ab", ".?")
    assert config["model_args"]["num_chars"] == len(rows)


def test_sizes_come_from_shapes_and_nodes(write: Callable[..., Path]) -> None:
    _, config = _converted(write())

    args = config["model_args"]
    assert config["audio"] == {"sample_rate": 16_000, "hop_length": 8}
    assert (args["upsample_rates_decoder"], args["upsample_kernel_sizes_decoder"]) == ([8], [16])
    assert (args["resblock_type_decoder"], args["resblock_dilation_sizes_decoder"]) == ("2", [[3, 6]])
    assert (args["dilation_rate_flow"], args["num_layers_flow"], args["kernel_size_flow"]) == (2, 2, 5)
    assert (args["num_heads_text_encoder"], args["hidden_channels_ffn_text_encoder"]) == (2, 8)
    scales = (args["inference_noise_scale"], args["length_scale"], args["inference_noise_scale_dp"])
    assert scales == (0.5, 1.1, 0.7)


def test_the_same_voice_gives_the_same_bytes(write: Callable[..., Path], tmp_path: Path) -> None:
    source = write()
    folders = [tmp_path / "target", tmp_path / "again"]
    folders[1].mkdir()
    for folder in folders:
        convert(source, folder)

    assert len({(folder / "model.safetensors").read_bytes() for folder in folders}) == 1
    assert len({(folder / "config.json").read_bytes() for folder in folders}) == 1


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda _: b"not a graph", lambda graph: graph[:-200], lambda graph: graph[:100]]
)
def test_a_file_that_is_no_graph_or_cut_short_is_refused(
    write: Callable[..., Path], damage: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(SourceUnavailable, match=r"tiny\.onnx"):
        _converted(write(damage=damage))


def _remove(graph: Any, name: str) -> None:
    kept = [each for each in graph.initializer if each.name != name]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _put(graph: Any, name: str, value: Any) -> None:
    _remove(graph, name)
    graph.initializer.append(numpy_helper.from_array(value, name))


@pytest.mark.parametrize(
    "name", ["sid", "dp.flows.0.m", "/dp/flows.0/Exp_output_0", "dec.ups.0.weight", "dec.conv_pre.weight"]
)
def test_a_graph_without_a_needed_weight_is_refused(write: Callable[..., Path], name: str) -> None:
    with pytest.raises(SourceUnavailable, match=r"tiny\.onnx"):
        _converted(write(lambda graph: _remove(graph, name)))


def test_a_shape_that_promises_more_than_the_file_holds_takes_no_memory(write: Callable[..., Path]) -> None:
    def lie(graph: Any) -> None:
        graph.initializer[0].dims[:] = [1 << 30, 1 << 30]

    source = write(lie)
    tracemalloc.start()
    with pytest.raises(SourceUnavailable, match="not as many values"):
        _converted(source)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_weights_in_another_file_are_not_followed(write: Callable[..., Path]) -> None:
    def point_elsewhere(graph: Any) -> None:
        tensor = graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "../../../etc/passwd"

    with pytest.raises(SourceUnavailable, match="another file"):
        _converted(write(point_elsewhere))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dec.conv_pre.weight", np.full((8, 4, 7), np.nan, np.float32)),
        ("/dp/flows.0/Exp_output_0", np.array([[-1], [1]], np.float32)),
        ("sid", np.zeros((3, HIDDEN), np.float32)),
        ("sid", np.zeros(3, np.float32)),
    ],
)
def test_weights_that_cannot_be_a_voices_are_refused(write: Callable[..., Path], name: str, value: Any) -> None:
    with pytest.raises(SourceUnavailable):
        _converted(write(lambda graph: _put(graph, name, value)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_speakers": 2}, "2 speakers"),
        ({"phoneme_type": "text"}, "espeak-ng only"),
        ({"phoneme_map": {"a": ["b"]}}, "espeak-ng only"),
        ({"phoneme_id_map": {"_": [0]}}, r"lacks \^ \$"),
        ({"phoneme_id_map": SYMBOLS | {"c": [1, 2]}}, "phoneme_id_map.c"),
        ({"espeak": {"voice": "--help"}}, "espeak.voice"),
        ({"audio": {}}, "audio.sample_rate"),
        ({"phoneme_id_map": SYMBOLS | {"c": [10**9]}}, "lacks"),
    ],
)
def test_a_voice_of_another_kind_is_refused_with_the_reason(
    write: Callable[..., Path], changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(SourceUnavailable, match=reason):
        _converted(write(**changes))


def test_a_folder_needs_one_graph_and_its_configuration(tmp_path: Path, write: Callable[..., Path]) -> None:
    with pytest.raises(SourceUnavailable, match="not 0"):
        convert(tmp_path, tmp_path)
    source = write()
    (source / "tiny.onnx.json").unlink()
    with pytest.raises(SourceUnavailable, match=r"tiny\.onnx\.json"):
        _converted(source)


def test_the_tiny_graph_is_what_onnx_reads(write: Callable[..., Path]) -> None:
    assert len(onnx.load(str(write() / "tiny.onnx")).graph.node) == 14
