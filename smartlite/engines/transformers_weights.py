"""Models of the transformers library on this node's disk, loaded without running anything that came with them.

Only ``.safetensors`` and ``.gguf`` are read, and never with ``trust_remote_code``. Must not know requests.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from smartlite.domain.models import ModelFiles
from smartlite.engines.gguf import find_gguf, read_gguf_header
from smartlite.engines.torch_attention import choose_attention
from smartlite.engines.transformers_gguf import converted
from smartlite.engines.transformers_options import TorchOptions
from smartlite.errors import ConfigurationError

_INSTALL: Final = "pip install 'smartlite[torch]'."
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack")
_OFFLINE: Final[dict[str, Any]] = {"trust_remote_code": False, "local_files_only": True}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model and its tokenizer, as the library has them."""

    model: Any
    tokenizer: Any
    device: str
    """``cpu`` or ``cuda:0``: where its first layer is."""

    @property
    def trained_context_tokens(self) -> int:
        """Tokens of the longest text that the model was trained on; 0 where it does not say."""
        return int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 0)

    @property
    def vocabulary_size(self) -> int:
        """Rows of its output."""
        return int(self.model.config.get_text_config().vocab_size)


def load_model(files: ModelFiles, options: TorchOptions) -> LoadedModel:
    """Load a causal language model.

    A GGUF file is computed into plain weights once and kept beside itself, see `transformers_gguf`.

    Raises:
        ConfigurationError: A library is missing, or the files are not a model that it can load safely.
    """
    library = open_library(options)
    import torch

    directory = files.directory
    with translated(directory):
        dtype = getattr(torch, _dtype(torch, options))
        source: Path = directory
        arguments: dict[str, Any] = {}
        if not _has_safetensors(directory, files.files):
            gguf = find_gguf(files)
            read_gguf_header(gguf)
            source, arguments = converted(gguf, dtype, library)
        quantization = _quantization(library, torch, options)
        if "gguf_file" in arguments:
            if quantization is not None:
                raise ConfigurationError(
                    f"{directory} cannot be written: the GGUF model cannot be made ready for quantization.",
                    "quantization",
                )
            quantization = library.GgufConfig(dequantize=True)  # else it would look for GPU kernels on a hub
        tokenizer = library.AutoTokenizer.from_pretrained(source, **_OFFLINE, **arguments)
        model, report = library.AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype,
            device_map=_device_map(torch, options),
            attn_implementation=options.attention,
            quantization_config=quantization,
            use_safetensors=True,
            output_loading_info=True,
            **_OFFLINE,
            **arguments,
        )
        if lacking := sorted(report["missing_keys"]):
            # The library would go on with random numbers in their place.
            raise ConfigurationError(f"{directory}: the weights lack {len(lacking)} tensors, such as {lacking[0]}.")
        model.eval()
    return LoadedModel(model, tokenizer, str(model.device))


def open_library(options: TorchOptions) -> Any:
    """Import torch and transformers, quiet, with the threads that are asked for.

    Raises:
        ConfigurationError: One is not installed.
    """
    try:
        import accelerate  # noqa: F401 - what device_map needs
        import torch
        import transformers
    except ImportError as error:
        raise ConfigurationError(f"{error.name} is not installed: {_INSTALL}", "engine") from error
    torch.set_num_threads(options.threads)
    choose_attention(torch)
    transformers.utils.logging.set_verbosity(transformers.utils.logging.CRITICAL)
    transformers.utils.logging.disable_progress_bar()
    return transformers


@contextmanager
def translated(directory: Path) -> Iterator[None]:
    """Turn what the libraries raise while they load into our error.

    Raises:
        ConfigurationError: With the library's own words.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (
        *(OSError, ValueError, LookupError, TypeError, RuntimeError, ImportError, AttributeError),
        *(AssertionError, ArithmeticError, MemoryError, SafetensorError),
    ) as error:
        reason = str(error).strip()[:1000]
        raise ConfigurationError(f"{directory}: transformers cannot run this model. {reason}") from error


def _has_safetensors(directory: Path, names: tuple[str, ...]) -> bool:
    found = [path.name for path in sorted(directory.glob("*")) if path.is_file()]
    if any(name.endswith(".safetensors") for name in found) and (directory / "config.json").is_file():
        return True
    if not any(name.endswith(".gguf") for name in (*names, *found)):
        pickles = [name for name in found if name.endswith(_PICKLES)]
        why = f" {pickles[0]} may run code of whoever wrote it and is not read." if pickles else ""
        raise ConfigurationError(f"{directory}: has neither config.json with .safetensors nor a .gguf file.{why}")
    return False


def _device_map(torch: Any, options: TorchOptions) -> str:
    if options.device_map == "auto" and not torch.cuda.is_available():
        return "cpu"
    if options.device_map.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigurationError(f"device_map is '{options.device_map}', and torch sees no GPU.", "device_map")
    return options.device_map


def _dtype(torch: Any, options: TorchOptions) -> str:
    if options.dtype != "auto":
        return options.dtype
    if options.device_map != "cpu" and torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    features = torch.cpu.get_capabilities()
    return "bfloat16" if features.get("avx512_bf16") or features.get("amx_bf16") else "float32"


def _quantization(library: Any, torch: Any, options: TorchOptions) -> Any:
    if options.quantization == "none":
        return None
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"quantization '{options.quantization}' needs bitsandbytes: {_INSTALL}", "quantization"
        ) from error
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)  # warns of every request
    if options.quantization == "int8":
        return library.BitsAndBytesConfig(load_in_8bit=True)
    return library.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
