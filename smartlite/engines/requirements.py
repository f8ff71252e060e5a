"""What each engine needs beside Python: packages, programs, and how they are installed. Must not load any of them,
but where it is asked whether an engine can use a GPU.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smartlite.engines.phonemes import INSTALL_COMMAND, PROGRAM

_CPU_EXTRA: Final = "pip install 'smartlite[cpu]'"
_TORCH_EXTRA: Final = "pip install 'smartlite[torch]'"
_CUBLAS: Final = "libcublas.so.12"
"""What CTranslate2 is built for; torch may bring another version."""


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package: the name it is installed by, and the one it is imported by."""

    distribution: str
    module: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is started by name."""

    name: str
    install: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """What an engine needs."""

    packages: tuple[Package, ...] = ()
    install: str = ""
    """Command that installs the packages."""
    programs: tuple[Program, ...] = ()
    sees_gpu: Callable[[], bool] | None = None
    """Asks the engine's library whether it can use a GPU of this machine; loads it, and raises ImportError or OSError
    where it cannot be loaded. None: the engine computes on CPUs only."""
    gpu_hint: str = ""
    """What makes ``sees_gpu`` true on a machine that has a GPU."""


def _ctranslate2_sees_gpu() -> bool:
    import ctranslate2

    if not ctranslate2.get_cuda_device_count():
        return False
    try:
        ctypes.CDLL(_CUBLAS)  # it opens it with the first recording only
    except OSError:
        return False
    return True


def _onnxruntime_sees_gpu() -> bool:
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def _torch_sees_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _llama_cpp_sees_gpu() -> bool:
    import xllamacpp

    return any("GPU" in str(device["type"]) for device in xllamacpp.get_device_info())


REQUIREMENTS: Final[dict[str, Requirements]] = {
    "faster_whisper": Requirements(
        packages=(Package("faster-whisper", "faster_whisper"), Package("ctranslate2", "ctranslate2")),
        install=_CPU_EXTRA,
        sees_gpu=_ctranslate2_sees_gpu,
        gpu_hint="pip install nvidia-cublas-cu12, and name its lib folder in LD_LIBRARY_PATH",
    ),
    "openai_whisper": Requirements(
        packages=(
            Package("torch", "torch"),
            Package("openai-whisper", "whisper"),
            Package("safetensors", "safetensors"),
            Package("faster-whisper", "faster_whisper"),  # its voice activity detection, which needs no torch
        ),
        install=_TORCH_EXTRA,
        sees_gpu=_torch_sees_gpu,
        gpu_hint="install a build of torch for your CUDA driver",
    ),
    "llama_cpp": Requirements(
        packages=(Package("xllamacpp", "xllamacpp"), Package("llguidance", "llguidance")),
        install=_CPU_EXTRA,
        sees_gpu=_llama_cpp_sees_gpu,
        gpu_hint="install a build of xllamacpp with CUDA",
    ),
    "onnx_vits": Requirements(
        packages=(Package("onnxruntime", "onnxruntime"),),
        install=_CPU_EXTRA,
        programs=(Program(PROGRAM, INSTALL_COMMAND),),
        sees_gpu=_onnxruntime_sees_gpu,
        gpu_hint="pip uninstall onnxruntime && pip install onnxruntime-gpu",
    ),
    "openai_upstream": Requirements(
        packages=(Package("openai", "openai"),), install="pip install 'smartlite[upstream]'"
    ),
    "transformers": Requirements(
        packages=(
            Package("torch", "torch"),
            Package("transformers", "transformers"),
            Package("accelerate", "accelerate"),
            Package("gguf", "gguf"),
            Package("llguidance", "llguidance"),
        ),
        install=_TORCH_EXTRA,
        sees_gpu=_torch_sees_gpu,
        gpu_hint="install a build of torch for your CUDA driver",
    ),
    "coqui": Requirements(
        packages=(Package("coqui-tts", "TTS"), Package("torch", "torch")),
        install=_TORCH_EXTRA,
        programs=(Program(PROGRAM, INSTALL_COMMAND),),
        sees_gpu=_torch_sees_gpu,
        gpu_hint="install a build of torch for your CUDA driver",
    ),
    "kokoro": Requirements(
        packages=(Package("onnxruntime", "onnxruntime"), Package("haqumei", "haqumei")),
        install=_CPU_EXTRA,
        programs=(Program(PROGRAM, INSTALL_COMMAND),),
        sees_gpu=_onnxruntime_sees_gpu,
        gpu_hint="pip uninstall onnxruntime && pip install onnxruntime-gpu",
    ),
    "espeak": Requirements(programs=(Program(PROGRAM, INSTALL_COMMAND),)),
    "fake": Requirements(),
}
"""By the engine's name in the registry."""
