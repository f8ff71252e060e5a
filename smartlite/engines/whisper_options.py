"""What an operator may set for every engine that runs Whisper. Must not know those engines."""

from typing import Annotated, Literal

from pydantic import Field

from smartlite.engines.protocols import EngineOptions


class WhisperOptions(EngineOptions):
    """The defaults were measured on whisper-base and whisper-tiny.en on a CPU."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; ``auto`` takes a GPU if the engine's library finds one that it can use."""
    device_index: Annotated[int, Field(ge=0)] = 0
    """Which of the GPUs that the process can see."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """CPU threads in all. Left out, a replica takes the cores of its node that it need not share with other replicas of
    its deployment; 0, or left out elsewhere, takes every core that the process may use."""
    beam_size: Annotated[int, Field(ge=1, le=16)] = 1
    """Hypotheses kept at temperature 0; 1 is greedy. On 11 clips of telephone speech 5 took 1.0 to 1.3 times as
    long as 1 and had no fewer errors."""
    best_of: Annotated[int, Field(ge=1, le=16)] = 5
    """Samples drawn at temperatures above 0, of which the most likely is taken."""
    condition_on_previous_text: bool = True
    """Whether a window sees the text of those before it: consistent names, but repetitions may spread."""
    vad: bool = True
    """Whether only what Silero VAD takes for speech is recognised: silence and noise give no text."""
    vad_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Probability from which 32 ms are taken for speech."""
    vad_min_silence_s: Annotated[float, Field(ge=0.1, le=60)] = 2.0
    """Pauses shorter than this, in seconds, are recognised together with the speech around them."""
    stuck_after_s: Annotated[float, Field(ge=1)] = 300.0
    """A step that takes longer, in seconds, makes the engine unhealthy; one window takes seconds on a CPU."""
