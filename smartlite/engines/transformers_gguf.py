"""GGUF models computed into plain weights once, so that later starts take seconds. Must not know requests.

transformers takes 16 s to read 135M parameters of a GGUF file and half a second to read the same as safetensors.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from smartlite.errors import ConfigurationError

_PREFIX: Final = ".transformers"
_LOCK_TIMEOUT_S: Final = 1800.0


def converted(gguf: Path, dtype: Any, library: Any) -> tuple[Path, dict[str, Any]]:
    """Return where to load a GGUF model from, with the further arguments of ``from_pretrained``.

    The plain weights lie in a hidden folder beside the file, named after its size and its time of change, so a new
    file is converted anew. Where nothing can be written the GGUF file itself is loaded each time.

    Raises:
        ConfigurationError: Another process converts the same file and does not end.
    """
    kind = str(dtype).removeprefix("torch.")
    state = gguf.stat()
    folder = gguf.parent / f"{_PREFIX}-{kind}-{state.st_size:x}-{state.st_mtime_ns:x}"
    if folder.is_dir():
        return folder, {}
    lock = FileLock(gguf.parent / f"{_PREFIX}.lock")
    try:
        lock.acquire(timeout=_LOCK_TIMEOUT_S)
    except Timeout as error:
        raise ConfigurationError(f"{gguf}: another process has been converting it for {_LOCK_TIMEOUT_S} s.") from error
    except OSError:
        return gguf.parent, {"gguf_file": gguf.name}
    try:
        if not folder.is_dir():
            _convert(gguf, dtype, library, folder)
            _forget_others(folder, kind)
    finally:
        lock.release()
    return folder, {}


def _convert(gguf: Path, dtype: Any, library: Any, folder: Path) -> None:
    from transformers import modeling_gguf_pytorch_utils as reader

    arriving = gguf.parent / f"{_PREFIX}.partial"
    shutil.rmtree(arriving, ignore_errors=True)  # of a process that was killed
    reader.tqdm = partial(reader.tqdm, disable=True)  # the library's own switch for progress bars forgets this one
    safe: dict[str, Any] = {"gguf_file": gguf.name, "trust_remote_code": False, "local_files_only": True}
    plain = library.GgufConfig(dequantize=True)
    model = library.AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=dtype, quantization_config=plain, **safe)
    tokenizer = library.AutoTokenizer.from_pretrained(gguf.parent, **safe)
    # It is plain now; where the library still holds it for packed it would not save it.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    try:
        model.save_pretrained(arriving)
        tokenizer.save_pretrained(arriving)
        arriving.rename(folder)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _forget_others(folder: Path, kind: str) -> None:
    """Remove what was made of a file that has been replaced since."""
    for other in folder.parent.glob(f"{_PREFIX}-{kind}-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
