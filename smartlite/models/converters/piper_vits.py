"""Piper's ONNX voices as weights and configuration of Coqui's VITS: pure numpy, and the same bytes on every machine.

Must not know torch, Coqui's library or the store. Proved on en_US-joe-medium: without noise both engines give the
same samples within 1e-4 at a peak of 0.4. The graph holds the weights of the original VITS under their own
names, but for what the exporter folded: see ``piper_graph``. What only training needs (posterior encoder, duration
predictor's second half, its first spline flow) is not in a voice, so the result speaks and cannot be trained further.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from smartlite.errors import SourceUnavailable
from smartlite.models.converters.piper_graph import PiperGraph, read_graph

Tensors = dict[str, NDArray[np.float32]]

_PAD, _BOS, _EOS = "_", "^", "$"
_PUNCTUATIONS: Final = "!,.:;?"
_MAX_CONFIG_BYTES: Final = 1024 * 1024
_PREFIXES: Final = {
    "enc_p.": "text_encoder.",
    "dec.": "waveform_decoder.",
    **{f"flow.flows.{2 * index}.": f"flow.flows.{index}." for index in range(4)},
    **{f"dp.flows.{2 * index + 1}.": f"duration_predictor.flows.{index + 1}." for index in (1, 2, 3)},
    **{f"dp.{part}": f"duration_predictor.{part}" for part in ("pre.", "proj.", "convs.")},
}
"""The original's flows alternate with flips that have no weights, which Coqui does not count."""


class _Audio(BaseModel):
    sample_rate: Annotated[int, Field(ge=8000, le=96000)]


class _Espeak(BaseModel):
    voice: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]{0,63}$")]


class _Inference(BaseModel):
    noise_scale: Annotated[float, Field(ge=0, le=10)] = 0.667
    length_scale: Annotated[float, Field(gt=0, le=10)] = 1.0
    noise_w: Annotated[float, Field(ge=0, le=10)] = 0.8


class _Voice(BaseModel):
    audio: _Audio
    espeak: _Espeak
    inference: _Inference = _Inference()
    phoneme_type: str = "espeak"
    phoneme_map: dict[str, list[str]] = {}
    phoneme_id_map: dict[str, Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=1)]]
    num_speakers: Annotated[int, Field(ge=1)] = 1


def convert_piper_vits(source_dir: Path, target_dir: Path) -> None:
    """Write ``model.safetensors`` and ``config.json`` from NAME.onnx and NAME.onnx.json.

    Args:
        source_dir: Holds one voice.
        target_dir: Exists.

    Raises:
        SourceUnavailable: The files are not a voice of one speaker with espeak-ng's phonemes.
    """
    try:
        from safetensors.numpy import save_file  # noqa: PLC0415 - an extra brings it
    except ImportError as error:
        raise SourceUnavailable("safetensors is not installed: pip install 'smartlite[torch]'") from error
    graphs = sorted(source_dir.glob("*.onnx"))
    if len(graphs) != 1:
        raise SourceUnavailable(f"The converter piper_vits takes one .onnx file, not {len(graphs)}.")
    voice = _read_voice(graphs[0].with_name(f"{graphs[0].name}.json"))
    graph = read_graph(graphs[0])
    symbols = _symbols(voice)
    try:
        tensors = _tensors(graph)
        tensors["text_encoder.emb.weight"] = graph.phoneme_table[[voice.phoneme_id_map[each][0] for each in symbols]]
        config = _config(voice, symbols, tensors, graph)
    except (KeyError, IndexError, ValueError) as error:
        raise SourceUnavailable(f"{graphs[0].name} is not the graph of a Piper voice: it lacks {error}.") from error
    save_file(tensors, str(target_dir / "model.safetensors"), {"format": "pt"})
    text = json.dumps(config, ensure_ascii=False, indent=1, sort_keys=True)
    (target_dir / "config.json").write_text(text + "\n", encoding="utf-8")


