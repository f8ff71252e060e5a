"""What ``smartlite bench`` takes from this package. Must not hold anything of its own."""

from benchmarks.bench import Options, bench
from benchmarks.capacity.command import CapacityOptions, capacity
from benchmarks.load.curve import Plan
from benchmarks.stages_compared import Other
from benchmarks.tune.command import TuneOptions, tune_platform
from benchmarks.tune.knobs import Knob

__all__ = ["CapacityOptions", "Knob", "Options", "Other", "Plan", "TuneOptions", "bench", "capacity", "tune_platform"]
