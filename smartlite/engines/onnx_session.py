"""A graph in an onnxruntime session: the device it runs on, one run, and the end of a run that nobody wants.

Must not know what the graph computes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from smartlite.errors import ConfigurationError, EngineFailed

Device = Literal["auto", "cpu", "cuda"]

_CUDA: Final = "CUDAExecutionProvider"
_CPU: Final = "CPUExecutionProvider"
_ERRORS_ONLY: Final = 3


class OnnxSession:
    """A loaded graph. Runs are independent of each other and may come from any thread."""

    def __init__(self, path: Path, device: Device, threads: int) -> None:
        """Load the graph.

        Args:
            path: The .onnx file.
            device: auto takes CUDA if this build of onnxruntime has it.
            threads: Of one run, on the CPU.

        Raises:
            ConfigurationError: onnxruntime is missing, has no such device, or the file is no graph.
        """
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as errors
        except ImportError as error:
            raise ConfigurationError(
                "onnxruntime is not installed; install it with: pip install 'smartlite[cpu]'"
            ) from error
        self._onnxruntime = onnxruntime
        self._errors: tuple[type[Exception], ...] = (
            errors.Fail,
            errors.InvalidArgument,
            errors.InvalidGraph,
            errors.InvalidProtobuf,
            errors.NoSuchFile,
            errors.NotImplemented,
            errors.RuntimeException,
            RuntimeError,
            ValueError,
        )
        available = onnxruntime.get_available_providers()
        if device == "cuda" and _CUDA not in available:
            raise ConfigurationError(
                "onnxruntime has no CUDA here; install onnxruntime-gpu or set device to cpu.", "device"
            )
        on_cuda = device != "cpu" and _CUDA in available
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        settings.log_severity_level = _ERRORS_ONLY
        # Idle threads that spin take the cores of other replicas: with 2 threads on 2 busy cores a sentence took
        # 0.28-0.35 s with spinning, 0.21-0.24 s without.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Every sentence has another length: an exhaustive search for convolutions would be repeated for each.
        cuda: list[Any] = [(_CUDA, {"cudnn_conv_algo_search": "HEURISTIC"})] if on_cuda else []
        try:
            self._session = onnxruntime.InferenceSession(str(path), settings, providers=[*cuda, _CPU])
        except self._errors as error:
            raise ConfigurationError(f"{path.name} is not a graph that onnxruntime can load: {error}") from error
        if device == "cuda" and _CUDA not in self._session.get_providers():
            raise ConfigurationError("onnxruntime could not start CUDA; see its messages above.", "device")

    @property
    def inputs(self) -> set[str]:
        """Names of what the graph takes."""
        return {each.name for each in self._session.get_inputs()}

    def new_run(self) -> "Run":
        """A run that can be ended from another thread."""
        options = self._onnxruntime.RunOptions()
        options.log_severity_level = _ERRORS_ONLY + 1  # the end of a run is not an error worth a line
        return Run(options)

    def run(self, inputs: Mapping[str, Any], run: "Run") -> Any:
        """Run the graph once. Blocks.

        Returns:
            Its first output.

        Raises:
            EngineFailed: 500, the graph failed or was ended.
        """
        try:
            return self._session.run(None, dict(inputs), run.options)[0]
        except self._errors as error:
            raise EngineFailed(f"onnxruntime failed: {str(error)[:200]}") from error


class Run:
    """One run of a graph, to be ended early: measured, onnxruntime returns within 5 ms."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def end(self) -> None:
        """End the run now, or as soon as it begins."""
        self.options.terminate = True