def _read_voice(path: Path) -> _Voice:
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise SourceUnavailable(f"{path.name} is larger than a voice's configuration can be.")
        voice = _Voice.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SourceUnavailable(
            f"{path.name} is not a voice that piper_vits takes: {where}: {first['msg']}."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise SourceUnavailable(f"{path.name} cannot be read as JSON: {error}.") from error
    if voice.num_speakers != 1:
        raise SourceUnavailable(f"{path.name} has {voice.num_speakers} speakers; piper_vits converts voices of one.")
    if voice.phoneme_type != "espeak" or voice.phoneme_map:
        raise SourceUnavailable(f"{path.name} has phonemes of its own; piper_vits takes those of espeak-ng only.")
    if missing := [symbol for symbol in (_PAD, _BOS, _EOS) if symbol not in voice.phoneme_id_map]:
        raise SourceUnavailable(f"{path.name}: phoneme_id_map lacks {' '.join(missing)}.")
    return voice


def _symbols(voice: _Voice) -> list[str]:
    """Phonemes in the order that Coqui's vocabulary fixes: pad, end, start, blank, characters, punctuation.

    A phoneme of several code points is left out: phonemes are read one code point at a time, here as in Piper.
    """
    own = sorted(key for key in voice.phoneme_id_map if len(key) == 1 and key not in (_PAD, _BOS, _EOS))
    marks = [key for key in own if key in _PUNCTUATIONS]
    return [_PAD, _EOS, _BOS, _PAD, *(key for key in own if key not in marks), *marks]


def _tensors(graph: PiperGraph) -> Tensors:
    tensors: Tensors = {}
    for name, values in graph.weights.items():
        for prefix, coqui in _PREFIXES.items():
            if name.startswith(prefix):
                tensors[coqui + name.removeprefix(prefix)] = values
    tensors["duration_predictor.flows.0.translation"] = graph.weights["dp.flows.0.m"]
    # In float64, so that the rounding to float32 does not depend on the CPU's own logarithm.
    logs = [-math.log(float(value)) for value in graph.duration_scale.reshape(-1)]
    tensors["duration_predictor.flows.0.log_scale"] = np.array(logs, np.float32).reshape(graph.duration_scale.shape)
    return tensors


def _config(voice: _Voice, symbols: list[str], tensors: Tensors, graph: PiperGraph) -> Mapping[str, object]:
    """What Coqui's ``VitsConfig`` cannot know: sizes from the weights' shapes, the rest from the graph's nodes."""
    encoder, decoder = "text_encoder.encoder", "waveform_decoder"
    hidden = tensors["text_encoder.emb.weight"].shape[1]
    ffn = tensors[f"{encoder}.ffn_layers.0.conv_1.weight"].shape
    ups = _count(tensors, f"{decoder}.ups")
    kernels = _count(tensors, f"{decoder}.resblocks") // ups
    type_1 = f"{decoder}.resblocks.0.convs1.0.weight" in tensors
    convs = "convs1" if type_1 else "convs"
    flow = tensors["flow.flows.0.enc.in_layers.0.weight"].shape
    flow_dilations = [
        graph.dilations[f"flow.flows.0.enc.in_layers.{index}.weight"]
        for index in range(_count(tensors, "flow.flows.0.enc.in_layers"))
    ]
    rate = flow_dilations[1] if len(flow_dilations) > 1 else 1
    if flow_dilations != [rate**index for index in range(len(flow_dilations))]:
        raise SourceUnavailable(f"The flow's dilations {flow_dilations} are no powers, as Coqui's are.")
    strides = [graph.strides[f"dec.ups.{index}.weight"] for index in range(ups)]
    english = voice.espeak.voice.partition("-")[0].lower() == "en"
    return {
        "model": "vits",
        "audio": {"sample_rate": voice.audio.sample_rate, "hop_length": math.prod(strides)},
        "use_phonemes": True,
        "phonemizer": "espeak",
        "phoneme_language": voice.espeak.voice,
        "text_cleaner": "phoneme_cleaners" if english else "multilingual_phoneme_cleaners",
        "add_blank": True,
        "enable_eos_bos_chars": True,
        "characters": {
            "characters_class": "TTS.tts.utils.text.characters.IPAPhonemes",
            "pad": _PAD,
            "eos": _EOS,
            "bos": _BOS,
            "blank": _PAD,
            "characters": "".join(each for each in symbols[4:] if each not in _PUNCTUATIONS),
            "punctuations": "".join(each for each in symbols[4:] if each in _PUNCTUATIONS),
            "is_unique": False,
            "is_sorted": False,
        },
        "model_args": {
            "num_chars": len(symbols),
            "hidden_channels": hidden,
            "hidden_channels_ffn_text_encoder": ffn[0],
            "kernel_size_text_encoder": ffn[2],
            "num_layers_text_encoder": _count(tensors, f"{encoder}.attn_layers"),
            "num_heads_text_encoder": hidden // tensors[f"{encoder}.attn_layers.0.emb_rel_k"].shape[2],
            "kernel_size_flow": flow[2],
            "dilation_rate_flow": rate,
            "num_layers_flow": len(flow_dilations),
            "resblock_type_decoder": "1" if type_1 else "2",
            "resblock_kernel_sizes_decoder": [
                tensors[f"{decoder}.resblocks.{index}.{convs}.0.weight"].shape[2] for index in range(kernels)
            ],
            "resblock_dilation_sizes_decoder": [
                [
                    graph.dilations[f"dec.resblocks.{index}.{convs}.{layer}.weight"]
                    for layer in range(_count(tensors, f"{decoder}.resblocks.{index}.{convs}"))
                ]
                for index in range(kernels)
            ],
            "upsample_rates_decoder": strides,
            "upsample_kernel_sizes_decoder": [
                tensors[f"{decoder}.ups.{index}.weight"].shape[2] for index in range(ups)
            ],
            "upsample_initial_channel_decoder": tensors[f"{decoder}.conv_pre.weight"].shape[0],
            "use_sdp": True,
            "init_discriminator": False,
            "inference_noise_scale": voice.inference.noise_scale,
            "inference_noise_scale_dp": voice.inference.noise_w,
            "length_scale": voice.inference.length_scale,
        },
    }


def _count(tensors: Tensors, prefix: str) -> int:
    """How many numbered parts there are below a name."""
    found = {name.removeprefix(f"{prefix}.").partition(".")[0] for name in tensors if name.startswith(f"{prefix}.")}
    if not found:
        raise KeyError(prefix)
    return len(found)
