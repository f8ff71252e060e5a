"""A stage under load, and held against another OpenAI-compatible server. Must not know engines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.clips import question
from benchmarks.load.curve import Plan, Server, Step, measure_closed, measure_curves
from benchmarks.load.outcome import Load
from benchmarks.load.stages import MODELS, Stage, stage_request
from benchmarks.measure import Row, Sample, ratio_row
from benchmarks.target import Target, read_engine
from smartlite.config import load_settings

OURS: Final = "SmartLite"
OTHER: Final = "against"
_QUESTION: Final = "Can you tell me about the history of Rome?"


@dataclass(frozen=True, slots=True)
class Other:
    """The server of ``--against``."""

    url: str
    key: str = ""
    model: str = ""
    """As it calls the stage's model; as we call ours when empty."""


def measure_stage(
    stage: Stage, target: Target, plan: Plan, other: Other | None, steps: list[Step], say: Callable[[str], object]
) -> None:
    """One caller alone, then the curve; both servers get the same bytes but for the key and the model's name."""
    with target.gateway() as gateway:
        clip = question(gateway, _QUESTION).read_bytes()
    model = MODELS[stage] or read_engine(target.config, stage).model
    key = load_settings().api_key.get_secret_value()
    servers = [
        Server(f"{OURS}, {stage}", stage_request(stage, target.url, key, model, clip), target.processes.counting_cpu)
    ]
    if other is not None:
        servers.append(
            Server(f"{OTHER}, {stage}", stage_request(stage, other.url, other.key, other.model or model, clip))
        )
    say(f"{stage}: one caller")
    steps += measure_closed(servers, replace(plan, connections=1), "alone")
    measure_curves(servers, plan, steps, say)


def judge_stage(stage: Stage, steps: Sequence[Step]) -> list[Row]:
    """Hold ours against the other one, where there is one: latencies of one caller, and what many get."""
    one = {step.server: step for step in steps if step.kind == "alone"}
    many = {step.server: step for step in steps if step.kind == "closed"}
    ours, other = f"{OURS}, {stage}", f"{OTHER}, {stage}"
    if other not in many:
        return []
    figures: tuple[tuple[str, dict[str, Step], Callable[[Load], float], str], ...] = (
        ("one caller, whole answer, p50", one, lambda load: load.p50_ms, "ms"),
        ("one caller, first byte of the body, p50", one, lambda load: load.first_byte_p50_ms, "ms"),
        ("many callers, answers a second", many, lambda load: load.goodput_per_s, "/s"),
    )
    return [
        ratio_row(
            f"{stage} against the other server, {what}",
            _sample(of[other], of_load, unit),
            _sample(of[ours], of_load, unit),
        )
        for what, of, of_load, unit in figures
    ]


def _sample(step: Step, figure: Callable[[Load], float], unit: str) -> Sample:
    return Sample(tuple(figure(load) for load in step.loads), unit)
