"""Reads a Piper voice's ONNX graph: its weights under the names they had in the original VITS.

Must not know Coqui's names or what is written. The exporter leaves most names alone, but gives folded weight norms a
number (``onnx::Conv_8168``; not in the order of the layers, since the graph runs the flows backwards) and folds
``exp(-logs)`` of the durations' affine flow into a constant.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smartlite.errors import SourceUnavailable

_MAX_BYTES: Final = 512 * 1024 * 1024
"""A "high" voice has 115 MB. A file is in memory about twice while it is read."""


@dataclass(frozen=True, slots=True)
class PiperGraph:
    """What the graph of a voice holds."""

    weights: dict[str, NDArray[np.float32]]
    """By the original's names, weight norms folded."""
    phoneme_table: NDArray[np.float32]
    """Shape (symbols, hidden)."""
    duration_scale: NDArray[np.float32]
    """exp(-logs) of ``dp.flows.0``, shape (2, 1), all positive."""
    dilations: dict[str, int]
    """Of each convolution, by the name of its weight."""
    strides: dict[str, int]


def read_graph(path: Path) -> PiperGraph:
    """Read a voice's graph; data outside the file is refused.

    Raises:
        SourceUnavailable: It is not one, is cut short, or is larger than a voice can be. Or onnx is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra brings it
        from google.protobuf.message import DecodeError  # noqa: PLC0415
    except ImportError as error:
        raise SourceUnavailable("The package onnx is not installed; pip install 'smartlite[torch]'.") from error
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise SourceUnavailable(f"{path.name} has {size} bytes, more than the {_MAX_BYTES} that a voice may have.")
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except DecodeError as error:
        raise SourceUnavailable(f"{path.name} is no ONNX file, or is cut short: {error}.") from error
    tensors = {each.name: _array(each, path) for each in graph.initializer if each.data_type == onnx.TensorProto.FLOAT}
    return _name(graph, tensors, path)


def _array(tensor: Any, path: Path) -> NDArray[np.float32]:
    import onnx  # noqa: PLC0415 - an extra brings it

    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise SourceUnavailable(f"{path.name} keeps {tensor.name} in another file, which is not allowed.")
    # Checked first: to_array would make what the shape says, whatever the data.
    held = len(tensor.raw_data) // 4 if tensor.HasField("raw_data") else len(tensor.float_data)
    if any(size < 0 for size in tensor.dims) or math.prod(tensor.dims) != held:
        raise SourceUnavailable(f"{path.name}: {tensor.name} has not as many values as its shape {list(tensor.dims)}.")
    array: NDArray[np.float32] = np.ascontiguousarray(onnx.numpy_helper.to_array(tensor), dtype=np.float32)
    if not np.isfinite(array).all():
        raise SourceUnavailable(f"{path.name}: {tensor.name} holds values that are not finite.")
    return array


def _name(graph: Any, tensors: dict[str, NDArray[np.float32]], path: Path) -> PiperGraph:
    dilations: dict[str, int] = {}
    strides: dict[str, int] = {}
    table = scale = None
    centred = ""
    for node in graph.node:
        inputs = list(node.input)
        if node.op_type in ("Conv", "ConvTranspose") and len(inputs) > 1 and inputs[1] in tensors:
            weight = inputs[1]
            if len(inputs) > 2 and inputs[2].endswith(".bias"):
                weight = f"{inputs[2].removesuffix('.bias')}.weight"
                tensors[weight] = tensors[inputs[1]]
            dilations[weight] = _attribute(node, "dilations")
            strides[weight] = _attribute(node, "strides")
        elif node.op_type == "Gather" and inputs[1:] == ["input"] and inputs[0] in tensors:
            table = tensors[inputs[0]]
        elif node.op_type == "Sub" and inputs[1:] == ["dp.flows.0.m"] and node.output:
            centred = node.output[0]
        elif node.op_type == "Mul" and centred in inputs and len(inputs) == 2:
            scale = tensors.get(inputs[1 - inputs.index(centred)])
    if table is None or table.ndim != 2 or scale is None or scale.shape != (2, 1) or not (scale > 0).all():
        raise SourceUnavailable(f"{path.name} is not the graph of a Piper voice.")
    return PiperGraph(tensors, table, scale, dilations, strides)


def _attribute(node: Any, name: str) -> int:
    for attribute in node.attribute:
        if attribute.name == name and attribute.ints:
            return int(attribute.ints[0])
    return 1
