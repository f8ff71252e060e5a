"""What all Coqui models need of torch: the device, errors in our words, weights only, and an end to a run.

Must not know models or files. Importing this loads nothing.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError
from threading import Event
from typing import Any, Final
from weakref import WeakMethod

from smartlite.errors import ConfigurationError

_FORCE_WEIGHTS_ONLY: Final = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_MISTYPED: Final = r"Type mismatch in \w+\s+Failed to deserialize field: (model_args|audio|characters) "

INFERENCE_ERRORS: Final = (RuntimeError, ValueError, IndexError, KeyError, TypeError, AssertionError, ArithmeticError)
"""What the library raises where a run fails: torch's own errors, out of memory included, are RuntimeErrors, and its
checks of arguments are assertions and conversions."""


class RunEnded(Exception):
    """A run that nobody waits for any more has ended early; never leaves the engine's thread."""


class Run:
    """One run of a model, to be ended early."""

    def __init__(self) -> None:
        self._ended = Event()

    def end(self) -> None:
        """End it before its next layer."""
        self._ended.set()

    def check(self) -> None:
        """Called before every layer.

        Raises:
            RunEnded: Nobody waits for the outcome.
        """
        if self._ended.is_set():
            raise RunEnded


def choose_device(device: str) -> str:
    """The device that ``auto`` means here.

    Raises:
        ConfigurationError: torch is missing or sees no GPU.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        raise ConfigurationError(f"torch cannot be loaded ({error}); pip install 'smartlite[torch]'") from error
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("torch sees no GPU here; set device to cpu or install a CUDA build.", "device")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


@contextmanager
def weights_only() -> Iterator[None]:
    """Make every ``torch.load`` of the library load data only, also where it asks for more (its Bark does).

    torch reads this variable on every load; it is the only way that a caller's own argument cannot undo.
    """
    before = os.environ.get(_FORCE_WEIGHTS_ONLY)
    os.environ[_FORCE_WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FORCE_WEIGHTS_ONLY]
        else:
            os.environ[_FORCE_WEIGHTS_ONLY] = before


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turn what goes wrong while a model is loaded into ConfigurationError."""
    try:
        with warnings.catch_warnings():
            # The library warns of a value of the wrong type and takes its default, which is another model.
            warnings.filterwarnings("error", _MISTYPED, UserWarning)
            yield
    except UnpicklingError as error:
        first = str(error).splitlines()[0][:200]
        raise ConfigurationError(f"{name} holds more than weights and was not read: {first}") from error
    except ImportError as error:
        raise ConfigurationError(f"{name} needs a package that is missing: {error}.") from error
    except (*INFERENCE_ERRORS, AttributeError, EOFError, OSError, MemoryError, UserWarning) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ConfigurationError(f"{name} cannot be loaded as a Coqui model: {reason}") from error


def watch(module: Any, current: Any) -> None:
    """Ask before every layer of a module whether the run goes on.

    Args:
        module: A torch module.
        current: A method that raises RunEnded where the run that is under way was ended. Its object, which has the
            module, is not kept alive: the weights go with the last who uses them, not at some later sweep.
    """
    method = WeakMethod(current)

    def before_layer(*_: object) -> None:
        if (check := method()) is not None:
            check()

    for layer in module.modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_pre_hook(before_layer)
